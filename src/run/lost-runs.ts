import type { RunRecord } from "../history/record.ts";
import { appendRecord, readLast, writeLastRun } from "../history/store.ts";
import type { Host } from "../host.ts";
import type { DeadHolder } from "../lock/lock.ts";
import { DEFAULT_COMMAND, type LockId } from "../pipeline-id.ts";
import { runLogFile, type StatePaths } from "../storage/paths.ts";

const TASK = /^([a-z0-9_]+)(?:#([a-z0-9_-]+))?(?: (\S+))?$/;

interface Task {
  readonly command: string;
  readonly entry: string | undefined;
  readonly slot: string | undefined;
}

/** Parses the task of an owner record: `sync_tables#weekly 2026-11-23T12:00:00.000Z`. */
function parseTask(task = ""): Task {
  const [, command = DEFAULT_COMMAND, entry, slot] = TASK.exec(task) ?? [];
  return { command, entry, slot };
}

/** The record of a run whose wrapper ended without writing one. */
function lostRecord(paths: StatePaths, pipeline: LockId, dead: DeadHolder, how: string): RunRecord {
  const { runId: id, startedAt, lastBeatAt, host } = dead;
  const { command, entry, slot } = parseTask(dead.task);
  const { tap, target } = pipeline;
  return {
    id,
    tap,
    target,
    command,
    entry,
    outcome: "lost",
    detail: `its process ended without writing a record; last heartbeat ${lastBeatAt.toISOString()}; ${how}`,
    host,
    slot,
    scheduled: slot !== undefined,
    startedAt: startedAt.toISOString(),
    // A heartbeat is rounded to whole seconds, so it may be before the start.
    endedAt: new Date(Math.max(lastBeatAt.getTime(), startedAt.getTime())).toISOString(),
    log: runLogFile(paths, pipeline, { id, startedAt }),
  };
}

/**
 * Records a run as lost. Only the process that removed its token calls this.
 *
 * @param how text for the record: who found the run, and how
 */
export async function recordLost(
  paths: StatePaths,
  pipeline: LockId,
  dead: DeadHolder,
  { host, how }: { readonly host: Pick<Host, "uid" | "name" | "pid">; readonly how: string },
): Promise<RunRecord> {
  const lost = lostRecord(paths, pipeline, dead, how);
  const { runs } = await readLast(paths, pipeline);
  const known = [...runs.values()].find(({ id }) => id === lost.id);
  if (known !== undefined) return known;
  const told = await findTold(paths, lost);
  if (told === undefined) await appendRecord(paths, host, lost);
  const record = told ?? lost;
  const newest = runs.get(record.entry === undefined ? record.command : `${record.command}#${record.entry}`);
  if (newest === undefined || newest.startedAt < record.startedAt) await writeLastRun(paths, host, record);
  return record;
}

/** Number of records to search: a pipeline cannot have more new records than this. */
const NEWEST = 100;

/**
 * The record that the run wrote itself, if its wrapper died after that and before `last/` was updated or the lock
 * released.
 */
async function findTold(paths: StatePaths, { id, tap, target }: RunRecord): Promise<RunRecord | undefined> {
  const { readHistory } = await import("../history/read.ts");
  const { runs } = await readHistory(paths, { tap, target, limit: NEWEST });
  return runs.find((record) => record.id === id);
}
