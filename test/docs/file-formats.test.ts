import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import type { RunRecord } from "../../src/history/record.ts";
import { parseRecordLine, renderRecordLine } from "../../src/history/record.ts";
import { readLast } from "../../src/history/store.ts";
import { decodeHostSchedule, decodeMeaning } from "../../src/installed/decode.ts";
import type { CompiledEntry, CompiledSchedule, HostSchedule } from "../../src/installed/schedule.ts";
import { readWeaknesses, type Weakness } from "../../src/lock/degraded.ts";
import { type LockRecord, parseRecord, renderRecord } from "../../src/lock/owner-record.ts";
import { readAnswer, readStopRequest, type StopRequest } from "../../src/run/process/stop-request.ts";
import { openNotes } from "../../src/run/wrapper-log.ts";
import { parseMarker, renderBegin, renderEnd } from "../../src/schedulers/cron/block.ts";
import { readMark, renderMark } from "../../src/schedulers/cronicle/event.ts";
import { readFileMark, renderFileMark } from "../../src/schedulers/owner-mark.ts";
import { type HandledSlot, readNote } from "../../src/slots/store.ts";
import * as files from "../../src/storage/paths.ts";
import { tempFolder, testHost } from "../support/host.ts";

const PAGE = readFileSync("docs/file-formats.md", "utf8");
const EXAMPLES = new Map(
  [...PAGE.matchAll(/<!-- example: ([\w-]+) -->\n```\w+\n(.*?)```/gs)].map(([, name, text]) => [name, text ?? ""]),
);
const LOCK = { tap: "microserv_3", target: "redshift" };
const ENTRY = { ...LOCK, command: "sync_tables", id: "weekly" };
const TOKEN = "7a035545.4026531836.22302.343732.a531b181be2c";

function example(name: string): string {
  const text = EXAMPLES.get(name);
  if (text === undefined) throw new Error(`docs/file-formats.md has no example ${name}`);
  return text;
}

/** Fields that a section's tables name: `a`, `b` in the first column; of `a.b` the last word. */
function fieldsNamed(heading: string): readonly string[] {
  const section = PAGE.split(new RegExp(`^#+ ${heading}$`, "m"))[1]?.split(/^#/m)[0] ?? "";
  const firstColumns = [...section.matchAll(/^\| (`[^|]*) \|/gm)].map(([, cell]) => cell ?? "");
  return firstColumns.flatMap((cell) => [...cell.matchAll(/`(?:[\w<>]+\.)*(\w+)`/g)].map(([, field]) => field ?? ""));
}

/** A state directory that holds one file, readable by its owner only. */
function stateWith(fileOf: (paths: files.StatePaths) => string, text: string): files.StatePaths {
  const paths = files.statePaths(tempFolder());
  const path = fileOf(paths);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, text, { mode: 0o600 });
  return paths;
}

const withoutUndefined = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

test("the overview names every path that storage/paths.ts builds", () => {
  const paths: files.StatePaths = { configDir: "", root: "" };
  const lock = { tap: "<lock>", target: "<target>" };
  const pipeline = { tap: "<tap>", target: "<target>" };
  const built: Readonly<Record<Exclude<keyof typeof files, "statePaths" | "WEAKNESS_PREFIX">, string>> = {
    schedulesDir: files.schedulesDir(paths),
    meaningFile: files.meaningFile(paths, "<schedule>"),
    hostFile: files.hostFile(paths, "<schedule>", "<host>"),
    locksDir: files.locksDir(paths),
    flockFile: files.flockFile(paths, lock),
    lockFolder: files.lockFolder(paths, lock),
    weaknessFile: files.weaknessFile(paths, "<host>"),
    requestsDir: files.requestsDir(paths, lock),
    lastRunFile: files.lastRunFile(paths, lock),
    lastSkipFile: files.lastSkipFile(paths, lock),
    slotFile: files.slotFile(paths, pipeline, "<entry>"),
    undueFile: files.undueFile(paths, pipeline, "<entry>", "<host>"),
    zoneComplaintFile: files.zoneComplaintFile(paths, "<host>"),
    runsDir: files.runsDir(paths),
    runsFile: files.runsFile(paths, "<YYYY-MM>", "<host>"),
    runLogFile: files
      .runLogFile(paths, pipeline, { id: "<run>", startedAt: new Date("2026-11-26T01:17:19.301Z") })
      .replace("20261126T011719Z", "<started>"),
    backupsDir: files.backupsDir(paths, "<host>", "<user>"),
    wrapperLogFile: files.wrapperLogFile(paths, "<host>"),
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
        entries: true,
      } satisfies Record<keyof CompiledSchedule, true>),
      ...({
        ...{ tap: true, target: true, command: true, id: true, crons: true, timezone: true },
        ...{ since: true, note: true, args: true },
      } satisfies Record<keyof CompiledEntry, true>),
    },
  ],
  [
    "Stored install of one host",
    {
      ...{ format: true, name: true, host: true, user: true, installedAt: true, meaningDigest: true, command: true },
      ...{ fastSync: true, node: true, program: true, pipelinewiseHome: true, machineZone: true, zones: true },
      ...{ loose: true, lines: true, compileOnly: true, on: true },
    } satisfies Record<keyof HostSchedule, true>,
  ],
  [
    "Owner record",
    {
      ...{ format: true, host: true, machineId: true, bootId: true, pidNamespace: true, pid: true, startTicks: true },
      ...{ uid: true, runId: true, startedAt: true, task: true, heartbeatMs: true, leaseMs: true, flock: true },
      ...{ lacks: true },
    } satisfies Record<keyof LockRecord, true>,
  ],
  ["Degraded lock", { lacks: true, since: true } satisfies Record<Exclude<keyof Weakness, "host">, true>],
  ["Stop requests", { by: true, why: true, now: true } satisfies Record<keyof StopRequest, true>],
  ["Handled slot", { slot: true, host: true, run: true, skipped: true } satisfies Record<keyof HandledSlot, true>],
  [
    "Run records",
    {
      ...{ id: true, tap: true, target: true, command: true, entry: true, outcome: true, reason: true, detail: true },
      ...{ host: true, slot: true, scheduled: true, startedAt: true, endedAt: true, exitCode: true, log: true },
    } satisfies Record<keyof RunRecord, true>,
  ],
])("the table of %j names every field", (heading, fields) => {
  expect(fieldsNamed(heading)).toEqual(expect.arrayContaining(Object.keys(fields)));
});

test("the stored schedule is decoded, and nothing of it is ignored", () => {
  const text = example("stored-schedule");
  expect(withoutUndefined(decodeMeaning(text, "warehouse"))).toEqual(JSON.parse(text));
});

test("the stored install is decoded, and nothing of it is ignored", () => {
  const text = example("stored-install");
  expect(withoutUndefined(decodeHostSchedule(text, "warehouse", "etl-1"))).toEqual(JSON.parse(text));
});

test("the owner record is decoded, and written as it is shown", () => {
  const text = example("owner-record");
  const record = parseRecord(text);
  expect(record && renderRecord(record)).toBe(text);
});

test.each(["run-record", "skip-record"])("the %s is decoded, and written as it is shown", (name) => {
  const record = parseRecordLine(example(name));
  expect(record && renderRecordLine(record)).toBe(example(name));
});

test("the newest runs and the newest skip are decoded", async () => {
  const lock = { tap: "microserv_1", target: "redshift" };
  const runs = stateWith((paths) => files.lastRunFile(paths, lock), example("last-runs"));
  const skip = stateWith((paths) => files.lastSkipFile(paths, lock), example("skip-record"));
  const found = await readLast(runs, lock);
  expect(found.faults).toEqual([]);
  expect(Object.fromEntries(found.runs)).toEqual(JSON.parse(example("last-runs")));
  expect((await readLast(skip, lock)).skip).toEqual(JSON.parse(example("skip-record")));
});

test("the handled slot is decoded", async () => {
  const paths = stateWith((at) => files.slotFile(at, ENTRY, "sync_tables#weekly"), example("handled-slot"));
  expect(withoutUndefined(await readNote(paths, ENTRY))).toEqual(JSON.parse(example("handled-slot")));
});

test("the stop request and its answer are decoded", async () => {
  const uid = process.getuid?.() ?? 0;
  const fileOf = (ending: string) => (at: files.StatePaths) => `${files.requestsDir(at, LOCK)}/${TOKEN}.${ending}`;
  const asked = stateWith(fileOf("stop.json"), example("stop-request"));
  expect(await readStopRequest({ paths: asked, pipeline: LOCK, token: TOKEN }, uid)).toEqual(
    JSON.parse(example("stop-request")),
  );
  const answered = stateWith(fileOf("answer"), example("answer"));
  const steps = await readAnswer({ paths: answered, pipeline: LOCK, token: TOKEN });
  expect(steps.map((step) => `${step}\n`).join("")).toBe(example("answer"));
});

test("the degraded lock is decoded", async () => {
  const paths = stateWith((at) => files.weaknessFile(at, "etl-1"), example("degraded-lock"));
  expect(withoutUndefined(await readWeaknesses(paths))).toEqual([
    { host: "etl-1", ...JSON.parse(example("degraded-lock")) },
  ]);
});

test("a line of the wrapper log has the fields that are shown, in their order", async () => {
  const paths = stateWith((at) => `${at.root}/x`, "");
  const host = testHost({ name: "etl-1" });
  const { run, tap, target, command, msg } = JSON.parse(example("wrapper-log"));
  const notes = await openNotes(paths, host, { run, tap, target, command });
  notes.warn(msg);
  await notes.close();
  const written = JSON.parse(readFileSync(files.wrapperLogFile(paths, "etl-1"), "utf8"));
  expect(Object.keys(written)).toEqual(Object.keys(JSON.parse(example("wrapper-log"))));
});

test("the marks are read, and written as they are shown", () => {
  const mark = { source: "/srv/etl/schedule.yml", configDir: "/home/etl/.pipelinewise" };
  const [begin = "", end = ""] = example("crontab-marks").trimEnd().split("\n");
  expect(parseMarker(begin)).toEqual({ kind: "begin", mark: { name: "warehouse", ...mark }, addedNewline: true });
  expect(renderBegin({ name: "warehouse", ...mark }, true)).toBe(begin);
  expect(parseMarker(end)).toEqual({ kind: "end", name: "warehouse" });
  expect(renderEnd("warehouse")).toBe(end);
  const owner = { schedule: "warehouse", ...mark };
  expect(readFileMark(example("file-mark"))).toEqual(owner);
  expect(`${renderFileMark(owner)}\n`).toBe(example("file-mark"));
  expect(readMark(example("cronicle-mark"))).toEqual(owner);
  expect(`${renderMark(owner)}\n`).toBe(example("cronicle-mark"));
});

test("every example is decoded by a test above", () => {
  const source = readFileSync("test/docs/file-formats.test.ts", "utf8");
  expect([...EXAMPLES.keys()].filter((name) => !source.includes(`"${name}"`))).toEqual([]);
});
