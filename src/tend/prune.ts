import { StoreError } from "../errors.ts";
import { readStateFile, writeStateFile } from "../storage/file.ts";
import { prunedFile } from "../storage/paths.ts";
import { DAY_MS, MINUTE_MS } from "../time-units.ts";
import type { TendContext } from "./part.ts";

/**
 * Most pipelines are running when `tend` is started, because schedulers start them at the same time. So their turn comes
 * again in each of the minutes until the next `tend`.
 */
const RETRY_MS = [MINUTE_MS, MINUTE_MS, MINUTE_MS, MINUTE_MS];

/** The time in the file, as milliseconds; `undefined` for a text that a power cut truncated. */
function parsePruned(text: string): number | undefined {
  try {
    const { at }: Partial<Record<string, unknown>> = { ...JSON.parse(text) };
    return typeof at === "string" ? Date.parse(at) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Whether files were removed within the last day. A time far ahead is ignored, as that of a wrong clock. */
async function wasPruned({ paths, at }: TendContext): Promise<boolean> {
  const text = await readStateFile(prunedFile(paths));
  const prunedMs = text === undefined ? undefined : parsePruned(text);
  return prunedMs !== undefined && Math.abs(at.getTime() - prunedMs) < DAY_MS;
}

/**
 * Removes expired files, once a day in the cluster. Two hosts may do it at once, which does no harm.
 *
 * @throws StoreError if some of them cannot be removed. The next `tend` then tries again
 */
export async function pruneDaily(context: TendContext): Promise<void> {
  const { host, paths, at, log } = context;
  if (await wasPruned(context)) return;
  // Loaded here, because it is needed only once a day.
  const { prune, readRetention } = await import("../retention/prune.ts");
  const retention = await readRetention(context);
  const { removals, faults, postponed } = await prune(
    { host, paths, retention, at },
    { isDryRun: false, retryMs: RETRY_MS },
  );
  const files = removals.reduce((sum, removal) => sum + removal.files, 0);
  const bytes = removals.reduce((sum, removal) => sum + removal.bytes, 0);
  // This is a warning, because a log that has only lines of the level info is not written.
  if (files > 0) log.warn("removed expired files", { files, bytes });
  for (const reason of postponed) log.info("left expired files for another day", { reason });
  const [fault, ...others] = faults;
  if (fault !== undefined) {
    throw new StoreError(
      others.length === 0 ? fault : `${fault} (and ${others.length} more; see: pipelinewise-sched prune)`,
    );
  }
  await writeStateFile(prunedFile(paths), `${JSON.stringify({ at: at.toISOString(), host: host.name })}\n`, {
    sync: false,
  });
}
