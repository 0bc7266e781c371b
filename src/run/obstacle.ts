import { type EntryId, isFastSync, lockOf } from "../command/request.ts";
import { readLast } from "../history/last.ts";
import type { SkipReason } from "../history/record.ts";
import type { Host } from "../host.ts";
import type { StatePaths } from "../state-paths.ts";
import { isDisabled } from "./disabled.ts";
import { renderDuration } from "./duration.ts";
import { findForeign } from "./external.ts";
import { findTraces, type Leftovers } from "./leftovers.ts";

/** Whether the way is free for a start that holds the lock. */
export type Way =
  | { readonly kind: "free"; readonly leftovers: Leftovers }
  /** `detail` reads behind the pipeline's name. */
  | { readonly kind: "blocked"; readonly reason: SkipReason; readonly detail: string };

const byOthers = (detail: string): Way => ({ kind: "blocked", reason: "external", detail });

/** Commands that PipelineWise refuses for a tap that is not enabled. */
const needsEnabledTap = (command: string): boolean =>
  command === "run_tap" || command === "partial_sync_table" || isFastSync(command);

/** Looks for a run that was not started through us, and for what a dead one left. Reads only. */
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
    `may be at work on another host: ${path} was written ${renderDuration(ageMs)} ago by no run of this program; if nothing runs, rename that file to end in .terminated`,
  );
}

/** PipelineWise's word for a run that found another one's pidfile. It ends with 1, as for every failure. */
const REFUSED = /(?:^|log_level=ERROR\s+message=|[\s:])Another instance of the tap is already running\.\s*$/;

/** Whether PipelineWise refused to start beside a run that is not ours. @param tail end of its output */
export const wasRefused = (code: number, tail: string | undefined): boolean =>
  code === 1 && tail !== undefined && REFUSED.test(tail);
