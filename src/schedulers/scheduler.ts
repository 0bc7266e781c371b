import type { WrapperCall } from "../command-line.ts";
import type { Horizon } from "../cron/zone-table.ts";
import { StoreError } from "../errors.ts";
import type { Host } from "../host.ts";
import type { Schedule } from "../schedule/schedule.ts";

/** What an install kept of where it put a schedule, so that an uninstall finds it without the schedule file. */
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

/** How another scheduler calls us: it need not know the user's home, so the config directory is always said. */
export interface ExportCall extends WrapperCall {
  /** Absolute. */
  readonly configDir: string;
}

/** A schedule on its way to another scheduler. */
export interface ExportJob {
  readonly schedule: Schedule;
  /** On the machine that runs the pipelines. */
  readonly call: ExportCall;
  /** IANA name of that machine's zone: what a pipeline without a zone of its own goes by. */
  readonly machineZone: string;
  /** For how long what is written shall hold: decades, as nobody comes back to it. */
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

/** Something about a pipeline that the scheduler cannot keep. It refuses the schedule, or it is told. */
export interface ExportDoubt {
  readonly severity: "error" | "warning";
  /** Such as `["pipelines", 2, "cron"]`. */
  readonly path: readonly (string | number)[];
  readonly message: string;
  readonly hint?: string | undefined;
}

/** Another scheduler than cron: how a schedule is written for it, put there, compared and taken away. */
export interface Exporter {
  /** The word behind `--on`. */
  readonly name: string;
  /** For messages: "Apache Airflow". */
  readonly title: string;
  /** What it cannot keep of the schedule; nothing is written while one of these is an error. */
  readonly check: (job: ExportJob) => readonly ExportDoubt[];
  /**
   * What `export` prints. Pure: the same job gives the same files.
   *
   * @param standing what an earlier export has left under a name, where it is written over; what is to outlast an export
   *   is taken from it
   */
  readonly render: (job: ExportJob, standing?: (name: string) => string | undefined) => readonly ExportFile[];
  /** Looks at what stands there and works out an install. Writes nothing. @throws StoreError, SchedError */
  readonly prepareInstall: (
    job: ExportJob,
    host: Host,
    options: { readonly replace: boolean },
  ) => Promise<PreparedPlan>;
  /** The same for an uninstall. */
  readonly prepareUninstall: (installed: ExportedSchedule, host: Host) => Promise<PreparedPlan>;
}
