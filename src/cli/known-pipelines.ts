import { EXIT, SchedError } from "../errors.ts";
import { readHistory } from "../history/read.ts";
import type { Host } from "../host.ts";
import { readConfiguredPipelines } from "../install/pipelinewise.ts";
import { listScheduleNames, readStored } from "../installed/store.ts";
import { overlaps, type PipelineId, type PipelineScope, scopeLabel } from "../pipeline-id.ts";
import { findStateDirectory } from "../storage/directory.ts";
import type { StatePaths } from "../storage/paths.ts";
import { nearestWord } from "../text/suggest.ts";

/** The pipelines of a stored schedule; none if it cannot be read, because `stop` must work without it. */
async function storedPipelines(paths: StatePaths, name: string, host: Host): Promise<readonly PipelineId[]> {
  try {
    return (await readStored(paths, name, host))?.storedSchedule.entries ?? [];
  } catch (error) {
    if (error instanceof SchedError) return [];
    throw error;
  }
}

/** The pipelines that a schedule or PipelineWise's config.json contains, each once. What cannot be read is left out. */
export async function listPipelines(paths: StatePaths, host: Host): Promise<readonly PipelineId[]> {
  const hasState = (await findStateDirectory(paths.configDir, host.uid)) !== undefined;
  const names = hasState ? await listScheduleNames(paths) : [];
  const stored = await Promise.all(names.map((name) => storedPipelines(paths, name, host)));
  const all = [...stored.flat(), ...(await readConfiguredPipelines(paths.configDir).catch(() => []))];
  return [...new Map(all.map(({ tap, target }) => [`${target}/${tap}`, { tap, target }])).values()];
}

/** The known pipeline, tap or target with the most similar id; `undefined` if none is similar. */
function nearestScope({ tap, target }: PipelineScope, listed: readonly PipelineId[]): PipelineScope | undefined {
  const nearest = (id: string, ids: readonly string[]) => (ids.includes(id) ? id : nearestWord(id, ids));
  const targets = listed.map((one) => one.target);
  const nearTarget = target === undefined ? undefined : nearest(target, targets);
  if (target !== undefined && nearTarget === undefined) return undefined;
  if (tap === undefined) return { target: nearTarget };
  const nearTap = nearest(
    tap,
    listed.flatMap((one) => (overlaps({ target: nearTarget }, one) ? [one.tap] : [])),
  );
  return nearTap === undefined ? undefined : { target: nearTarget, tap: nearTap };
}

const labelOf = (scope: PipelineScope): string =>
  scope.tap === undefined
    ? `the target ${scope.target}`
    : scope.target === undefined
      ? `the tap ${scope.tap}`
      : scopeLabel(scope);

/** `; did you mean orders → dwh?`, with the most similar id; "" if none is similar. */
export function suggest(scope: PipelineScope, listed: readonly PipelineId[]): string {
  const near = nearestScope(scope, listed);
  if (near === undefined) return "";
  return `; did you mean ${near.tap === undefined || near.target === undefined ? (near.tap ?? near.target) : scopeLabel(near)}?`;
}

/**
 * A warning for a start of a pipeline that PipelineWise's config.json does not contain, and that no schedule contains;
 * `undefined` if one does, or if config.json cannot be read.
 */
export async function unknownPipelineWarning(
  paths: StatePaths,
  pipeline: PipelineId,
  host: Host,
): Promise<string | undefined> {
  const configured = await readConfiguredPipelines(paths.configDir).catch(() => []);
  if (configured.length === 0) return undefined;
  const listed = await listPipelines(paths, host);
  if (listed.some((one) => overlaps(pipeline, one))) return undefined;
  return `${scopeLabel(pipeline)} is not in an installed schedule or in ${paths.configDir}/config.json${suggest(pipeline, listed)}`;
}

/**
 * Throws if a schedule, PipelineWise's config.json and the history do not name the pipeline, the tap or the target: its
 * id is probably misspelt.
 */
export async function assertKnown(paths: StatePaths, scope: PipelineScope, host: Host): Promise<void> {
  const { tap, target } = scope;
  if (tap === undefined && target === undefined) return;
  const listed = await listPipelines(paths, host);
  if (listed.some((one) => overlaps(scope, one))) return;
  if ((await readHistory(paths, { tap, target, limit: 1 })).runs.length > 0) return;
  throw new SchedError(
    `${labelOf(scope)} is not in an installed schedule, in ${paths.configDir}/config.json or in the history${suggest(scope, listed)}`,
    {
      exitCode: EXIT.noInput,
      hint: "Check --tap and --target, and --config-dir. Show the pipelines: pipelinewise-sched status",
    },
  );
}
