import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import type { RunRecord } from "../../src/history/record.ts";
import { parseRecordLine, renderRecordLine } from "../../src/history/record.ts";
import { openLastRuns } from "../../src/history/store.ts";
import { decodeStoredInstall, decodeStoredSchedule } from "../../src/installed/decode.ts";
import type { StoredEntry, StoredInstall, StoredSchedule } from "../../src/installed/schedule.ts";
import { type Limitations, readLimitations } from "../../src/lock/degraded.ts";
import { type LockRecord, parseRecord, renderRecord } from "../../src/lock/owner-record.ts";
import type { StartLimit } from "../../src/policies.ts";
import { type PlaceClaim, parseClaim, renderClaim } from "../../src/run/limits/claim.ts";
import { type NextAttempt, parseNextAttempt, writeNextAttempt } from "../../src/run/policies/next-attempt.ts";
import { encodePause, type Pause, parsePause } from "../../src/run/policies/pauses.ts";
import { openStopRequests } from "../../src/run/stop/stop-requests.ts";
import { openWrapperLog } from "../../src/run/wrapper-log/wrapper-log.ts";
import { parseMarker, renderBegin, renderEnd } from "../../src/schedulers/cron/block.ts";
import { readFileMark, renderFileMark } from "../../src/schedulers/owner-mark.ts";
import { type LastSlot, openSlots } from "../../src/slots/store.ts";
import * as files from "../../src/storage/paths.ts";
import { tempDirectory, testHost } from "../support/host.ts";

const PAGE = readFileSync("docs/file-formats.md", "utf8");
const EXAMPLES = new Map(
  [...PAGE.matchAll(/<!-- example: ([\w-]+) -->\n```\w+\n(.*?)```/gs)].map(([, name, text]) => [name, text ?? ""]),
);
const PIPELINE = { tap: "microserv_3", target: "redshift" };
const LOCK = { ...PIPELINE, dataDiff: false };
const ENTRY = { ...PIPELINE, command: "sync_tables", id: "weekly" };
const TOKEN = "7a035545.4026531836.22302.343732.a531b181be2c";

function example(name: string): string {
  const text = EXAMPLES.get(name);
  if (text === undefined) throw new Error(`docs/file-formats.md has no example ${name}`);
  return text;
}

/** The fields that the tables of a section name in their first column; only `b` of `a.b`. */
function fieldsNamed(heading: string): readonly string[] {
  const section = PAGE.split(new RegExp(`^#+ ${heading}$`, "m"))[1]?.split(/^#/m)[0] ?? "";
  const firstColumns = [...section.matchAll(/^\| (`[^|]*) \|/gm)].map(([, cell]) => cell ?? "");
  return firstColumns.flatMap((cell) => [...cell.matchAll(/`(?:[\w<>]+\.)*(\w+)`/g)].map(([, field]) => field ?? ""));
}

/** A state directory that contains one file, readable by its owner only. */
function stateWith(fileOf: (paths: files.StatePaths) => string, text: string): files.StatePaths {
  const paths = files.statePaths(tempDirectory());
  const path = fileOf(paths);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, text, { mode: 0o600 });
  return paths;
}

const withoutUndefined = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test("the overview names every path that storage/paths.ts builds", () => {
  const paths: files.StatePaths = { configDir: "", root: "" };
  const lock = { tap: "<lock>", target: "<target>", dataDiff: false };
  const pipeline = { tap: "<tap>", target: "<target>" };
  const built: Readonly<
    Record<
      Exclude<
        keyof typeof files,
        "statePaths" | "tapDirectory" | "pipelineStateFile" | "LIMITATIONS_PREFIX" | "ANY_HOST"
      >,
      string
    >
  > = {
    schedulesDir: files.schedulesDir(paths),
    scheduleFile: files.scheduleFile(paths, "<schedule>"),
    installFile: files.installFile(paths, "<schedule>", "<host>"),
    locksDir: files.locksDir(paths),
    flockFile: files.flockFile(paths, lock),
    lockDirectory: files.lockDirectory(paths, lock),
    limitationsFile: files.limitationsFile(paths, "<host>"),
    tendFile: files.tendFile(paths, "<schedule>"),
    prunedFile: files.prunedFile(paths),
    requestsDir: files.requestsDir(paths, lock),
    pausesDir: files.pausesDir(paths),
    pauseFile: files.pauseFile(paths, {}),
    lastRunFile: files.lastRunFile(paths, lock),
    lastSkipFile: files.lastSkipFile(paths, lock),
    nextAttemptFile: files.nextAttemptFile(paths, lock),
    slotFile: files.slotFile(paths, pipeline, "<entry>"),
    notDueFile: files.notDueFile(paths, pipeline, "<entry>", "<host>"),
    notDueWarningFile: files.notDueWarningFile(paths, pipeline, "<entry>", "<host>"),
    zoneWarningFile: files.zoneWarningFile(paths, "<host>"),
    runsDir: files.runsDir(paths),
    runsFile: files.runsFile(paths, "<YYYY-MM>", "<host>"),
    logsDir: files.logsDir(paths),
    runLogsDir: files.runLogsDir(paths, pipeline),
    runLogFile: files
      .runLogFile(paths, pipeline, { id: "<run>", startedAt: new Date("2026-11-26T01:17:19.301Z") })
      .replace("20261126T011719Z", "<started>"),
    succeededFile: files.succeededFile(paths, pipeline),
    followedFile: files.followedFile(paths, pipeline, "<entry>"),
    stateCopiesDir: files.stateCopiesDir(paths, pipeline),
    backupsDir: files.backupsDir(paths, "<host>", "<user>"),
    limitsDir: files.limitsDir(paths),
    queueDir: files.queueDir(paths),
    placesDir: files.placesDir(paths, "<kind>", "<name>"),
    wrapperLogFile: files.wrapperLogFile(paths, "<host>"),
    wrapperLogWarningFile: files.wrapperLogWarningFile(paths, "<host>"),
  };
  const overview = [...PAGE.matchAll(/^\| `([^`]+)` \|/gm)].map(([, path]) => path ?? "");
  const missing = Object.values(built).filter(
    (path) => !overview.some((row) => row === path || row.startsWith(`${path}/`)),
  );
  expect(missing).toEqual([]);
});

// Each type has its fields listed here, so that a new field does not compile until it is added, and is then looked for on
// the page.
test.each<[heading: string, fields: Readonly<Record<string, true>>]>([
  [
    "Stored schedule",
    {
      ...({
        format: true,
        name: true,
        source: true,
        configDir: true,
        env: true,
        envFile: true,
        limits: true,
        retention: true,
        metrics: true,
        alerts: true,
        entries: true,
      } satisfies Record<keyof StoredSchedule, true>),
      ...({
        ...{ tap: true, target: true, command: true, id: true, crons: true, after: true, timezone: true },
        ...{ since: true, note: true, args: true, source: true, policies: true },
      } satisfies Record<keyof StoredEntry, true>),
    },
  ],
  [
    "Stored install of one host",
    {
      ...{ format: true, name: true, host: true, user: true, installedAt: true, meaningDigest: true, command: true },
      ...{ fastSync: true, node: true, program: true, pipelinewiseHome: true, machineZone: true, zones: true },
      ...{ hookPrograms: true, loose: true, lines: true, compileOnly: true, on: true, machine: true },
    } satisfies Record<keyof StoredInstall, true>,
  ],
  [
    "Owner record",
    {
      ...{ format: true, host: true, machineId: true, bootId: true, pidNamespace: true, pid: true, startTicks: true },
      ...{ uid: true, runId: true, startedAt: true, task: true, scheduled: true, triggeredBy: true },
      ...{ heartbeatMs: true, leaseMs: true, flock: true },
    } satisfies Record<keyof LockRecord, true>,
  ],
  ["Degraded lock", { lacks: true, since: true } satisfies Record<Exclude<keyof Limitations, "host">, true>],
  [
    "Next attempt",
    { run: true, attempt: true, of: true, until: true } satisfies Record<keyof NextAttempt | "run", true>,
  ],
  [
    "Places and the queue",
    {
      ...({ target: true, lock: true, runId: true, host: true, since: true, limits: true } satisfies Record<
        keyof PlaceClaim,
        true
      >),
      ...({ kind: true, name: true, places: true } satisfies Record<keyof StartLimit, true>),
    },
  ],
  ["Stop requests", { by: true, why: true, now: true }],
  ["Pauses", { by: true, reason: true, since: true, until: true } satisfies Record<keyof Pause, true>],
  ["Handled slot", { slot: true, host: true, run: true, skipped: true } satisfies Record<keyof LastSlot, true>],
  [
    "Run records",
    {
      ...{ id: true, tap: true, target: true, command: true, entry: true, outcome: true, reason: true, detail: true },
      ...{ host: true, slot: true, scheduled: true, startedAt: true, endedAt: true, exitCode: true, log: true },
      ...{ attempts: true, triggeredBy: true },
    } satisfies Record<keyof RunRecord, true>,
  ],
])("the table of %j names every field", (heading, fields) => {
  expect(fieldsNamed(heading)).toEqual(expect.arrayContaining(Object.keys(fields)));
});

test("the example of a stored schedule is decoded, and no part of it is ignored", () => {
  const text = example("stored-schedule");
  expect(withoutUndefined(decodeStoredSchedule(text, "warehouse"))).toEqual(JSON.parse(text));
});

test("the example of a stored install is decoded, and no part of it is ignored", () => {
  const text = example("stored-install");
  expect(withoutUndefined(decodeStoredInstall(text, "warehouse", "etl-1"))).toEqual(JSON.parse(text));
});

test("the example of an owner record is decoded, and encoded to the same text", () => {
  const text = example("owner-record");
  const record = parseRecord(text);
  expect(record && renderRecord(record)).toBe(text);
});

test("the example of a place is decoded, and encoded to the same text", () => {
  const claim = parseClaim(example("place"));
  expect(claim && renderClaim(claim)).toBe(example("place"));
});

test.each(["run-record", "skip-record"])("the example of a %s is decoded, and encoded to the same text", (name) => {
  const record = parseRecordLine(example(name));
  expect(record && renderRecordLine(record)).toBe(example(name));
});

test("the example of the last runs is decoded", async () => {
  const lock = { tap: "microserv_1", target: "redshift", dataDiff: false };
  const host = testHost();
  const runs = stateWith((paths) => files.lastRunFile(paths, lock), example("last-runs"));
  const skip = stateWith((paths) => files.lastSkipFile(paths, lock), example("skip-record"));
  const found = await openLastRuns({ paths: runs, lock, host }).read();
  expect(found.faults).toEqual([]);
  expect(Object.fromEntries(found.runs)).toEqual(JSON.parse(example("last-runs")));
  expect((await openLastRuns({ paths: skip, lock, host }).read()).skip).toEqual(JSON.parse(example("skip-record")));
});

test("the example of a handled slot is decoded", async () => {
  const paths = stateWith((at) => files.slotFile(at, ENTRY, "sync_tables#weekly"), example("handled-slot"));
  const slots = openSlots({ paths, entry: ENTRY, host: testHost({ now: () => new Date("2027-01-01T00:00:00Z") }) });
  expect(withoutUndefined(await slots.findLast())).toEqual(JSON.parse(example("handled-slot")));
});

test("the examples of a stop request and its answer are decoded", async () => {
  const host = { uid: process.getuid?.() ?? 0 };
  const fileOf = (ending: string) => (at: files.StatePaths) => `${files.requestsDir(at, LOCK)}/${TOKEN}.${ending}`;
  const asked = stateWith(fileOf("stop.json"), example("stop-request"));
  const { why, ...request } = JSON.parse(example("stop-request"));
  const stored = openStopRequests({ paths: asked, lock: LOCK, token: TOKEN, host });
  expect(await stored.find()).toEqual({ ...request, reason: why });
  const answered = stateWith(fileOf("answer"), example("answer"));
  const steps = await openStopRequests({ paths: answered, lock: LOCK, token: TOKEN, host }).readSteps();
  expect(steps.map((step) => `${step}\n`).join("")).toBe(example("answer"));
});

test("the example of a pause is decoded, and encoded to the same text", () => {
  const pause = parsePause(example("pause"));
  expect(pause && encodePause(pause)).toBe(example("pause"));
});

test("the example of a degraded lock is decoded", async () => {
  const paths = stateWith((at) => files.limitationsFile(at, "etl-1"), example("degraded-lock"));
  expect(withoutUndefined(await readLimitations(paths))).toEqual([
    { host: "etl-1", ...JSON.parse(example("degraded-lock")) },
  ]);
});

test("the example of a next attempt is decoded, and written in the same form", async () => {
  const next = parseNextAttempt(example("next-attempt"));
  const paths = stateWith((at) => `${at.root}/x`, "");
  if (next !== undefined) await writeNextAttempt({ paths, lock: LOCK, uid: process.getuid?.() ?? 0 }, next);
  expect(readFileSync(files.nextAttemptFile(paths, LOCK), "utf8")).toBe(example("next-attempt"));
});

test("a line of the wrapper log has the fields of the example, in the same order", async () => {
  const paths = stateWith((at) => `${at.root}/x`, "");
  const host = testHost({ name: "etl-1" });
  const { run, tap, target, command, msg } = JSON.parse(example("wrapper-log"));
  const log = await openWrapperLog(paths, host, { run, tap, target, command });
  log.warn(msg);
  await log.close();
  const written = JSON.parse(readFileSync(files.wrapperLogFile(paths, "etl-1"), "utf8"));
  expect(Object.keys(written)).toEqual(Object.keys(JSON.parse(example("wrapper-log"))));
});

test("the examples of ownership marks are parsed, and rendered to the same text", () => {
  const mark = { source: "/srv/etl/schedule.yml", configDir: "/home/etl/.pipelinewise" };
  const [begin = "", end = ""] = example("crontab-marks").trimEnd().split("\n");
  expect(parseMarker(begin)).toEqual({ kind: "begin", mark: { name: "warehouse", ...mark }, addedNewline: true });
  expect(renderBegin({ name: "warehouse", ...mark }, true)).toBe(begin);
  expect(parseMarker(end)).toEqual({ kind: "end", name: "warehouse" });
  expect(renderEnd("warehouse")).toBe(end);
  const owner = { schedule: "warehouse", ...mark };
  expect(readFileMark(example("file-mark"))).toEqual(owner);
  expect(`${renderFileMark(owner)}\n`).toBe(example("file-mark"));
});

test("a test decodes every example", () => {
  const source = readFileSync("test/docs/file-formats.test.ts", "utf8");
  expect([...EXAMPLES.keys()].filter((name) => !source.includes(`"${name}"`))).toEqual([]);
});
