import { join } from "node:path";
import { listLocks } from "../lock/pipeline-locks.ts";
import { hasRunToken } from "../lock/processes.ts";
import { lockLabel, mainLockOf } from "../pipeline-id.ts";
import { searchForeignProcesses } from "../run/checks/foreign-runs.ts";
import { findForeignRun, renderForeignRun } from "../run/checks/preflight.ts";
import { openPipelineStore } from "../run/pipeline-store.ts";
import { DAY_MS, HOUR_MS } from "../time-units.ts";
import { attempt, type Expired, type ExpiryContext, findFile, forEachFile } from "./expired.ts";
import { readHolders } from "./holders.ts";
import { plainNames, tapDirectories } from "./tap-directories.ts";

/**
 * PipelineWise's `tmp` directory, which all pipelines of a config directory share. A run that is killed leaves files in
 * it: exported tables, and settings with passwords. Most names do not say which pipeline wrote the file. But a pipeline
 * writes only files that are younger than its own start. So a file that was last written before the start of every
 * running pipeline belongs to none of them, and no lock is needed to remove it.
 */

/** Younger files stay. A start takes its lock much sooner than this. */
const LEAST_AGE_MS = DAY_MS;
/** By how much the clocks of the hosts and of the file server may differ. */
const CLOCK_MARGIN_MS = HOUR_MS;

interface OldFile {
  readonly path: string;
  readonly bytes: number;
  readonly writtenMs: number;
}

interface OldFiles {
  readonly directory: string;
  readonly files: readonly OldFile[];
}

/** Finds the old files in a directory and in those below it, one directory at a time. */
async function* findOld(context: ExpiryContext, directory: string): AsyncGenerator<OldFiles, void> {
  const below: string[] = [];
  const files = await attempt(context, directory, async () => {
    const old: OldFile[] = [];
    await forEachFile(await plainNames(directory), async (name) => {
      const path = join(directory, name);
      const file = await findFile(path);
      if (file === undefined) below.push(path);
      else if (file.writtenMs < context.at.getTime() - LEAST_AGE_MS) old.push(file);
    });
    return old;
  });
  if (files !== undefined && files.length > 0) yield { directory, files };
  for (const path of below) yield* findOld(context, path);
}

/** The start of the pipeline that has been running for longest, or the reason why it is not known. */
type OldestStart = { readonly startedMs: number } | { readonly unknown: string };

async function findOldestStart(context: ExpiryContext): Promise<OldestStart> {
  const { paths, host } = context;
  const holders = await readHolders(context, await listLocks(paths));
  if (holders === undefined) return { unknown: "a lock does not say which run holds it" };
  const findProcess = searchForeignProcesses(paths.configDir, host.pid, hasRunToken);
  for await (const pipeline of tapDirectories(paths)) {
    const lock = mainLockOf(pipeline);
    const store = openPipelineStore(lock, { paths, host });
    const isFree = (await readHolders(context, [lock]))?.length === 0;
    const ourRuns = (await store.lastRun.read()).runs.values();
    const run = await findForeignRun(store, { host, ourRuns, findProcess, isFree });
    if (run !== undefined) return { unknown: `${lockLabel(lock)} ${renderForeignRun(run)}` };
  }
  return { startedMs: holders.reduce((oldest, { startedAt }) => Math.min(oldest, startedAt.getTime()), Infinity) };
}

/** Finds the files in PipelineWise's `tmp` directory that no running pipeline can have written. */
export async function* findTemporary(context: ExpiryContext): AsyncGenerator<Expired, void> {
  const root = join(context.paths.configDir, "tmp");
  let oldest: OldestStart | undefined;
  for await (const { directory, files } of findOld(context, root)) {
    oldest ??= await attempt(context, root, () => findOldestStart(context));
    if (oldest === undefined) return;
    if ("unknown" in oldest) return context.onPostponed(`tmp: ${oldest.unknown}`);
    const beforeMs = oldest.startedMs - CLOCK_MARGIN_MS;
    const ended = files.filter(({ writtenMs }) => writtenMs < beforeMs);
    if (ended.length > 0) yield { kind: "tmp", directory, files: ended };
  }
}
