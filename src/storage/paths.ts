import { join } from "node:path";
import { type LockId, lockName, type PipelineId } from "../pipeline-id.ts";

/** The paths below `<config_dir>/.sched/`. Pure: reads and creates nothing. */
export interface StatePaths {
  /** The PipelineWise config directory, links resolved. */
  readonly configDir: string;
  /** `<config_dir>/.sched` */
  readonly root: string;
}

/** @param configDir absolute, links already resolved */
export function statePaths(configDir: string): StatePaths {
  return { configDir, root: join(configDir, ".sched") };
}

/** `schedules/`: compiled schedules, as install writes them. */
export const schedulesDir = (paths: StatePaths): string => join(paths.root, "schedules");

/** What the schedule means, the same for all hosts. */
export const meaningFile = (paths: StatePaths, name: string): string => join(schedulesDir(paths), `${name}.json`);

/** What the install on one host resolved. `name` has no dot, so it cannot be another schedule's meaning. */
export const hostFile = (paths: StatePaths, name: string, host: string): string =>
  join(schedulesDir(paths), `${name}.${host}.json`);

/** Kernel lock, never unlinked. */
export const flockFile = (paths: StatePaths, lock: LockId): string =>
  join(paths.root, "locks", lock.target, `${lockName(lock)}.flock`);

/** Cluster lock: a directory with one token file. */
export const lockFolder = (paths: StatePaths, lock: LockId): string =>
  join(paths.root, "locks", lock.target, `${lockName(lock)}.lock`);

/** `locks/`: one folder a target. */
export const locksDir = (paths: StatePaths): string => join(paths.root, "locks");

/** What a host lacks for the whole lock. No target's name begins with a dot. */
export const weaknessFile = (paths: StatePaths, host: string): string =>
  join(paths.root, "locks", `${WEAKNESS_PREFIX}${host}.json`);
export const WEAKNESS_PREFIX = ".weakness-";

/** Stop requests to the runs under a lock. */
export const requestsDir = (paths: StatePaths, lock: LockId): string =>
  join(paths.root, "requests", lock.target, lockName(lock));

/** Newest run of each entry that a lock protects: only the lock's holder writes it. */
export const lastRunFile = (paths: StatePaths, lock: LockId): string =>
  join(paths.root, "last", lock.target, `${lockName(lock)}.json`);

/** Newest skip at a lock. Another ending than the run's, as `x` and `x.skip` are both fine tap ids. */
export const lastSkipFile = (paths: StatePaths, lock: LockId): string =>
  join(paths.root, "last", lock.target, `${lockName(lock)}.skip`);

/** Newest slot of an entry that was handled. @param key of the entry, `entryKey` */
export const slotFile = (paths: StatePaths, { tap, target }: PipelineId, key: string): string =>
  join(paths.root, "slots", target, tap, `${key}.json`);

/** Starts of an entry on one host that were not due: a byte each. */
export const undueFile = (paths: StatePaths, { tap, target }: PipelineId, key: string, host: string): string =>
  join(paths.root, "slots", target, tap, `${key}.${host}.undue`);

/** On which day a host last complained of its time zone. No target's name begins with a dot. */
export const zoneComplaintFile = (paths: StatePaths, host: string): string =>
  join(paths.root, "slots", `.zone-complaint-${host}`);

/** `runs/`: one folder a month. */
export const runsDir = (paths: StatePaths): string => join(paths.root, "runs");

/** @param month `2026-11`, UTC */
export const runsFile = (paths: StatePaths, month: string, host: string): string =>
  join(runsDir(paths), month, `${host}.jsonl`);

/** Output of one run. @param startedAt UTC, made safe for a file name here */
export const runLogFile = (
  paths: StatePaths,
  { tap, target }: PipelineId,
  run: { readonly id: string; readonly startedAt: Date },
): string =>
  join(paths.root, "logs", target, tap, `${run.startedAt.toISOString().replace(/[-:]|\.\d+/g, "")}-${run.id}.log`);

/** Crontabs as they were before a change. */
export const backupsDir = (paths: StatePaths, host: string, user: string): string =>
  join(paths.root, "backups", `${host}-${user}`);

/** The wrapper's own log, pino JSON. */
export const wrapperLogFile = (paths: StatePaths, host: string): string => join(paths.root, `wrapper-${host}.log`);
