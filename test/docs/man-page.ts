/** Escapes characters that roff interprets. What is in backticks becomes bold. */
const roff = (text: string): string =>
  text
    .replaceAll("\\", "\\e")
    .replaceAll("-", "\\-")
    .replaceAll("~", "\\(ti")
    .replaceAll("^", "\\(ha")
    .replaceAll('"', "\\(dq")
    .replace(/`([^`]+)`/g, "\\fB$1\\fR")
    .replace(/^(?=[.'])/, "\\&");

/** One row of a list in a help text: a term and its description, or an example. */
interface Item {
  readonly term: string;
  readonly text: string;
}

/** The rows of a list, each put together from its lines. */
function parseItems(lines: readonly string[]): readonly Item[] {
  const items: { term: string; text: string }[] = [];
  for (const line of lines) {
    const [, term, text = ""] = /^ {2}(\S.*?)(?: {2,}(\S.*))?$/.exec(line) ?? [];
    const last = items.at(-1);
    if (term !== undefined) items.push({ term, text });
    else if (last !== undefined) last.text = `${last.text} ${line.trim()}`.trim();
  }
  return items;
}

const renderItems = (items: readonly Item[]): readonly string[] =>
  items.flatMap(({ term, text }) => [".TP", `\\fB${roff(term)}\\fR`, roff(text)]);

/** A block of a help text, which is between empty lines. */
function renderBlock(block: string): readonly string[] {
  const [first = "", ...rest] = block.split("\n");
  if (first.startsWith("Usage: ")) return [`\\fB${roff(first.slice("Usage: ".length))}\\fR`, ".PP"];
  if (/^Examples?:$/.test(first)) return [".PP", first, ".PP", ".nf", ...rest.map((line) => roff(line)), ".fi"];
  // The section COMMANDS describes each option of a command below its name, so the headings are not needed.
  if (/^(?:Arguments|Options):$/.test(first)) {
    return renderItems(parseItems(rest).filter(({ term }) => term !== "-h, --help"));
  }
  return [".PP", roff([first, ...rest].join(" "))];
}

const blocksOf = (help: string): readonly string[] => help.trim().split(/\n\n+/);

/** The rows of the first table below a heading of a Markdown page. */
function tableBelow(page: string, heading: string): readonly Item[] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split("\n## ")[0] ?? "";
  const rows = [...section.matchAll(/^\| (.+?) \| (.+) \|$/gm)].slice(1);
  return rows.map(([, term = "", text = ""]) => ({ term, text: text.replace(/\[([^\]]+)\]\([^)]+\)/g, "$1") }));
}

/** The texts from which the man page is made. */
interface Sources {
  /** The help of the program itself. */
  readonly help: string;
  /** The help of each command, by its name. */
  readonly commands: ReadonlyMap<string, string>;
  /** docs/commands.md */
  readonly page: string;
}

/** The man page, in the roff language. */
export function renderManPage({ help, commands, page }: Sources): string {
  const [, description = ""] = blocksOf(help);
  return [
    '.\\" Generated from the help of the commands; to update: npm run docs',
    '.TH PIPELINEWISE\\-SCHED 1 "" "pipelinewise\\-sched"',
    ".SH NAME",
    "pipelinewise\\-sched \\- schedule PipelineWise pipelines",
    ".SH SYNOPSIS",
    "\\fBpipelinewise\\-sched\\fR \\fIcommand\\fR [\\fIoptions\\fR]",
    ".SH DESCRIPTION",
    roff(description.replaceAll("\n", " ")),
    ".SH COMMANDS",
    "Every command accepts \\fB\\-\\-help\\fR.",
    ...[...commands].flatMap(([name, text]) => [`.SS ${roff(name)}`, ...blocksOf(text).flatMap(renderBlock)]),
    ".SH EXIT STATUS",
    ...renderItems(tableBelow(page, "Exit codes")),
    ".SH ENVIRONMENT",
    ...renderItems([
      {
        term: "PIPELINEWISE_CONFIG_DIRECTORY",
        text: "PipelineWise's config directory, unless `--config-dir` names it",
      },
      { term: "NO_COLOR", text: "if it is set, the output has no colours" },
    ]),
    ".SH FILES",
    ...renderItems([
      { term: "schedule.yml", text: "the schedule file in the working directory, unless a command names another one" },
      { term: "~/.pipelinewise/.sched", text: "installed schedules, locks, history and logs" },
    ]),
    ".SH SEE ALSO",
    "\\fBcrontab\\fR(1), \\fBcrontab\\fR(5)",
    "",
  ]
    .join("\n")
    .replaceAll(/\n\.PP\n(?=\.(?:PP|TP))/g, "\n");
}
