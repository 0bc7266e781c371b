import type { SkipReason } from "../../history/record.ts";
import type { PipelineId } from "../../pipeline-id.ts";

/** The reason why PipelineWise refused to run a pipeline. */
export type PipelinewiseRefusal =
  | { readonly kind: "skip"; readonly reason: SkipReason; readonly detail: string }
  /** PipelineWise does not know the tap or the target. `remark` says so, and what to do. */
  | { readonly kind: "unknown"; readonly remark: string };

/** The exit code of PipelineWise after every failure. Only its last message says which one it was. */
const FAILURE = 1;
/** A foreign run started after our own check. */
const RUNNING = /(?:^|log_level=ERROR\s+message=|[\s:])Another instance of the tap is already running\.\s*$/;
/** The message contains the tap's name, which may have blanks, and not its id. */
const NOT_ENABLED = /(?:^|log_level=INFO\s+message=|\n)Tap [^\n]* is not enabled\.\s*$/;

/**
 * The reason why PipelineWise refused to run; `undefined` if it ran, or failed for another reason. The messages are
 * those of PipelineWise 0.64 to 0.81.
 *
 * @param tail end of its output
 */
export function findRefusal(
  code: number,
  tail: string | undefined,
  { tap, target }: PipelineId,
): PipelinewiseRefusal | undefined {
  if (code !== FAILURE || tail === undefined) return undefined;
  const refused = "was refused by PipelineWise, which reports that";
  if (RUNNING.test(tail)) {
    return { kind: "skip", reason: "external", detail: `${refused} another instance is running` };
  }
  if (NOT_ENABLED.test(tail)) {
    return { kind: "skip", reason: "disabled", detail: `${refused} the tap is not enabled` };
  }
  const lines = tail.split("\n");
  const isUnknown = (what: string) => lines.includes(`Exception: Cannot find ${what}`);
  const unknown = isUnknown(`${target} target`)
    ? `target ${target}`
    : isUnknown(`${tap} tap in ${target} target`)
      ? `tap ${tap} in the target ${target}`
      : undefined;
  if (unknown === undefined) return undefined;
  const remark = `PipelineWise does not know the ${unknown}. Correct the id, or add it to the PipelineWise project and run \`pipelinewise import\``;
  return { kind: "unknown", remark };
}
