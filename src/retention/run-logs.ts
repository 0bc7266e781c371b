import { join } from "node:path";
import { pipelineLocks } from "../lock/pipeline-locks.ts";
import { connectorIdError, locksOf, type PipelineId } from "../pipeline-id.ts";
import { lockDirectory, logsDir, runLogsDir } from "../storage/paths.ts";
import {
  attempt,
  type Expired,
  type ExpiredFile,
  type ExpiryContext,
  findFile,
  forEachFile,
  namesIn,
} from "./expired.ts";

/** Number of each pipeline's newest runs whose logs stay, however old they are. */
const NEWEST_RUNS = 20;

const LOG = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z-([0-9a-z]+)(?:\.\d+)?\.log$/;

interface RunLog {
  readonly name: string;
  readonly runId: string;
  readonly startedMs: number;
}

function parseLogName(name: string): RunLog | undefined {
  const [, year, month, day, hour, minute, second, runId] = LOG.exec(name) ?? [];
  if (runId === undefined) return undefined;
  const startedMs = Date.UTC(
    Number(year),
    Number(month) - 1,
    Number(day),
    Number(hour),
    Number(minute),
    Number(second),
  );
  return { name, runId, startedMs };
}

/**
 * The runs that hold a lock of a pipeline, on any host, alive or not.
 *
 * @returns `undefined` if a holder does not say which run it is
 */
async function heldRuns(context: ExpiryContext, pipeline: PipelineId): Promise<ReadonlySet<string> | undefined> {
  const { paths } = context;
  const runs = new Set<string>();
  for (const lock of locksOf(pipeline)) {
    if ((await namesIn(context, lockDirectory(paths, lock))).length === 0) continue;
    const holder = await pipelineLocks().readHolder(paths, lock);
    if (holder === undefined) return undefined;
    runs.add(holder.runId);
  }
  return runs;
}

async function findExpiredLogs(context: ExpiryContext, pipeline: PipelineId): Promise<readonly ExpiredFile[]> {
  const { paths, retention, at } = context;
  const directory = runLogsDir(paths, pipeline);
  const before = at.getTime() - retention.logsMs;
  const logs = (await namesIn(context, directory)).flatMap((name) => parseLogName(name) ?? []);
  // The names begin with the start of the run, so they sort by it. A run with several attempts has a log for each.
  const newest = new Set([...new Set(logs.map(({ runId }) => runId))].slice(-NEWEST_RUNS));
  const old = logs.filter(({ runId, startedMs }) => startedMs < before && !newest.has(runId));
  const held = old.length === 0 ? undefined : await heldRuns(context, pipeline);
  if (held === undefined) return [];
  const files: ExpiredFile[] = [];
  await forEachFile(old, async ({ name, runId }) => {
    if (held.has(runId)) return;
    const file = await findFile(join(directory, name));
    // A run that began long ago may have written its log until yesterday.
    if (file !== undefined && file.writtenMs < before) files.push({ path: file.path, bytes: file.bytes });
  });
  return files;
}

const isId = (name: string): boolean => connectorIdError(name) === undefined;

/** Finds the logs of runs that have expired, except those of each pipeline's newest runs and of runs that hold a lock. */
export async function* findRunLogs(context: ExpiryContext): AsyncGenerator<Expired, void> {
  const { paths } = context;
  const all = logsDir(paths);
  for (const target of (await attempt(context, all, () => namesIn(context, all))) ?? []) {
    if (!isId(target)) continue;
    const ofTarget = join(all, target);
    for (const tap of (await attempt(context, ofTarget, () => namesIn(context, ofTarget))) ?? []) {
      if (!isId(tap)) continue;
      const directory = runLogsDir(paths, { tap, target });
      const files = await attempt(context, directory, () => findExpiredLogs(context, { tap, target }));
      if (files !== undefined && files.length > 0) yield { kind: "logs", directory, files };
    }
  }
}
