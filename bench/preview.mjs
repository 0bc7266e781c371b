// Measures a preview against an empty node and cron-parser in the same run. `node bench/preview.mjs [ROUNDS]`; prints
// Markdown. Needs dist/. NODE_EXTRA_CA_CERTS is removed: Node would read it at each start, and every ratio would look
// better than it is.
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { CronExpressionParser } from "cron-parser";
import { rolldown } from "rolldown";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const program = join(root, "bin", "pipelinewise-sched.cjs");
const rounds = Number(process.argv[2] ?? 30);
const { NODE_EXTRA_CA_CERTS: _certs, NODE_COMPILE_CACHE: _cache, ...env } = process.env;
const directory = mkdtempSync(join(tmpdir(), "pws-bench-"));

const tellMemory = join(directory, "tell-memory.cjs");
writeFileSync(
  tellMemory,
  'process.on("exit", () => require("fs").writeSync(2, "\\npeak=" + process.resourceUsage().maxRSS + "\\n"))\n',
);

const row = (...cells) => `| ${cells.join(" | ")} |`;
const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

/** Milliseconds of one whole command, its output thrown away. */
function timed(args) {
  const start = process.hrtime.bigint();
  const { status, stderr } = spawnSync(process.execPath, args, {
    env,
    cwd: directory,
    stdio: ["ignore", "ignore", "pipe"],
  });
  if (status !== 0) throw new Error(`node ${args.join(" ")} ended with ${status}\n${stderr}`);
  return Number(process.hrtime.bigint() - start) / 1e6;
}

/** Peak of a command's memory in MiB, which it tells itself at its end; its output goes through a pipe. */
function peakMemory(args) {
  const words = ["--require", tellMemory, ...args];
  const script = '"$0" "$@" | cat > /dev/null';
  const { stderr } = spawnSync("sh", ["-c", script, process.execPath, ...words], { env, cwd: directory });
  return Number(/^peak=(\d+)$/m.exec(stderr.toString())?.[1] ?? Number.NaN) / 1024;
}

/** Our matcher as it is built, so that it is measured as the program runs it. */
async function ourMatcher() {
  const build = await rolldown({
    input: { expression: join(root, "src/cron/expression.ts"), next: join(root, "src/cron/run-times.ts") },
  });
  await build.write({ dir: directory, format: "esm", entryFileNames: "[name].mjs" });
  await build.close();
  const load = (name) => import(pathToFileURL(join(directory, `${name}.mjs`)).href);
  return { ...(await load("expression")), ...(await load("next")) };
}

const EXPRESSIONS = [
  "*/5 * * * *",
  "0 * * * *",
  "0 */3 * * *",
  "0 0 * * *",
  "0 0 * * 6",
  "30 8-18 * * 1-5",
  "15,45 1 1 * *",
];
const FROM = Date.UTC(2026, 0, 1);

/** Nanoseconds of a firing time, over all expressions, so many of each. */
function perTime(count, take) {
  const start = process.hrtime.bigint();
  for (const expression of EXPRESSIONS) take(expression, count);
  return Number(process.hrtime.bigint() - start) / (count * EXPRESSIONS.length);
}

function lastOf(times, count) {
  let left = count;
  for (const at of times) if (--left === 0) return at;
  throw new Error("too few times");
}

async function firingTimes(zone) {
  const { parseCron, runTimes } = await ourMatcher();
  const ours = (expression, count) =>
    lastOf(runTimes(parseCron(expression), { zone, from: FROM, to: Number.POSITIVE_INFINITY }), count);
  const theirs = (expression, count) => {
    const parsed = CronExpressionParser.parse(expression, { tz: zone, currentDate: new Date(FROM - 1) });
    for (let left = count; left > 1; left--) parsed.next();
    return parsed.next().getTime();
  };
  // In UTC both are to agree: what is compared is the same work.
  for (const expression of zone === "UTC" ? EXPRESSIONS : []) {
    if (ours(expression, 200) !== theirs(expression, 200)) throw new Error(`${expression}: cron-parser differs`);
  }
  // Ours is so short that it takes more of them to be measured.
  perTime(5_000, ours);
  perTime(200, theirs);
  return { ours: perTime(50_000, ours), theirs: perTime(1_000, theirs) };
}

const schedule = (name, pipelines) => {
  const file = join(directory, name);
  writeFileSync(file, `pipelines:\n${pipelines.map((one) => `  - ${one}\n`).join("")}`);
  return file;
};
const rare = schedule("rare.yml", ['{tap: a, target: b, cron: "0 0 29 2 1"}']);
const large = schedule(
  "large.yml",
  Array.from({ length: 1000 }, (_, index) => `{tap: tap_${index}, target: redshift, cron: "*/5 * * * *"}`),
);
const WEEK = ["--from", "2026-11-02", "--to", "2026-11-09"];
const few = Math.max(3, Math.ceil(rounds / 6));
const cases = {
  empty: { args: ["-e", "0"], rounds },
  version: { args: [program, "--version"], rounds },
  rare: { args: [program, "preview", rare, "--json"], rounds },
  rareTable: { args: [program, "preview", rare], rounds },
  large: { args: [program, "preview", large, ...WEEK, "--json"], rounds: few },
  largeTable: { args: [program, "preview", large, ...WEEK], rounds: few },
};

try {
  const zones = ["UTC", "Europe/London"];
  const times = {};
  for (const zone of zones) times[zone] = await firingTimes(zone);
  const found = Object.fromEntries(Object.keys(cases).map((name) => [name, []]));
  for (const { args } of Object.values(cases)) timed(args);
  for (let round = 0; round < rounds; round++) {
    for (const [name, { args, rounds: own }] of Object.entries(cases)) {
      if (round < own) found[name].push(timed(args));
    }
  }
  const ratio = (name) =>
    median(found[name].map((ms, at) => ms / found.empty[at])).toFixed(1 + Number(!name.startsWith("large")));
  const whole = (name, words, peak = "") =>
    row(words, median(found[name]).toFixed(1), `${ratio(name)} × empty node`, peak);
  const mib = (name) => peakMemory(cases[name].args).toFixed(0);
  const count =
    execFileSync(process.execPath, cases.large.args, { env, maxBuffer: 2 ** 30 })
      .toString()
      .split('"at"').length - 1;
  console.log(
    [
      `Medians of ${rounds} rounds (${few} of the long ones); node ${process.version}, ${cpus().length} CPUs (${cpus()[0]?.model ?? "?"}), load ${readFileSync("/proc/loadavg", "utf8").split(" ")[0]}.`,
      "",
      row("a firing time", "ours, ns", "cron-parser, ns", "ratio"),
      row("---", "---:", "---:", "---:"),
      ...zones.map((zone) => {
        const { ours, theirs } = times[zone];
        return row(
          `${EXPRESSIONS.length} expressions in ${zone}`,
          ours.toFixed(0),
          theirs.toFixed(0),
          `${(theirs / ours).toFixed(0)} × cheaper`,
        );
      }),
      "",
      row("a whole command", "ms", "ratio", "peak RSS, MiB"),
      row("---", "---:", "---:", "---:"),
      whole("empty", "`node -e 0`", mib("empty")),
      whole("version", "`--version`"),
      whole("rare", "`preview --json` of `0 0 29 2 1`", mib("rare")),
      whole("rareTable", "the same as a table"),
      whole(
        "large",
        `\`preview --json\`, 1,000 pipelines × 7 days at \`*/5\`: ${count.toLocaleString("en")} runs`,
        mib("large"),
      ),
      whole("largeTable", "the same as a table", mib("largeTable")),
    ].join("\n"),
  );
} finally {
  rmSync(directory, { recursive: true, force: true });
}
