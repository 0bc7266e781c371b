import { join } from "node:path";
import { newestSuccess, parsePipelineWiseLog } from "../history/pipelinewise-log.ts";
import type { PipelineId } from "../pipeline-id.ts";
import { tapDirectory } from "../storage/paths.ts";
import { attempt, type Expired, type ExpiredFile, type ExpiryContext, findFile, forEachFile } from "./expired.ts";
import { plainNames, tapDirectories } from "./tap-directories.ts";

async function findExpiredLogs(
  directory: string,
  pipeline: PipelineId,
  beforeMs: number,
): Promise<readonly ExpiredFile[]> {
  const logs = (await plainNames(directory)).flatMap((name) => parsePipelineWiseLog(name, pipeline) ?? []);
  // PipelineWise's `status` shows the newest run, and `fresh_within` needs the newest that succeeded.
  const kept = [logs.reduce((newest, { at }) => Math.max(newest, at), 0), newestSuccess(logs)];
  const files: ExpiredFile[] = [];
  await forEachFile(logs, async ({ name, at, state }) => {
    if (state === "running" || at >= beforeMs || kept.includes(at)) return;
    const file = await findFile(join(directory, name));
    if (file !== undefined && file.writtenMs < beforeMs) files.push({ path: file.path, bytes: file.bytes });
  });
  return files;
}

/** Finds PipelineWise's own logs that have expired, if the retention includes them. A running log never expires. */
export async function* findPipelineWiseLogs(context: ExpiryContext): AsyncGenerator<Expired, void> {
  const { paths, at, retention } = context;
  const { pipelinewiseLogsMs } = retention;
  if (pipelinewiseLogsMs === undefined) return;
  const beforeMs = at.getTime() - pipelinewiseLogsMs;
  for await (const pipeline of tapDirectories(paths)) {
    const directory = join(tapDirectory(paths, pipeline), "log");
    const files = await attempt(context, directory, () => findExpiredLogs(directory, pipeline, beforeMs));
    if (files !== undefined && files.length > 0) {
      yield { kind: "pipelinewise_logs", directory, files, lockedBy: pipeline };
    }
  }
}
