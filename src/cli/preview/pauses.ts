import { SchedError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { scheduleState } from "../../install/install.ts";
import { entryLabel, overlaps, scopeLabel } from "../../pipeline-id.ts";
import type { PausedTime } from "../../preview/upcoming.ts";
import { listPauses, type Pauses, renderPause, type ScopedPause } from "../../run/policies/pauses.ts";
import type { Pipeline, Schedule } from "../../schedule/schedule.ts";
import { pauseFaults } from "../status/pauses.ts";

/** The pauses that a preview takes into account. */
interface PreviewPauses {
  readonly paused: ReadonlyMap<Pipeline, PausedTime>;
  /** Sentences about the starts that are left out. */
  readonly notes: readonly string[];
  readonly warnings: readonly string[];
}

/** The pauses of the schedule's config directory; none on a machine that does not have that directory. */
async function readPauses(schedule: Schedule, host: Host): Promise<Pauses> {
  const paths = await scheduleState(schedule, undefined, host).catch((error) => {
    if (error instanceof SchedError) return undefined;
    throw error;
  });
  return paths === undefined ? { active: [], faults: [] } : listPauses(paths, host.now());
}

/**
 * The time in which a pipeline is not started. All of its pauses are in force now, so their times form one interval.
 */
function pausedTime(pipeline: Pipeline, active: readonly ScopedPause[]): PausedTime | undefined {
  if (pipeline.policies?.enabled === false) return { from: Number.NEGATIVE_INFINITY, to: Number.POSITIVE_INFINITY };
  const own = active.filter(({ scope }) => overlaps(scope, pipeline));
  if (own.length === 0) return undefined;
  return {
    from: Math.min(...own.map(({ since }) => since.getTime())),
    to: Math.max(...own.map(({ until }) => until?.getTime() ?? Number.POSITIVE_INFINITY)),
  };
}

/** Finds the pauses of these pipelines: those of the command `pause`, and `enabled: false`. */
export async function previewPauses(
  schedule: Schedule,
  pipelines: readonly Pipeline[],
  host: Host,
): Promise<PreviewPauses> {
  const pauses = await readPauses(schedule, host);
  const isShown = ({ scope }: Pick<ScopedPause, "scope">) => pipelines.some((one) => overlaps(scope, one));
  const times = pipelines.flatMap((pipeline): readonly (readonly [Pipeline, PausedTime])[] => {
    const time = pausedTime(pipeline, pauses.active);
    return time === undefined ? [] : [[pipeline, time]];
  });
  const disabled = pipelines.filter(({ policies }) => policies?.enabled === false).map(entryLabel);
  return {
    paused: new Map(times),
    notes: [
      ...pauses.active
        .filter(isShown)
        .map((pause) => `Left out, because of a pause: ${scopeLabel(pause.scope)} ${renderPause(pause)}.`),
      ...(disabled.length === 0 ? [] : [`Left out, because of \`enabled: false\`: ${disabled.join(", ")}.`]),
    ],
    warnings: pauseFaults({ ...pauses, faults: pauses.faults.filter(isShown) }),
  };
}
