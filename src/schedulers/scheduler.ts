import type { WrapperCall } from "../command-line.ts";
import type { Horizon } from "../cron/zone-table.ts";
import { StoreError } from "../errors.ts";
import type { Host } from "../host.ts";
import type { Schedule } from "../schedule/schedule.ts";

/** The stored location of a schedule at a scheduler, so that an uninstall needs no schedule file. */
type ExportPlace = Readonly<Record<string, string>>;

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
  /** Warnings for the user, one sentence each. */
  readonly warnings: readonly string[];
}

/** A plan, and the function that applies it. */
export interface PreparedPlan {
  readonly plan: SchedulerPlan;
  /** What the host's stored schedule keeps of this install. */
  readonly place: ExportPlace;
  /** Entries, by `entryPath`, that are also started when nothing is due; such a start is not recorded as a skip. */
  readonly loose?: readonly string[];
  /**
   * Applies the plan.
   *
   * @returns notes for the user, one sentence each: next steps, and what was left in place
   * @throws NothingDoneError if nothing was changed: the stored schedule is then restored
   * @throws StoreError that says what was done and what was not; the next install does the rest
   */
  readonly apply: () => Promise<readonly string[]>;
}

/** The scheduler is as it was before. */
export class NothingDoneError extends StoreError {}

export const planChangesSomething = ({ changes }: SchedulerPlan): boolean =>
  changes.some(({ kind }) => kind !== "unchanged");

/**
 * How another scheduler calls this program. It may not know the user's home, so the config directory is always given.
 */
export interface ExportCall extends WrapperCall {
  /** Absolute. */
  readonly configDir: string;
}

/** A schedule that is to be written for another scheduler. */
export interface ExportJob {
  readonly schedule: Schedule;
  /** On the machine that runs the pipelines. */
  readonly call: ExportCall;
  /** IANA name of that machine's zone: what a pipeline without a zone of its own goes by. */
  readonly machineZone: string;
  /** The period for which the times must be valid: decades, because nobody renews them. */
  readonly horizon: Horizon;
  readonly at: Date;
}

/** One file that `export` gives. */
export interface ExportFile {
  /** Name in the folder of `--output`. */
  readonly name: string;
  readonly text: string;
}

/** An installed schedule, as its uninstall knows it. */
export interface ExportedSchedule {
  readonly name: string;
  /** Absolute. */
  readonly configDir: string;
  readonly place: ExportPlace;
}

/** Something about a pipeline that the scheduler cannot represent: an error or a warning. */
export interface ExportDoubt {
  readonly severity: "error" | "warning";
  /** Such as `["pipelines", 2, "cron"]`. */
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly hint?: string | undefined;
}

/** A scheduler other than cron: how to write, install, compare and remove a schedule there. */
export interface Exporter {
  /** The argument of `--on`. */
  readonly name: string;
  /** For messages: "Apache Airflow". */
  readonly title: string;
  /** Parts of the schedule that it cannot represent; nothing is written if one of these is an error. */
  readonly check: (job: ExportJob) => readonly ExportDoubt[];
  /**
   * What `export` prints. Pure: the same job gives the same files.
   *
   * @param standing what an earlier export has left under a name, where it is written over; what is to outlast an export
   *   is taken from it
   */
  readonly render: (job: ExportJob, standing?: (name: string) => string | undefined) => readonly ExportFile[];
  /** Inspects the scheduler and plans an install. Writes nothing. @throws StoreError, SchedError */
  readonly prepareInstall: (
    job: ExportJob,
    host: Host,
    options: { readonly replace: boolean },
  ) => Promise<PreparedPlan>;
  /** Plans an uninstall in the same way. */
  readonly prepareUninstall: (installed: ExportedSchedule, host: Host) => Promise<PreparedPlan>;
}
