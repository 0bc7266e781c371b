import { constants } from "node:fs";
import { join } from "node:path";
import { errorCode, errorMessage } from "../../errors.ts";
import type { RunRecord } from "../../history/record.ts";
import type { Host } from "../../host.ts";
import type { LockId } from "../../pipeline-id.ts";
import { open, readdir, rename, unlink } from "../../storage/fs.ts";
import { nonce } from "../../storage/nonce.ts";
import { type StatePaths, tapDirectory } from "../../storage/paths.ts";
import { ioError } from "../../storage/store-error.ts";
import { ageMs, findState, isAncestor, processExists } from "../../system/proc.ts";
import type { Log } from "../wrapper-log/log-writer.ts";
import { argvOf, commandFor, describeProcess, type ForeignProcess } from "./foreign-runs.ts";
import { isSoleHost } from "./sole-host.ts";

/** Files of PipelineWise that no process uses any more. */
export interface Leftovers {
  readonly pidfile: { readonly path: string; readonly text: string } | undefined;
  /** Logs that are still called `.running`. */
  readonly logs: readonly string[];
}

/** Evidence that somebody runs a pipeline without this program. */
export type ForeignRun =
  /** A running process on this host. */
  | { readonly kind: "process"; readonly process: ForeignProcess }
  /** `pidfile` names a running process that may have written it. */
  | { readonly kind: "pidfile"; readonly process: ForeignProcess; readonly pidfile: string }
  /** A log that was written recently by an unknown run, perhaps on another host. */
  | { readonly kind: "log"; readonly path: string; readonly ageMs: number };

/** Result of a search for foreign runs and leftovers. */
export type ForeignRunEvidence =
  | ForeignRun
  /** Nobody else runs the pipeline. Dead runs may have left files. */
  | { readonly kind: "none"; readonly leftovers: Leftovers };

/** The kernel gives no higher process id (PID_MAX_LIMIT in include/linux/threads.h). */
const HIGHEST_PID = 4_194_304;
/** A log that was not changed for this time does not belong to a running process. */
const QUIET_MS = 30 * 60_000;
/** A dead run may have continued for this time after its last heartbeat. */
const AFTER_LAST_BEAT_MS = 60_000;
/** A log of any kind of run but data-diff checks, which run beside others. PipelineWise 0.77 gave some a new name. */
const RUNNING = /-(\d{4})(\d\d)(\d\d)_(\d\d)(\d\d)(\d\d)\.(?!data_?diff)[a-z_]+\.log\.running$/;

async function unlessAbsent<T>(path: string, act: () => Promise<T>, absent: T): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return absent;
    throw ioError("read", path, error);
  }
}

async function readText(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY);
  return file.readText("utf8").finally(() => file.close());
}

async function readPidfile(path: string): Promise<Leftovers["pidfile"]> {
  const text = await unlessAbsent<string | undefined>(path, () => readText(path), undefined);
  return text === undefined ? undefined : { path, text };
}

/** The start time in a log's name, by the clock of its host, as in the records of that host's runs. */
function beganAt(name: string): number | undefined {
  const [, ...parts] = RUNNING.exec(name) ?? [];
  const [year, month, day, hour, minute, second] = parts.map(Number);
  if (year === undefined || month === undefined) return undefined;
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

/** Whether a run of this program wrote a log that began at this time. Log names contain whole seconds. */
function isOurs(at: number, runs: Iterable<RunRecord>): boolean {
  for (const { outcome, startedAt, endedAt } of runs) {
    const end = Date.parse(endedAt) + (outcome === "lost" ? AFTER_LAST_BEAT_MS : 0);
    if (outcome !== "succeeded" && at + 999 >= Date.parse(startedAt) && at <= end) return true;
  }
  return false;
}

/** The properties of a file that show whether a process still writes it. */
interface FileAge {
  readonly unchangedMs: number;
  /** Owner of the file. */
  readonly uid: number;
}

/**
 * The time since a file was last written. Both times are the file server's, because the clocks of hosts differ. A copy
 * or a backup keeps the time of the content and has a new time of the inode, so the older of the two counts.
 */
async function ageOf(path: string, probe: string): Promise<FileAge> {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
  const timesOf = async (file: string, how: number) => {
    const handle = await open(file, how, 0o600);
    return handle.stat().finally(() => handle.close());
  };
  try {
    const now = await timesOf(probe, flags);
    const { mtimeMs, ctimeMs, uid } = await timesOf(path, constants.O_RDONLY);
    return { unchangedMs: now.ctimeMs - Math.min(mtimeMs, ctimeMs), uid };
  } finally {
    await unlink(probe).catch(() => {});
  }
}

/** A process counts as younger than the pidfile only with this margin, because both ages are inexact. */
const SURELY_LATER_MS = 1_000;

interface PidfileQuestion {
  readonly lock: LockId;
  readonly self: number;
  /** How long ago the pidfile was written. */
  readonly writtenMs: () => Promise<number>;
}

/**
 * Whether the process that a pidfile names may have written it. It may not when it has ended, when it started after the
 * pidfile was written (the pid was used again), when it is the kernel's, or when it is this process or one of its
 * ancestors, such as the `init` of a container. Its arguments do not matter: a later PipelineWise may have another
 * name.
 */
async function mayHaveWritten(pid: number, { lock, self, writtenMs }: PidfileQuestion): Promise<boolean> {
  const state = findState(pid);
  if (state === undefined) return processExists(pid);
  if (state.zombie || state.kernelThread || isAncestor(pid, self)) return false;
  if (commandFor(argvOf(pid), lock) !== undefined) return true;
  const written = await writtenMs();
  // Read the age last: the process grows older while a slow file system answers.
  return ageMs(state) + SURELY_LATER_MS >= written;
}

export interface FileSearch {
  readonly paths: StatePaths;
  readonly lock: LockId;
  readonly host: Pick<Host, "name" | "pid" | "root" | "uid">;
  /** Newest runs of this program. A log of one of them that failed or was lost is a leftover, however new it is. */
  readonly ourRuns: Iterable<RunRecord>;
  /** A log that was not changed for this time is a leftover. */
  readonly foreignMs?: number;
}

/**
 * Looks for foreign runs and leftovers in PipelineWise's files. Reads only. Only the lock's holder may call it, and not
 * while its own pipeline is running, or `stop` while nobody has the lock.
 */
export async function findFileEvidence({
  paths,
  lock,
  host,
  ourRuns,
  foreignMs = QUIET_MS,
}: FileSearch): Promise<ForeignRunEvidence> {
  // Data-diff checks write neither a pidfile nor a log that would keep another run from starting.
  if (lock.dataDiff) return { kind: "none", leftovers: { pidfile: undefined, logs: [] } };
  const directory = tapDirectory(paths, lock);
  const probe = () => join(paths.root, `.probe.${host.name}.${nonce()}`);
  const age = (path: string) =>
    unlessAbsent(path, () => ageOf(path, probe()), { unchangedMs: Number.POSITIVE_INFINITY, uid: host.uid });
  const pidfile = await readPidfile(join(directory, "pipelinewise.pid"));
  const written = pidfile === undefined || !/^\s*\d{1,10}\s*$/.test(pidfile.text) ? 0 : Number(pidfile.text);
  const pid = written > HIGHEST_PID ? 0 : written;
  if (pidfile !== undefined && pid > 0) {
    const question = { lock, self: host.pid, writtenMs: async () => (await age(pidfile.path)).unchangedMs };
    if (await mayHaveWritten(pid, question)) {
      return { kind: "pidfile", process: { pid, what: describeProcess(pid, lock) }, pidfile: pidfile.path };
    }
  }
  const logDirectory = join(directory, "log");
  const names = await unlessAbsent<readonly string[]>(logDirectory, () => readdir(logDirectory), []);
  const logs: string[] = [];
  for (const name of names) {
    const at = beganAt(name);
    if (at === undefined) continue;
    const path = join(logDirectory, name);
    if (!isOurs(at, ourRuns)) {
      const { unchangedMs: ageMs, uid } = await age(path);
      // Only processes of this user write such a log, and the caller has found none that runs this pipeline.
      const isLeftover = ageMs >= foreignMs || (uid === host.uid && (await isSoleHost(paths, host)));
      if (!isLeftover) return { kind: "log", path, ageMs };
    }
    logs.push(path);
  }
  return { kind: "none", leftovers: { pidfile, logs } };
}

/**
 * Removes the files of a dead run: PipelineWise would refuse to start because of its pidfile, and would show its log as
 * running forever. `state.json` is never touched. A failure is logged and left to PipelineWise.
 */
export async function clearLeftovers({ pidfile, logs }: Leftovers, log: Pick<Log, "warn">): Promise<void> {
  const attempt = async (what: string, path: string, act: () => Promise<void>) => {
    try {
      await act();
      log.warn(`${what} of a dead run`, { path });
    } catch (error) {
      if (errorCode(error) !== "ENOENT")
        log.warn(`could not clean up after a dead run: ${errorMessage(error)}`, { path });
    }
  };
  if (pidfile !== undefined) {
    const { path, text } = pidfile;
    await attempt("removed the pidfile", path, async () => {
      if ((await readText(path)) !== text) throw new Error("the pidfile now belongs to another run");
      await unlink(path);
    });
  }
  for (const path of logs) {
    await attempt("renamed the log", path, () => rename(path, path.replace(/\.running$/, ".terminated")));
  }
}
