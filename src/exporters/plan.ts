import { StoreError } from "../errors.ts";

/** What an install kept of where it put a schedule, so that an uninstall finds it without the schedule file. */
export type ExportPlace = Readonly<Record<string, string>>;

/** One thing at a scheduler: a file, a unit, an event. */
export interface PlannedChange {
  readonly kind: "created" | "changed" | "unchanged" | "removed";
  /** Names it for people. */
  readonly what: string;
  /** What differs, a line each: of a unified diff, or `timeout: 0, then 60`. No secrets. */
  readonly differences: readonly string[];
}

/** All that an install or an uninstall changes at a scheduler. `diff` prints it, `install` carries it out. */
export interface SchedulerPlan {
  readonly changes: readonly PlannedChange[];
  /** What the user should know, one sentence each. */
  readonly warnings: readonly string[];
}

/** A plan, and the way to carry it out. */
export interface PreparedPlan {
  readonly plan: SchedulerPlan;
  /** What the host's stored schedule keeps of this install. */
  readonly place: ExportPlace;
  /** Entries, as `entryPath` names them, that are started also when nothing is due: such a start is nothing to tell. */
  readonly loose?: readonly string[];
  /**
   * Carries the plan out.
   *
   * @returns what to tell afterwards, one sentence each: what to do next, what stays behind
   * @throws NothingDoneError when nothing was changed: the stored schedule is then put back as it was
   * @throws StoreError saying what was done and what was not; the next install finishes it
   */
  readonly apply: () => Promise<readonly string[]>;
}

/** The scheduler is as it was before. */
export class NothingDoneError extends StoreError {}

export const planChangesSomething = ({ changes }: SchedulerPlan): boolean =>
  changes.some(({ kind }) => kind !== "unchanged");
