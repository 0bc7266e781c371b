import { isSafeWord } from "../command-line.ts";
import { type Cron, parseCron } from "../cron/expression.ts";
import { escapeInvisible } from "../cron/field.ts";
import {
  findZone,
  hasIntl,
  isPortableZone,
  nearestZones,
  zoneInRightCase,
  zonesForShortName,
} from "../cron/zone-names.ts";
import { RETRY_OUTCOMES } from "../policies.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../time-units.ts";
import { quoted } from "./diagnostic.ts";

/** A string of the file is not valid for its key. The schedule parser turns this into a diagnostic. */
export class ValueError extends Error {
  readonly hint: string | undefined;
  /** Offset of the error in the string, from 0. */
  readonly offset: number;

  constructor(message: string, hint?: string, offset = 0) {
    super(message);
    this.name = "ValueError";
    this.hint = hint;
    this.offset = offset;
  }
}

/** Control characters, line ends, and halves of a surrogate pair. */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}]/u;

export function parsePrintable(text: string): string {
  const { index } = UNPRINTABLE.exec(text) ?? {};
  if (index === undefined) return text;
  const what = text[index] === "\n" ? "a line end" : `the character ${quoted(text.charAt(index)).slice(1, -1)}`;
  throw new ValueError(`${quoted(text)} contains ${what}`, "Write it on one line, in printable characters.");
}

/**
 * An identifier that `connectorIdError` or `nameError` has checked.
 *
 * @param error the result of that check
 */
export function parseIdentifier(text: string, error: string | undefined): string {
  if (error === undefined) return text;
  const [message = error, hint] = error.split(/: (.*)/s);
  throw new ValueError(`${quoted(text)} ${message}`, hint === undefined ? hint : `${sentence(hint)}.`);
}

const sentence = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1);

/** Line ends, and characters that are invisible or look like a space but that cron does not accept as a blank. */
const NO_BLANK = /[^\S \t]|\p{Cf}/u;

/** A cron expression. A block scalar (`cron: |`) and copied text contain invisible characters. */
export function parseCronText(text: string): Cron {
  const { 0: found, index } = NO_BLANK.exec(text) ?? {};
  if (found === undefined) return parseCron(text);
  const lines = text
    .split(/[\r\n]/)
    .map((line) =>
      line
        .replace(/\p{Cf}/gu, "")
        .trim()
        .split(/\s+/)
        .join(" "),
    )
    .filter((line) => line !== "");
  const written = lines.slice(0, 3).map((line) => quoted(line));
  if (lines.length > written.length) written.push("…");
  const example = written.length > 1 ? `[${written.join(", ")}]` : (written[0] ?? '"0 3 * * *"');
  if (/[\r\n]/.test(text)) {
    const how = lines.length > 1 ? "Write a list" : "Write it in quotes after the key";
    const message = "a cron expression is one line, but this one contains a line end";
    throw new ValueError(message, `${how}, without | or >: ${example}`, index);
  }
  throw new ValueError(
    `the cron expression contains ${escapeInvisible(found)}, which is not an ordinary space`,
    `Type it again with ordinary spaces: ${example}`,
    index,
  );
}

/**
 * A zone that this Node knows, in the user's spelling: the canonical name may be outdated, such as Asia/Calcutta for
 * Asia/Kolkata. All names of UTC are equivalent.
 */
export function parseZone(text: string): string {
  const zone = findZone(text);
  const likely = isPortableZone(text) ? undefined : zonesForShortName(text);
  if (likely !== undefined || (zone !== undefined && !isPortableZone(text))) {
    throw new ValueError(
      `${quoted(text)} is an abbreviation or a short name, which programs understand differently`,
      likely === undefined
        ? "Write an Area/Location name, such as Europe/London."
        : `Write ${likely.replaceAll(", ", " or ")}.`,
    );
  }
  if (zone !== undefined) return zone === "UTC" ? zone : text;
  if (!hasIntl()) {
    const what = `the time zone ${quoted(text)} is not available: this Node was built without Intl and supports only UTC`;
    throw new ValueError(what, "Use a Node from nodejs.org or from your system's packages, or write UTC.");
  }
  const spelling = zoneInRightCase(text);
  if (spelling !== undefined) throw new ValueError(`${quoted(text)} is spelled ${spelling}`, `Write ${spelling}.`);
  const near = text.length > LONGEST_ZONE ? [] : nearestZones(text, 3);
  if (near.length > 0)
    throw new ValueError(`${quoted(text)} is not a known time zone`, `Similar names: ${near.join(", ")}.`);
  // A name of the right form may be newer than this Node's zone data.
  const newer = /^[A-Z]\w+\/[A-Z]\w+/.test(text)
    ? " If the zone is new, this Node's zone data may be too old: node -p process.versions.tz"
    : "";
  throw new ValueError(
    `${quoted(text)} is not a known time zone`,
    `Write an IANA name, such as Europe/London.${newer}`,
  );
}

/** Longer than any mistyped zone name. Comparing longer names would take too much time. */
const LONGEST_ZONE = 60;

/** A note, which becomes a comment line of the crontab. */
export function parseNote(text: string): string {
  const note = parsePrintable(text.replace(/\n$/, "")).trim();
  // Debian's `crontab -l` prints a carriage return as these two characters, so `install` would read one at the end of
  // this line.
  if (note.endsWith(String.raw`\r`))
    throw new ValueError(String.raw`a note may not end in \r`, "Add a full stop after it.");
  if (note.length > MAX_NOTE) {
    throw new ValueError(`the note has ${note.length} characters`, `Shorten it to ${MAX_NOTE} characters.`);
  }
  return note;
}

const MAX_NOTE = 200;

/** A program without arguments; a program with arguments must be a list. */
export function parseProgram(text: string): string {
  const program = parsePrintable(text);
  if (program.trim() === "") throw new ValueError("the command is empty", "Write `pipelinewise`, or its path.");
  if (!/\s/.test(program)) return program;
  const list = program.trim().split(/\s+/).join(", ");
  throw new ValueError(
    `${quoted(text)} would be one program with spaces in its name`,
    `Write the program and its arguments as a list: command: [${list}].`,
  );
}

/** One argument of a command. */
export function parseArgument(text: string): string {
  if (text === "") throw new ValueError("an argument of the command is empty", "Remove it.");
  return parsePrintable(text);
}

/** A directory or file: absolute, below `~/`, or relative to the schedule's directory. */
export function parsePath(text: string): string {
  const path = parsePrintable(text);
  if (path.trim() === "") throw new ValueError("the path is empty", "Write a path, or remove the key.");
  if (path.startsWith("$")) throw new ValueError(`${quoted(text)}: variables are not expanded here`, FROM_HOME);
  if (/^~[^/]/.test(path)) throw new ValueError(`${quoted(text)}: ~USER is not supported`, FROM_HOME);
  return path;
}

/** A metrics file. node_exporter reads only names that end in .prom, and `tend` replaces the file. */
export function parseMetricsPath(text: string): string {
  const path = parsePath(text);
  if (path.endsWith(".prom")) return path;
  throw new ValueError(
    `the name of the metrics file ${quoted(text)} does not end in .prom`,
    "Choose such a name: the textfile collector of node_exporter reads no other file.",
  );
}

const FROM_HOME = "Write an absolute path, or begin it with ~/ for your home directory.";

/** The name of an environment variable. */
export function parseEnvName(text: string): string {
  if (text === "PIPELINEWISE_CONFIG_DIRECTORY") {
    throw new ValueError(
      `${text} must not be set here`,
      "Use the key config_dir: the locks and the history are in that directory too.",
    );
  }
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(text)) return text;
  throw new ValueError(
    `${quoted(text)} is not a valid variable name`,
    "Use letters, digits and _, and do not begin with a digit.",
  );
}

/** A value of an environment variable; each `${` in it must begin `${file:PATH}` or `${env:NAME}`. */
export function parseEnvValue(text: string): string {
  const nul = text.indexOf("\0");
  if (nul >= 0) throw new ValueError("a variable cannot contain a NUL character", undefined, nul);
  for (const { 0: opening, index } of text.matchAll(/\$\{[^}]*\}?/g)) {
    const [, kind, what] = /^\$\{(file|env):([^}]+)\}$/.exec(opening) ?? [];
    if (kind === undefined || what === undefined) {
      throw new ValueError(`${quoted(opening)} is not a reference`, REFERENCES, index);
    }
    if (kind === "file") parsePath(what);
    else parseEnvName(what);
  }
  return text;
}

const REFERENCES = `Use \${file:PATH} for the content of a file, or \${env:NAME} for a variable.`;

/** The URL of a server without a slash at its end, so that paths can be appended. */
export function parseServerUrl(text: string): string {
  // The message must not show what may be a password.
  const shown = quoted(text.replace(/^([^/@]*\/\/)?[^/]*@/, "$1…@"));
  if (!URL.canParse(text)) throw new ValueError(`${shown} is not a URL`, WHOLE_URL);
  const { protocol, username, password, search, hash, origin, pathname } = new URL(text);
  if (protocol !== "http:" && protocol !== "https:")
    throw new ValueError(`${shown} is not an http or https URL`, WHOLE_URL);
  if (username !== "" || password !== "") {
    throw new ValueError(`${shown} contains a user name or password`, "Remove it: the API key is enough for Cronicle.");
  }
  if (search !== "" || hash !== "")
    throw new ValueError(`${shown} contains more than the server's base URL`, WHOLE_URL);
  return `${origin}${pathname.replace(/\/+$/, "")}`;
}

const WHOLE_URL = "Write it as http://HOST:3012 or https://HOST.";

/** A reference to a secret. Any other value may be the secret itself and is not shown. */
export function parseSecretReference(text: string): string {
  const [, kind, what] = /^\$\{(file|env):([^}]+)\}$/.exec(text) ?? [];
  if (kind === undefined || what === undefined) {
    throw new ValueError(
      "secrets are not allowed in the schedule file; use a reference",
      `Write \${file:PATH} for a file of mode 0600 that contains it, or \${env:NAME}. If the secret was in this file, replace it: others may have read it.`,
    );
  }
  if (kind === "file") parsePath(what);
  else parseEnvName(what);
  return text;
}

/** A Cronicle server or server group. */
export function parseServerName(text: string): string {
  if (/^[\w.-]+$/.test(text)) return text;
  throw new ValueError(`${quoted(text)} is not a server or group name`, "Use A-Z a-z 0-9 _ . - as Cronicle does.");
}

/** The name of a user, as useradd(8) accepts it. */
export function parseUserName(text: string): string {
  if (/^[a-z_][a-z0-9_.-]*$/i.test(text)) return text;
  throw new ValueError(`${quoted(text)} is not a user name`, "Write the login name of the user who runs PipelineWise.");
}

/** A title of one line. */
export function parseTitle(text: string): string {
  if (text.trim() === "") throw new ValueError("the name is empty", "Write a name, or remove the key.");
  return parsePrintable(text);
}

/** A table or column. PipelineWise puts tables unquoted into a shell command, in a list with commas. */
export function parseTableName(text: string): string {
  if (isSafeWord(text) && !text.includes(",") && !text.startsWith("-")) return text;
  throw new ValueError(
    `${quoted(text)} is not a safe name: PipelineWise puts it into a shell command`,
    "Use A-Z a-z 0-9 _ . / : = @ + - and do not begin with -.",
  );
}

/** The name of a data-diff check. */
export function parseCheckName(text: string): string {
  const name = parsePrintable(text);
  if (name.trim() !== "" && !name.startsWith("-")) return name;
  throw new ValueError(`${quoted(text)} is not the name of a check`, "Write the name, and do not begin with -.");
}

/** The start or end of a partial sync. PipelineWise puts it into a shell command, in double quotes. */
export function parseSyncValue(text: string): string {
  const value = parsePrintable(text);
  const index = value.search(/["$`\\]|^-|^$/);
  if (index < 0) return value;
  throw new ValueError(
    `${quoted(text)} is not a safe value: PipelineWise puts it into a shell command in double quotes`,
    'Use no " $ ` or backslash, and do not begin with -.',
    index,
  );
}

const UNIT_MS: Readonly<Record<string, number>> = { s: SECOND_MS, m: MINUTE_MS, h: HOUR_MS, d: DAY_MS };
const DURATION = "Write a whole number and one unit, such as 30s, 5m, 2h or 1d.";

/** Shortest and longest duration that a key allows, as a file writes them. Absent: more than zero, and 31 days. */
export interface DurationRange {
  readonly least?: string;
  readonly most?: string;
}

/** A duration in milliseconds; `undefined` for a text that is not one. */
function durationMs(text: string): number | undefined {
  const [, count = "", unit = ""] = /^(\d{1,9})([smhd])$/.exec(text) ?? [];
  const unitMs = UNIT_MS[unit];
  return unitMs === undefined ? undefined : Number(count) * unitMs;
}

/** A duration such as `30s`, `5m`, `2h` or `1d`, in milliseconds. */
export function parseDuration(text: string, { least = "0s", most = "31d" }: DurationRange = {}): number {
  const ms = durationMs(text);
  if (ms === undefined) throw new ValueError(`${quoted(text)} is not a duration`, DURATION);
  if (ms === 0) throw new ValueError(`the duration ${quoted(text)} is zero`, `${DURATION} Or remove the key.`);
  if (ms < (durationMs(least) ?? 0)) {
    throw new ValueError(`the duration ${quoted(text)} is shorter than ${least}`, `Write at least ${least}.`);
  }
  if (ms > (durationMs(most) ?? 0)) {
    throw new ValueError(`the duration ${quoted(text)} is longer than ${most}`, `Write at most ${most}.`);
  }
  return ms;
}

const UNIT_BYTES: Readonly<Record<string, number>> = { M: 1024 ** 2, G: 1024 ** 3 };
const SIZE = "Write a whole number and one unit, M or G, such as 100M.";

/** A size such as `100M`, in bytes. */
export function parseSize(text: string): number {
  const [, count = "", unit = ""] = /^(\d{1,6})([MG])$/.exec(text) ?? [];
  const bytes = Number(count) * (UNIT_BYTES[unit] ?? 0);
  if (unit === "") throw new ValueError(`${quoted(text)} is not a size`, SIZE);
  if (bytes === 0) throw new ValueError(`the size ${quoted(text)} is zero`, `${SIZE} Or remove the key.`);
  return bytes;
}

const MOST_PLACES = 10_000;

/** A limit: how many pipelines may run at once. */
export function parseLimit(value: unknown): number {
  if (typeof value === "number" && Number.isInteger(value) && value >= 1 && value <= MOST_PLACES) return value;
  throw new ValueError(
    `${typeof value === "string" ? quoted(value) : JSON.stringify(value)} is not a limit`,
    `Write a whole number from 1 to ${MOST_PLACES}, or remove the key: without it there is no limit.`,
  );
}

export interface NumberRange {
  readonly least: number;
  readonly most: number;
  readonly whole?: boolean;
}

export function parseNumber(value: unknown, { least, most, whole = false }: NumberRange): number {
  const kind = whole ? "whole number" : "number";
  if (typeof value === "number" && value >= least && value <= most && (!whole || Number.isInteger(value))) return value;
  throw new ValueError(
    `${typeof value === "string" ? quoted(value) : JSON.stringify(value)} is not a ${kind} from ${least} to ${most}`,
    `Write a ${kind} from ${least} to ${most}.`,
  );
}

/** An outcome after which a run is repeated. */
export function parseRetryOutcome(text: string): (typeof RETRY_OUTCOMES)[number] {
  const outcome = RETRY_OUTCOMES.find((one) => one === text);
  if (outcome !== undefined) return outcome;
  throw new ValueError(
    `${quoted(text)} is not one of ${RETRY_OUTCOMES.join(", ")}`,
    `For a text in the output, write: {output: ${quoted(text)}}.`,
  );
}

/** A text to search for in the output of a pipeline. */
export function parseOutputText(text: string): string {
  if (text.trim() !== "") return parsePrintable(text);
  throw new ValueError("the text is empty", "Write a part of the message, such as: deadlock detected.");
}

export const OVERLAP_WORDS = ["skip", "replace"] as const;

/** A value of `on_overlap` that is not a mapping. */
export function parseOverlapWord(text: string): (typeof OVERLAP_WORDS)[number] {
  const word = OVERLAP_WORDS.find((one) => one === text);
  if (word !== undefined) return word;
  throw new ValueError(
    `${quoted(text)} is not one of ${OVERLAP_WORDS.join(", ")} and {wait: TIME}`,
    "To wait for the running run, write {wait: 20m}.",
  );
}

const LONGEST_TAG = 100;

/** A tag of a DAG. */
export function parseTag(value: string): string {
  if (value.trim() !== "" && value.length <= LONGEST_TAG) return parsePrintable(value);
  throw new ValueError(`${quoted(value)} is not a tag of 1 to ${LONGEST_TAG} characters`, "Write a short word.");
}

/** Arguments that the DAG file sets itself, or whose value in Python is not a number, a text or a boolean. */
const NO_DEFAULT_ARG =
  /^(task_id|dag|start_date|end_date|bash_command|skip_on_exit_code|do_xcom_push|outlets|inlets|params|executor_config|execution_timeout|dagrun_timeout|sla|on_.*|pre_execute|post_execute)$/;

/** Name of an argument of Airflow's operator. */
export function parseDefaultArg(value: string): string {
  if (!/^[a-z][a-z0-9_]*$/.test(value)) {
    throw new ValueError(
      `${quoted(value)} is not the name of an argument of Airflow's operator`,
      "Write names such as retries, owner, pool or queue.",
    );
  }
  if (!NO_DEFAULT_ARG.test(value)) return value;
  throw new ValueError(
    `${value} cannot be set here: the DAG file sets it, or its value must be a Python object`,
    "Remove it, or set it in a cluster policy of Airflow (docs/airflow.md).",
  );
}
