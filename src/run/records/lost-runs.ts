import { errorCode } from "../../errors.ts";
import type { OutcomeKind, RunRecord } from "../../history/record.ts";
import { entryOf, type LastRuns } from "../../history/store.ts";
import type { Host } from "../../host.ts";
import type { LockView, TokenView } from "../../lock/inspect.ts";
import type { DeadHolder, LockHolder } from "../../lock/lock.ts";
import { DEFAULT_COMMAND, entryLabel } from "../../pipeline-id.ts";
import { lstat } from "../../storage/fs.ts";
import type { RunLogName } from "../../storage/paths.ts";
import { ioError } from "../../storage/store-error.ts";
import type { PipelineStore } from "../pipeline-store.ts";

const PURPOSE = /^([a-z0-9_]+)(?:#([a-z0-9_-]+))?(?: (\S+))?$/;

/** The entry and the slot of a run. */
export interface Purpose {
  readonly command: string;
  readonly entry: string | undefined;
  readonly slot: string | undefined;
}

/** Parses the purpose in an owner record: `sync_tables#weekly 2026-11-23T12:00:00.000Z`. */
export function parsePurpose(text = ""): Purpose {
  const [, command = DEFAULT_COMMAND, entry, slot] = PURPOSE.exec(text) ?? [];
  return { command, entry, slot };
}

/** Whether a scheduler started a run. An owner record of an older version does not say so: then the run has a slot. */
export const isScheduled = ({ task, scheduled }: LockHolder): boolean =>
  scheduled ?? parsePurpose(task).slot !== undefined;

const OTHER_WORK = ["import_config", "restore_state", "prune"] as const;
/** Work of this program that has the lock of a pipeline but is not a run, as its owner record names it. */
export type OtherWork = (typeof OTHER_WORK)[number];

/** Whether an owner record is that of other work than a run, which has no run record and no log. */
export const isOtherWork = ({ task }: Pick<LockHolder, "task">): boolean => OTHER_WORK.some((work) => work === task);

const LEFT_OUTCOMES: readonly OutcomeKind[] = ["succeeded", "failed", "timed-out", "stopped"];

/**
 * The end of a dead run: as its wrapper left it, or lost.
 *
 * @param waited the run had not begun: its start waited for the running run
 */
function endOf({ end, startedAt, lastHeartbeatAt }: DeadHolder, how: string, waited: boolean) {
  const outcome = LEFT_OUTCOMES.find((kind) => kind === end?.outcome);
  if (end !== undefined && outcome !== undefined) {
    const detail = `its end could not be recorded when it ended; ${how}`;
    return { outcome, exitCode: end.exitCode, detail, endedAt: end.endedAt.toISOString() };
  }
  return {
    outcome: "lost",
    detail: waited
      ? `its process ended while it waited for the running run; last heartbeat ${lastHeartbeatAt.toISOString()}; ${how}`
      : `its process ended without writing a record; last heartbeat ${lastHeartbeatAt.toISOString()}; ${how}`,
    // A heartbeat is rounded to whole seconds, so it may be before the start.
    endedAt: new Date(Math.max(lastHeartbeatAt.getTime(), startedAt.getTime())).toISOString(),
  } as const;
}

/** The log of the newest attempt of a run. Each attempt after the first has created its log before it began. */
async function findNewestLog(store: PipelineStore, run: RunLogName): Promise<string> {
  let newest = store.runLogFile(run);
  for (let attempt = 2; ; attempt++) {
    const log = store.runLogFile({ ...run, attempt });
    try {
      await lstat(log);
    } catch (error) {
      if (errorCode(error) === "ENOENT") return newest;
      throw ioError("check", log, error);
    }
    newest = log;
  }
}

/** The record of a run whose wrapper ended without writing one. */
async function lostRecord(store: PipelineStore, dead: DeadHolder, how: string): Promise<RunRecord> {
  const { runId: id, startedAt, host, triggeredBy } = dead;
  const { command, entry, slot } = parsePurpose(dead.task);
  const { tap, target, isWaiter = false } = store.lock.id;
  return {
    id,
    tap,
    target,
    command,
    entry,
    ...endOf(dead, how, isWaiter),
    host,
    slot,
    scheduled: isScheduled(dead),
    triggeredBy,
    startedAt: startedAt.toISOString(),
    log: isWaiter ? undefined : await findNewestLog(store, { id, startedAt }),
  };
}

/** A dead run and its record. */
export interface DeadRun {
  /** Its own record, or one that says that it was lost. */
  readonly record: RunRecord;
  /** Whether the record is in the history. */
  readonly isRecorded: boolean;
}

/**
 * Finds the record of a dead run. Reads only.
 *
 * @param how text for a record that does not exist yet: who found the run, and how
 * @returns `undefined` if the holder was not a run
 */
export async function findDeadRun(
  store: PipelineStore,
  dead: DeadHolder,
  { how, runs }: { readonly how: string } & Pick<LastRuns, "runs">,
): Promise<DeadRun | undefined> {
  if (isOtherWork(dead)) return undefined;
  const lost = await lostRecord(store, dead, how);
  const own = [...runs.values()].find(({ id }) => id === lost.id) ?? (await findOwnRecord(store, lost));
  return { record: own ?? lost, isRecorded: own !== undefined };
}

/**
 * Records a run as lost, or with the end that its wrapper left. Adds nothing to the history if the wrapper has recorded
 * the run itself. Only the process that removed the run's token calls this, and it must report a lost run to a person.
 *
 * @param how text for the record: who found the run, and how
 * @returns `undefined` if the holder was not a run, so nothing is recorded
 */
export async function recordLost(store: PipelineStore, dead: DeadHolder, how: string): Promise<RunRecord | undefined> {
  const found = await findDeadRun(store, dead, { how, ...(await store.readNewest()) });
  if (found === undefined) return undefined;
  const { record, isRecorded } = found;
  if (!isRecorded) {
    // Before the record: a run that is recorded is not found again.
    const { noteLost } = await import("../alerts.ts");
    await noteLost(store, record);
    await store.history.append(record);
  }
  await store.recordNewest(record, { holdsLock: false });
  return record;
}

/** Says on stderr, so that cron mails it, that a run was lost. Nothing if the run left its end. */
export function showLost({ stderr }: Pick<Host, "stderr">, record: RunRecord | undefined): void {
  if (record?.outcome !== "lost") return;
  const log = record.log === undefined ? "" : `; log: ${record.log}`;
  stderr.write(
    `pipelinewise-sched: ${entryLabel(entryOf(record))}: the run of ${record.startedAt} on host ${record.host} was lost: ${record.detail}${log}\n`,
  );
}

/** Number of records to search: a pipeline cannot have more new records than this. */
const NEWEST = 100;

/**
 * The record that the run wrote itself, if its wrapper died after that and before `last/` was updated or the lock
 * released.
 */
async function findOwnRecord({ paths }: PipelineStore, { id, tap, target }: RunRecord): Promise<RunRecord | undefined> {
  const { readHistory } = await import("../../history/read.ts");
  const { runs } = await readHistory(paths, { tap, target, limit: NEWEST });
  return runs.find((record) => record.id === id);
}

interface ReapOptions {
  readonly lock: LockView;
  readonly view: TokenView;
  /** Text for the record: who found the run, and how. */
  readonly how: string;
  /** "force": a user says that the run is dead, without a proof. */
  readonly as: "reap" | "force";
}

/**
 * Removes the token of a dead run and records the run as lost, unless another process removed the token first.
 *
 * @returns the record; `undefined` also if the holder was not a run
 */
export async function reapRun(
  store: PipelineStore,
  { lock, view, how, as }: ReapOptions,
): Promise<{ readonly taken: boolean; readonly record: RunRecord | undefined }> {
  let record: RunRecord | undefined;
  const taken = await lock[as](view, async (dead) => {
    record = await recordLost(store, dead, how);
  });
  return { taken, record };
}
