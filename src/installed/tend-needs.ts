import type { Policies } from "../policies.ts";

/** The parts of a schedule that decide whether it is tended: of a schedule file or of a stored schedule. */
export interface TendedSchedule {
  readonly metrics?: object | undefined;
  readonly alerts?: unknown;
  readonly entries: readonly { readonly policies?: Policies | undefined }[];
  readonly retention?: unknown;
}

/** The features that need `tend`. A new one is one line. */
const FEATURES: readonly ((schedule: TendedSchedule) => boolean)[] = [
  ({ metrics }) => metrics !== undefined,
  ({ alerts }) => alerts !== undefined,
  ({ retention }) => retention !== undefined,
  ({ entries }) => entries.some(({ policies }) => policies?.catchUpMs !== undefined),
];

/** Whether a scheduler must tend a schedule, because the schedule uses a feature that works without a run. */
export const needsTend = (schedule: TendedSchedule): boolean => FEATURES.some((isUsedBy) => isUsedBy(schedule));
