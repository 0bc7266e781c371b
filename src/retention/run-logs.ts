import { join } from "node:path";
import { CONNECTOR_ID, locksOf, type PipelineId } from "../pipeline-id.ts";
import { logsDir, runLogsDir } from "../storage/paths.ts";
import {
  attempt,
  type Expired,
  type ExpiredFile,
  type ExpiryContext,
  findFile,
  forEachFile,
  namesIn,
} from "./expired.ts";
import { readHolders } from "./holders.ts";

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

async function findExpiredLogs(context: ExpiryContext, pipeline: PipelineId): Promise<readonly ExpiredFile[]> {
  const { paths, retention, at } = context;
  const directory = runLogsDir(paths, pipeline);
  const before = at.getTime() - retention.logsMs;
  const logs = (await namesIn(context, directory)).flatMap((name) => parseLogName(name) ?? []);
  // The names begin with the start of the run, so they sort by it. A run with several attempts has a log for each.
  const newest = new Set([...new Set(logs.map(({ runId }) => runId))].slice(-NEWEST_RUNS));
  const old = logs.filter(({ runId, startedMs }) => startedMs < before && !newest.has(runId));
  const holders = old.length === 0 ? undefined : await readHolders(context, locksOf(pipeline));
  if (holders === undefined) return [];
  const held = new Set(holders.map(({ runId }) => runId));
  const files: ExpiredFile[] = [];
  await forEachFile(old, async ({ name, runId }) => {
    if (held.has(runId)) return;
    const file = await findFile(join(directory, name));
    // A run that began long ago may have written its log until yesterday.
    if (file !== undefined && file.writtenMs < before) files.push({ path: file.path, bytes: file.bytes });
  });
  return files;
}

/** Finds the logs of runs that have expired, except those of each pipeline's newest runs and of runs that hold a lock. */
export async function* findRunLogs(context: ExpiryContext): AsyncGenerator<Expired, void> {
  const { paths } = context;
  const all = logsDir(paths);
  for (const target of (await attempt(context, all, () => namesIn(context, all))) ?? []) {
    if (!CONNECTOR_ID.test(target)) continue;
    const ofTarget = join(all, target);
    for (const tap of (await attempt(context, ofTarget, () => namesIn(context, ofTarget))) ?? []) {
      if (!CONNECTOR_ID.test(tap)) continue;
      const directory = runLogsDir(paths, { tap, target });
      const files = await attempt(context, directory, () => findExpiredLogs(context, { tap, target }));
      if (files !== undefined && files.length > 0) yield { kind: "logs", directory, files };
    }
  }
}
