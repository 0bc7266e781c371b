import { join } from "node:path";
import { type LockId, lockName, type PipelineId, type PipelineScope } from "../pipeline-id.ts";

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

/** `schedules/`: the stored schedules and stored installs. */
export const schedulesDir = (paths: StatePaths): string => join(paths.root, "schedules");

/** The stored schedule, the same for all hosts. */
export const scheduleFile = (paths: StatePaths, name: string): string => join(schedulesDir(paths), `${name}.json`);

/** The stored install of one host. `name` has no dot, so the file cannot be another schedule's. */
export const installFile = (paths: StatePaths, name: string, host: string): string =>
  join(schedulesDir(paths), `${name}.${host}.json`);

/** Stands for every host without a stored install of its own (`install --any-host`). No host's name contains `@`. */
export const ANY_HOST = "@any";

/** Kernel lock, never unlinked. */
export const flockFile = (paths: StatePaths, lock: LockId): string =>
  join(paths.root, "locks", lock.target, `${lockName(lock)}.flock`);

/** Lock file: a directory with one owner record. */
export const lockDirectory = (paths: StatePaths, lock: LockId): string =>
  join(paths.root, "locks", lock.target, `${lockName(lock)}.lock`);

/** `locks/`: one directory for each target. */
export const locksDir = (paths: StatePaths): string => join(paths.root, "locks");

/** Parts of the lock that a host cannot provide. No target's name begins with a dot. */
export const limitationsFile = (paths: StatePaths, host: string): string =>
  join(paths.root, "locks", `${LIMITATIONS_PREFIX}${host}.json`);
export const LIMITATIONS_PREFIX = ".weakness-";

/** The newest slot at which a schedule was tended, and the parts that fail. */
export const tendFile = (paths: StatePaths, schedule: string): string => join(paths.root, "tend", `${schedule}.json`);

/** When old files were last removed. */
export const prunedFile = (paths: StatePaths): string => join(paths.root, "pruned.json");

/** Stop requests to the runs under a lock. */
export const requestsDir = (paths: StatePaths, lock: LockId): string =>
  join(paths.root, "requests", lock.target, lockName(lock));

/** `pauses/`: the pauses of all pipelines, and a directory for each target. */
export const pausesDir = (paths: StatePaths): string => join(paths.root, "pauses");

/** The pause of a scope. No tap's id has an `@`. */
export const pauseFile = (paths: StatePaths, { target = "", tap = "@all" }: PipelineScope): string =>
  join(pausesDir(paths), target, `${tap}.json`);

/** Newest run of each entry that a lock protects. Only the lock's holder writes it. */
export const lastRunFile = (paths: StatePaths, lock: LockId): string =>
  join(paths.root, "last", lock.target, `${lockName(lock)}.json`);

/** Newest skip at a lock. It has another suffix than the run's file, because `x` and `x.skip` are both valid tap ids. */
export const lastSkipFile = (paths: StatePaths, lock: LockId): string =>
  join(paths.root, "last", lock.target, `${lockName(lock)}.skip`);

/** The attempt for which the run under a lock waits. Only the lock's holder writes it. */
export const nextAttemptFile = (paths: StatePaths, lock: LockId): string =>
  join(paths.root, "attempts", lock.target, `${lockName(lock)}.json`);

/** Newest slot of an entry that was handled. @param key of the entry, `entryKey` */
export const slotFile = (paths: StatePaths, { tap, target }: PipelineId, key: string): string =>
  join(paths.root, "slots", target, tap, `${key}.json`);

/** Starts of an entry on one host that were not due: one byte for each. */
export const notDueFile = (paths: StatePaths, { tap, target }: PipelineId, key: string, host: string): string =>
  join(paths.root, "slots", target, tap, `${key}.${host}.undue`);

/** The day on which a host last warned about a start of an entry that was not due. */
export const notDueWarningFile = (paths: StatePaths, { tap, target }: PipelineId, key: string, host: string): string =>
  join(paths.root, "slots", target, tap, `${key}.${host}.warned`);

/** The day on which a host last warned about its time zone. No target's name begins with a dot. */
export const zoneWarningFile = (paths: StatePaths, host: string): string =>
  join(paths.root, "slots", `.zone-complaint-${host}`);

/** `runs/`: one directory for each month. */
export const runsDir = (paths: StatePaths): string => join(paths.root, "runs");

/** @param month `2026-11`, UTC */
export const runsFile = (paths: StatePaths, month: string, host: string): string =>
  join(runsDir(paths), month, `${host}.jsonl`);

/** Names the log of a run. Each attempt has its own log; the first one has the name without a number. */
export interface RunLogName {
  readonly id: string;
  readonly startedAt: Date;
  readonly attempt?: number;
}

/** `logs/`: one directory for each target. */
export const logsDir = (paths: StatePaths): string => join(paths.root, "logs");

/** The logs of a pipeline's runs. */
export const runLogsDir = (paths: StatePaths, { tap, target }: PipelineId): string => join(logsDir(paths), target, tap);

/** Output of one run. */
export const runLogFile = (
  paths: StatePaths,
  { tap, target }: PipelineId,
  { id, startedAt, attempt = 1 }: RunLogName,
): string => {
  const started = startedAt.toISOString().replace(/[-:]|\.\d+/g, "");
  return join(paths.root, "logs", target, tap, `${started}-${id}${attempt === 1 ? "" : `.${attempt}`}.log`);
};

/** `state-copies/`: the newest good copies of a pipeline's `state.json`. */
export const stateCopiesDir = (paths: StatePaths, { tap, target }: PipelineId): string =>
  join(paths.root, "state-copies", target, tap);

/** The newest run of a pipeline that succeeded, for the entries that run after it. Only its lock's holder writes it. */
export const succeededFile = (paths: StatePaths, { tap, target }: PipelineId): string =>
  join(paths.root, "after", target, tap, "succeeded.json");

/**
 * The runs of its predecessors after which an entry was last started. Only its lock's holder writes it. No command is
 * called `succeeded`. @param key of the entry, `entryKey`
 */
export const followedFile = (paths: StatePaths, { tap, target }: PipelineId, key: string): string =>
  join(paths.root, "after", target, tap, `${key}.json`);

/** PipelineWise's own directory of a pipeline. */
export const tapDirectory = ({ configDir }: StatePaths, { tap, target }: PipelineId): string =>
  join(configDir, target, tap);

/** PipelineWise's own file with the bookmarks of a pipeline. */
export const pipelineStateFile = (paths: StatePaths, pipeline: PipelineId): string =>
  join(tapDirectory(paths, pipeline), "state.json");

/** Backups of crontabs before a change. */
export const backupsDir = (paths: StatePaths, host: string, user: string): string =>
  join(paths.root, "backups", `${host}-${user}`);

/** The wrapper's own log, pino JSON. */
export const wrapperLogFile = (paths: StatePaths, host: string): string => join(paths.root, `wrapper-${host}.log`);

/** The day on which a host last warned that its wrapper log cannot be written. */
export const wrapperLogWarningFile = (paths: StatePaths, host: string): string =>
  join(paths.root, `wrapper-${host}.warned`);

/** `limits/`: the places of all limits, and the queue. */
export const limitsDir = (paths: StatePaths): string => join(paths.root, "limits");

/** `limits/queue`: one file for each start that waits for its places. */
export const queueDir = (paths: StatePaths): string => join(limitsDir(paths), "queue");

/** `limits/<kind>/<name>`: one directory for each place of a limit that is taken. */
export const placesDir = (paths: StatePaths, kind: string, name: string): string => join(limitsDir(paths), kind, name);
