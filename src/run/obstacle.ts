import type { PipelineId } from "../command/request.ts";
import { readLast } from "../history/last.ts";
import type { SkipReason } from "../history/record.ts";
import type { Host } from "../host.ts";
import type { StatePaths } from "../state-paths.ts";
import { isDisabled } from "./disabled.ts";
import { renderDuration } from "./duration.ts";
import { type ExternalProcess, findExternal } from "./external.ts";
import { findTraces, type Leftovers } from "./leftovers.ts";

/** Whether the way is free for a start that holds the lock. */
export type Way =
  | { readonly kind: "free"; readonly leftovers: Leftovers }
  /** `detail` reads behind the pipeline's name. */
  | { readonly kind: "blocked"; readonly reason: SkipReason; readonly detail: string };

const byOthers = ({ pid, command }: ExternalProcess): Way => ({
  kind: "blocked",
  reason: "external",
  detail: `is run by pid ${pid} (${command}), which this program did not start`,
});

/** Looks for a run that was not started through us, and for what a dead one left. Reads only. */
export async function lookAhead(paths: StatePaths, pipeline: PipelineId, host: Host): Promise<Way> {
  const { tap, target } = pipeline;
  if (await isDisabled(paths.configDir, pipeline)) {
    return { kind: "blocked", reason: "disabled", detail: `is disabled in ${paths.configDir}/config.json` };
  }
  const external = await findExternal(paths.configDir, { tap, target });
  if (external !== undefined) return byOthers(external);
  const { runs } = await readLast(paths, pipeline);
  const traces = await findTraces(paths, pipeline, host, { ourRuns: runs.values() });
  if (traces.kind === "external") return byOthers(traces.process);
  if (traces.kind === "leftovers") return { kind: "free", leftovers: traces.leftovers };
  const { path, ageMs } = traces;
  return {
    kind: "blocked",
    reason: "external",
    detail: `may be at work on another host: ${path} was written ${renderDuration(ageMs)} ago by no run of this program; if nothing runs, rename that file to end in .terminated`,
  };
}

/** PipelineWise's word for a run that found another one's pidfile. It ends with 1, as for every failure. */
const REFUSED = /(?:^|log_level=ERROR\s+message=|[\s:])Another instance of the tap is already running\.\s*$/;

/** Whether PipelineWise refused to start beside a run that is not ours. @param tail end of its output */
export const wasRefused = (code: number, tail: string | undefined): boolean =>
  code === 1 && tail !== undefined && REFUSED.test(tail);
