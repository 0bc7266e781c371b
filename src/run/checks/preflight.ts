import { join } from "node:path";
import type { SkipReason } from "../../history/record.ts";
import { readLast } from "../../history/store.ts";
import type { Host } from "../../host.ts";
import { type EntryId, isFastSync, lockOf, type PipelineId } from "../../pipeline-id.ts";
import { readStateFile } from "../../storage/file.ts";
import type { StatePaths } from "../../storage/paths.ts";
import { renderDuration } from "../../text/format-time.ts";
import { findForeign } from "./foreign-runs.ts";
import { findTraces, type Leftovers } from "./leftovers.ts";

/** The parts of PipelineWise's config.json that are read here. Any of them may be missing. */
interface MainConfig {
  readonly targets?: readonly {
    readonly id?: unknown;
    readonly taps?: readonly { readonly id?: unknown; readonly enabled?: unknown }[];
  }[];
}

/**
 * Whether PipelineWise's config.json disables a tap, which PipelineWise would refuse to run. An unreadable file counts as
 * enabled, because PipelineWise reports that error better.
 */
async function isDisabled(configDir: string, { tap, target }: PipelineId): Promise<boolean> {
  try {
    const text = await readStateFile(join(configDir, "config.json"));
    const config: MainConfig | null = text === undefined ? null : JSON.parse(text);
    const taps = config?.targets?.find(({ id }) => id === target)?.taps;
    return taps?.find(({ id }) => id === tap)?.enabled === false;
  } catch {
    return false;
  }
}

/** Whether a start that holds the lock can run. */
export type Way =
  | { readonly kind: "free"; readonly leftovers: Leftovers }
  /** `detail` is a sentence fragment that follows the pipeline's name. */
  | { readonly kind: "blocked"; readonly reason: SkipReason; readonly detail: string };

const byOthers = (detail: string): Way => ({ kind: "blocked", reason: "external", detail });

/** Commands that PipelineWise refuses for a tap that is not enabled. */
const needsEnabledTap = (command: string): boolean =>
  command === "run_tap" || command === "partial_sync_table" || isFastSync(command);

/** Looks for a foreign run and for leftovers of a dead run. Reads only. */
export async function lookAhead(paths: StatePaths, entry: EntryId, host: Host): Promise<Way> {
  const lock = lockOf(entry);
  if (needsEnabledTap(entry.command) && (await isDisabled(paths.configDir, entry))) {
    return { kind: "blocked", reason: "disabled", detail: `is disabled in ${paths.configDir}/config.json` };
  }
  const foreign = await findForeign(paths.configDir, lock, host.pid);
  if (foreign !== undefined) {
    return byOthers(`is run by pid ${foreign.pid} (${foreign.what}), which this program did not start`);
  }
  const { runs } = await readLast(paths, lock);
  const traces = await findTraces(paths, lock, host, { ourRuns: runs.values() });
  if (traces.kind === "external") {
    const { process, pidfile } = traces;
    return byOthers(
      `is run by pid ${process.pid} (${process.what}), which this program did not start: ${pidfile} names that process, and it is alive; if it does not run this pipeline, remove that file`,
    );
  }
  if (traces.kind === "leftovers") return { kind: "free", leftovers: traces.leftovers };
  const { path, ageMs } = traces;
  return byOthers(
    `may be running on another host: ${path} was written ${renderDuration(ageMs)} ago, but not by pipelinewise-sched; if nothing is running, rename that file to end in .terminated`,
  );
}

/** PipelineWise's message for a run that found another run's pidfile. The exit code is 1, as for every failure. */
const REFUSED = /(?:^|log_level=ERROR\s+message=|[\s:])Another instance of the tap is already running\.\s*$/;

/**
 * Whether PipelineWise refused to start because of another run.
 *
 * @param tail end of its output
 */
export const wasRefused = (code: number, tail: string | undefined): boolean =>
  code === 1 && tail !== undefined && REFUSED.test(tail);
