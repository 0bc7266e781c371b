import { constants } from "node:fs";
import { join } from "node:path";
import type { PipelineId } from "../command/request.ts";
import { errorCode, errorMessage } from "../errors.ts";
import { readdir, rename, unlink } from "../files.ts";
import type { RunRecord } from "../history/record.ts";
import type { Host } from "../host.ts";
import type { Log } from "../log.ts";
import { open } from "../open-file.ts";
import type { StatePaths } from "../state-paths.ts";
import { storeFault } from "../store-fault.ts";
import { commandFor, type ExternalProcess, wordsOf } from "./external.ts";

/** What PipelineWise wrote and nobody works with any more. */
export interface Leftovers {
  readonly pidfile: { readonly path: string; readonly text: string } | undefined;
  /** Logs that are still called `.running`. */
  readonly logs: readonly string[];
}

/** What PipelineWise's own files tell of a pipeline that we are about to start. */
export type Traces =
  | { readonly kind: "external"; readonly process: ExternalProcess }
  /** Written lately by no run that we know of: perhaps by one on another host. */
  | { readonly kind: "foreign-log"; readonly path: string; readonly ageMs: number }
  | { readonly kind: "leftovers"; readonly leftovers: Leftovers };

/** A log that has been silent for so long is nobody's. */
const QUIET_MS = 30 * 60_000;
/** A dead run may have gone on for a while after its last heartbeat. */
const AFTER_LAST_BEAT_MS = 60_000;
const RUNNING = /-(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)\.(?:singer|fastsync|partialsync)\.log\.running$/;

/** `<config_dir>/<target>/<tap>`: PipelineWise's folder of a pipeline. */
const tapFolder = ({ configDir }: StatePaths, { tap, target }: PipelineId): string => join(configDir, target, tap);

async function unlessAbsent<T>(path: string, act: () => Promise<T>, absent: T): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return absent;
    throw storeFault("read", path, error);
  }
}

const READ = constants.O_RDONLY | constants.O_NONBLOCK;

async function readText(path: string): Promise<string> {
  const file = await open(path, READ);
  return file.readText("utf8").finally(() => file.close());
}

async function readPidfile(path: string): Promise<Leftovers["pidfile"]> {
  const text = await unlessAbsent<string | undefined>(path, () => readText(path), undefined);
  return text === undefined ? undefined : { path, text };
}

/** When a log began, by its name: the clock of its host, which the records of that host's runs go by too. */
function beganAt(name: string): number | undefined {
  const [, ...parts] = RUNNING.exec(name) ?? [];
  const [year, month, day, hour, minute, second] = parts.map(Number);
  if (year === undefined || month === undefined) return undefined;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** Whether one of our runs wrote a log that began then. Names have whole seconds. */
function isOurs(at: number, runs: Iterable<RunRecord>): boolean {
  for (const { outcome, startedAt, endedAt } of runs) {
    const end = Date.parse(endedAt) + (outcome === "lost" ? AFTER_LAST_BEAT_MS : 0);
    if (outcome !== "succeeded" && at + 999 >= Date.parse(startedAt) && at <= end) return true;
  }
  return false;
}

/** How long nobody has written a file: the file server's clock against itself, as hosts' clocks differ. */
async function quietMs(path: string, probe: string): Promise<number> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const timesOf = async (file: string, how: number) => {
    const handle = await open(file, how, 0o600);
    return handle.stat().finally(() => handle.close());
  };
  try {
    const now = await timesOf(probe, flags);
    return now.ctimeMs - (await timesOf(path, READ)).ctimeMs;
  } finally {
    await unlink(probe).catch(() => {});
  }
}

/**
 * What PipelineWise's files tell. Reads only; to be called by who holds the lock and has started nothing yet.
 *
 * @param options.ourRuns newest runs of ours; what they left is theirs, however lately
 * @param options.foreignMs a log that nobody wrote for so long is nobody's
 */
export async function findTraces(
  paths: StatePaths,
  pipeline: PipelineId,
  host: Pick<Host, "name" | "pid">,
  { ourRuns, foreignMs = QUIET_MS }: { readonly ourRuns: Iterable<RunRecord>; readonly foreignMs?: number },
): Promise<Traces> {
  const folder = tapFolder(paths, pipeline);
  const pidfile = await readPidfile(join(folder, "pipelinewise.pid"));
  const pid = pidfile === undefined || !/^\s*\d{1,10}\s*$/.test(pidfile.text) ? undefined : Number(pidfile.text);
  const command = pid === undefined ? undefined : commandFor(wordsOf(pid), pipeline);
  if (pid !== undefined && command !== undefined) return { kind: "external", process: { pid, command } };
  const logFolder = join(folder, "log");
  const names = await unlessAbsent<readonly string[]>(logFolder, () => readdir(logFolder), []);
  const logs: string[] = [];
  for (const name of names) {
    const at = beganAt(name);
    if (at === undefined) continue;
    const path = join(logFolder, name);
    if (!isOurs(at, ourRuns)) {
      const probe = join(paths.root, `.probe.${host.name}.${host.pid}`);
      const ageMs = await unlessAbsent(path, () => quietMs(path, probe), Number.POSITIVE_INFINITY);
      if (ageMs < foreignMs) return { kind: "foreign-log", path, ageMs };
    }
    logs.push(path);
  }
  return { kind: "leftovers", leftovers: { pidfile, logs } };
}

/**
 * Puts away what a dead run left: PipelineWise would refuse to start beside its pidfile, and show its log as running for
 * ever. `state.json` is never touched. What cannot be put away is noted, and left to PipelineWise.
 */
export async function clearLeftovers({ pidfile, logs }: Leftovers, notes: Pick<Log, "warn">): Promise<void> {
  const attempt = async (what: string, path: string, act: () => Promise<void>) => {
    try {
      await act();
      notes.warn(`${what} of a dead run`, { path });
    } catch (error) {
      if (errorCode(error) !== "ENOENT") notes.warn(`left by a dead run: ${errorMessage(error)}`, { path });
    }
  };
  if (pidfile !== undefined) {
    const { path, text } = pidfile;
    await attempt("removed the pidfile", path, async () => {
      if ((await readText(path)) !== text) throw new Error("the pidfile is another run's by now");
      await unlink(path);
    });
  }
  for (const path of logs) {
    await attempt("renamed the log", path, () => rename(path, path.replace(/\.running$/, ".terminated")));
  }
}
