import { streamHistory } from "../history/read.ts";
import type { OutcomeKind, RunRecord } from "../history/record.ts";
import { entryOf } from "../history/store.ts";
import type { Host } from "../host.ts";
import { listLocks } from "../lock/pipeline-locks.ts";
import {
  type EntryId,
  type LockId,
  lockOf,
  overlaps,
  type PipelineScope,
  runLocksOf,
  waiterLockOf,
} from "../pipeline-id.ts";
import { openPipelineStore } from "../run/pipeline-store.ts";
import { isOtherWork, parsePurpose } from "../run/records/lost-runs.ts";
import type { StatePaths } from "../storage/paths.ts";
import { type PipelineLockState, type RunningRun, readPipelineState } from "./lock-state.ts";

/** A run that is running or has ended. */
export interface FoundRun {
  readonly id: string;
  readonly entry: EntryId;
  readonly host: string;
  readonly startedAt: Date;
  /** `undefined` while it is running. */
  readonly record: RunRecord | undefined;
}

/** Which run to find: the newest one, the newest one that failed, or the one with this id. */
export type RunChoice = { readonly kind: "newest" | "failed" } | { readonly kind: "id"; readonly id: string };

interface Place {
  readonly paths: StatePaths;
  readonly host: Host;
}

const FAILED: readonly OutcomeKind[] = ["failed", "timed-out", "lock-lost", "lost"];
const RAN: readonly OutcomeKind[] = ["succeeded", "stopped", ...FAILED];

const ended = (record: RunRecord): FoundRun => ({
  id: record.id,
  entry: entryOf(record),
  host: record.host,
  startedAt: new Date(record.startedAt),
  record,
});

function runningRun({ tap, target }: LockId, { runId, host, startedAt, task }: RunningRun): FoundRun {
  const { command, entry } = parsePurpose(task);
  return { id: runId, entry: { tap, target, command, id: entry }, host, startedAt, record: undefined };
}

function readState(lock: LockId, { paths, host }: Place): Promise<PipelineLockState> {
  const open = (id: LockId) => openPipelineStore(id, { paths, host });
  return readPipelineState({ store: open(lock), waiter: open(waiterLockOf(lock)) }, host);
}

/** The runs that the locks of a scope know: those that are running, and the newest record of each entry. */
async function runsAtLocks({ tap, target }: PipelineScope, place: Place): Promise<readonly FoundRun[]> {
  const locks =
    tap !== undefined && target !== undefined
      ? runLocksOf({ tap, target })
      : (await listLocks(place.paths)).filter((lock) => lock.isWaiter !== true && overlaps(lock, { tap, target }));
  const states = await Promise.all(locks.map(async (lock) => ({ lock, ...(await readState(lock, place)) })));
  return states.flatMap(({ lock, running, last }) => [
    ...(running === undefined || isOtherWork(running) ? [] : [runningRun(lock, running)]),
    ...[...last.runs.values()].map(ended),
  ]);
}

/** The newest run of a scope in the history with one of these outcomes. */
async function newestInHistory(
  scope: PipelineScope,
  filter: { readonly outcomes?: readonly OutcomeKind[]; readonly run?: string; readonly since?: string },
  { paths }: Place,
): Promise<FoundRun | undefined> {
  for await (const record of streamHistory(paths, { ...scope, ...filter }, () => {})) return ended(record);
  return undefined;
}

const newestOf = (runs: readonly FoundRun[]): FoundRun | undefined =>
  runs.reduce<FoundRun | undefined>(
    (newest, run) => (newest === undefined || run.startedAt > newest.startedAt ? run : newest),
    undefined,
  );

/** Finds a run of the pipelines of a scope. Changes nothing. */
export async function findRun(scope: PipelineScope, choice: RunChoice, place: Place): Promise<FoundRun | undefined> {
  const atLocks = await runsAtLocks(scope, place);
  if (choice.kind === "id") {
    const { id } = choice;
    return atLocks.find((run) => run.id === id) ?? (await newestInHistory(scope, { run: id }, place));
  }
  if (choice.kind === "failed") {
    const known = atLocks.filter(({ record }) => record !== undefined && FAILED.includes(record.outcome));
    const recorded = await newestInHistory(scope, { outcomes: FAILED }, place);
    return newestOf([...known, ...(recorded === undefined ? [] : [recorded])]);
  }
  // The locks of a pipeline know its newest run. Without both ids, only held locks are listed.
  const isPipeline = scope.tap !== undefined && scope.target !== undefined;
  const recorded = isPipeline ? undefined : await newestInHistory(scope, { outcomes: RAN }, place);
  return newestOf([...atLocks, ...(recorded === undefined ? [] : [recorded])]);
}

/** A run as it is now. @returns `undefined` if its lock does not name it any more, and it has no record */
export async function findAgain({ id, entry, startedAt }: FoundRun, place: Place): Promise<FoundRun | undefined> {
  const lock = lockOf(entry);
  const { running, last } = await readState(lock, place);
  if (running?.runId === id) return runningRun(lock, running);
  const record = [...last.runs.values()].find((run) => run.id === id);
  if (record !== undefined) return ended(record);
  const since = startedAt.toISOString();
  return newestInHistory({ tap: entry.tap, target: entry.target }, { run: id, since }, place);
}
