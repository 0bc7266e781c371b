import { runTimes } from "../cron/run-times.ts";
import { entryLabel, lockLabel, lockOf } from "../pipeline-id.ts";
import { renderMinute } from "../text/format-time.ts";
import type { Diagnostic } from "./diagnostic.ts";
import type { LintOptions } from "./lint.ts";
import { listRuns } from "./list-runs.ts";
import type { Pipeline } from "./schedule.ts";

/** An entry, its place in the file and its next runs. */
interface Entry {
  readonly pipeline: Pipeline;
  readonly index: number;
  readonly runs: readonly number[];
}

/** Number of times that a warning names. */
const SHOWN = 3;

/** Number of runs that are compared beyond the list of the other entry: more than a year of a daily entry. */
const MOST_SEARCHES = 400;

/** Whether an entry has fewer runs than another one. */
const isRarer = ({ runs }: Entry, other: Entry): boolean =>
  runs.length === other.runs.length ? (runs.at(-1) ?? 0) > (other.runs.at(-1) ?? 0) : runs.length < other.runs.length;

const isDueAt = ({ crons, timezone }: Pipeline, at: number, { machineZone = "UTC" }: LintOptions): boolean =>
  crons.some((cron) => runTimes(cron, { zone: timezone ?? machineZone, from: at, to: at + 1 }).next().done === false);

/** Whether two entries may be due at one time. Answers without a search if their clock times differ. */
const mayCoincide = (one: Pipeline, two: Pipeline): boolean =>
  one.timezone !== two.timezone ||
  one.crons.some(({ hours, minutes }) =>
    two.crons.some(
      (cron) => cron.hours.some((h) => hours.includes(h)) && cron.minutes.some((m) => minutes.includes(m)),
    ),
  );

/** The first times at which both are due, one more than a warning shows. */
function findSharedTimes(rarer: Entry, other: Entry, options: LintOptions): readonly number[] {
  const known = new Set(other.runs);
  const last = other.runs.at(-1) ?? 0;
  const shared = new Set<number>();
  let searched = 0;
  for (const at of rarer.runs) {
    const isShared = at <= last ? known.has(at) : isDueAt(other.pipeline, at, options);
    if (at > last) searched++;
    if (isShared) shared.add(at);
    if (shared.size > SHOWN || searched === MOST_SEARCHES) break;
  }
  return [...shared];
}

/** Describes the run that the rarer entry may lose in a shared minute; `undefined` if it loses none. */
function describeLoss(rarer: Pipeline, other: Pipeline): Pick<Diagnostic, "message" | "hint"> | undefined {
  const name = entryLabel(other);
  if (other.policies?.onOverlap === "replace") {
    return {
      message: `if this entry starts first, ${name} stops its run (on_overlap: replace)`,
      hint: "Choose a minute at which the other entry is not due, or remove `on_overlap: replace` from that entry.",
    };
  }
  if (rarer.policies?.onOverlap !== undefined) return undefined;
  return {
    message: `if ${name} starts first, this entry is skipped (overlap)`,
    hint: "Choose a minute at which the other entry is not due, or let this one wait: `on_overlap: {wait: 1h}`.",
  };
}

/**
 * Warns about two entries of one lock that are due in the same minute, if the rarer one may lose its run. Its next run
 * may be a week later.
 */
export function lintSharedMinutes(pipelines: readonly Pipeline[], options: LintOptions): readonly Diagnostic[] {
  const byLock = new Map<string, Entry[]>();
  for (const [index, pipeline] of pipelines.entries()) {
    if (pipeline.policies?.enabled === false) continue;
    const lock = lockLabel(lockOf(pipeline));
    byLock.set(lock, [...(byLock.get(lock) ?? []), { pipeline, index, runs: [] }]);
  }
  return [...byLock.values()].flatMap((group) => {
    if (group.length === 1) return [];
    const entries = group.map((entry) => ({ ...entry, runs: listRuns(entry.pipeline, options) }));
    return entries.flatMap((one, position) =>
      entries.slice(position + 1).flatMap((two) => lintPair(isRarer(one, two) ? [one, two] : [two, one], options)),
    );
  });
}

function lintPair([rarer, other]: readonly [Entry, Entry], options: LintOptions): readonly Diagnostic[] {
  const loss = mayCoincide(rarer.pipeline, other.pipeline) ? describeLoss(rarer.pipeline, other.pipeline) : undefined;
  const times = loss === undefined ? [] : findSharedTimes(rarer, other, options);
  if (loss === undefined || times.length === 0) return [];
  const dates = times.slice(0, SHOWN).map((at) => renderMinute(at));
  const shown = [...dates, ...(times.length > SHOWN ? ["…"] : [])].join(", ");
  const message = `due in the same minute as ${entryLabel(other.pipeline)} (${shown}): ${loss.message}`;
  return [{ path: ["pipelines", rarer.index, "cron"], severity: "warning", ...loss, message }];
}
