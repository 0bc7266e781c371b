import type { Policies, Retention } from "../policies.ts";

/** The parts of a schedule that decide whether it is tended: of a schedule file or of a stored schedule. */
export interface TendedSchedule {
  readonly metrics?: object | undefined;
  readonly entries: readonly { readonly policies?: Policies | undefined }[];
  readonly retention?: Retention | undefined;
}

/** The features that need `tend`. A new one is one line. */
const FEATURES: readonly ((schedule: TendedSchedule) => boolean)[] = [
  ({ retention }) => retention !== undefined,
  ({ metrics }) => metrics !== undefined,
];

/** Whether a scheduler must tend a schedule, because the schedule uses a feature that works without a run. */
export const needsTend = (schedule: TendedSchedule): boolean => FEATURES.some((isUsedBy) => isUsedBy(schedule));
