import type { WrapperCall } from "../command/command.ts";
import type { Horizon } from "../cron/zone-table.ts";
import type { Host } from "../host.ts";
import type { Schedule } from "../schedule/schedule.ts";
import type { ExportPlace, PreparedPlan } from "./plan.ts";

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
