import type { WrapperCall } from "../command-line.ts";
import type { Horizon } from "../cron/zone-table.ts";
import { errorMessage, StoreError } from "../errors.ts";
import type { Host } from "../host.ts";
import type { StoredEntry } from "../installed/schedule.ts";
import type { FileChange } from "../installed/transaction.ts";
import type { Limits } from "../policies.ts";
import type { Diagnostic } from "../schedule/diagnostic.ts";
import type { Schedule } from "../schedule/schedule.ts";
import { DAY_MS, SECOND_MS } from "../time-units.ts";
import type { TakeOver } from "./owner-mark.ts";

/** Location of an installed schedule at a scheduler, so that an uninstall needs no schedule file. Contains no secrets. */
export type InstallLocation = Readonly<Record<string, string>>;

/** Digests (`contentDigest`) of what an install wrote, by name of file or unit or by id of event. */
type WrittenDigests = Readonly<Record<string, string>>;

/** One thing at a scheduler: a crontab, a file, a unit, an event. */
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
  /** Shown instead of the list of changes: a unified diff of the one text that changes. */
  readonly diff?: string;
  /** Warnings for the user, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Time after which `inspect` gives up: `status`, `validate` and `preview` are useful without an answer of the
 * scheduler.
 */
export const INSPECT_LIMIT_MS = 10 * SECOND_MS;

/** A plan, and the function that applies it. */
export interface PreparedPlan {
  readonly plan: SchedulerPlan;
  /**
   * Applies the plan.
   *
   * @returns notes for the user, one sentence each: next steps, and what was left in place
   * @throws NothingDoneError if nothing was changed: the stored schedule is then restored
   * @throws StoreError that says what was done and what was not; the next install does the rest
   */
  readonly apply: () => Promise<readonly string[]>;
}

/** The part of a host's stored install that belongs to one scheduler. */
export type StoredPart =
  /** The lines in the crontab: `status` compares them with the schedule. */
  { readonly lines: readonly string[] } | { readonly place: InstallLocation; readonly written: WrittenDigests };

/** A planned install. */
export interface PreparedInstall extends PreparedPlan {
  readonly stored: StoredPart;
  /** The program on this machine that will start the runs, where the scheduler can tell. */
  readonly about?: string;
}

/** A backup that can be restored. */
export interface PreparedRestore extends PreparedPlan {
  /** Path of the backup. */
  readonly path: string;
  /** Changes of the stored files that belong to the backup; made before `apply`. */
  readonly files: readonly FileChange[];
  /** For the user, one sentence each, before the consent. */
  readonly notes: readonly string[];
}

/** The scheduler is as it was before. */
export class NothingDoneError extends StoreError {}

/** Runs a step that either succeeds or changes nothing: its errors become NothingDoneErrors. */
export async function allOrNothing<T>(step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const { hint } = error;
    throw new NothingDoneError(errorMessage(error), { cause: error, ...(hint === undefined ? {} : { hint }) });
  }
}

export const planChangesSomething = ({ changes }: SchedulerPlan): boolean =>
  changes.some(({ kind }) => kind !== "unchanged");

/**
 * After this many years weekdays fall on the same dates again, and each clock change has occurred on each of its dates.
 */
const YEARS = 28;
const YEAR_MS = 365.25 * DAY_MS;

/** The period for which times are valid at a scheduler where nobody renews them. */
export const decadesFrom = (at: Date): Horizon => ({ from: at.getTime(), to: at.getTime() + YEARS * YEAR_MS });

/** A schedule that is to be written for a scheduler. */
export interface InstallJob {
  readonly schedule: Schedule;
  /** On the machine that runs the pipelines. */
  readonly call: WrapperCall;
  /** Whether the scheduler also starts `tendCommand`, at `TEND_TIMES`. Absent: no. */
  readonly isTended?: boolean | undefined;
  /** IANA name of that machine's zone: what a pipeline without a zone of its own goes by. */
  readonly machineZone: string;
  /** The period for which the times must be valid. */
  readonly horizon: Horizon;
  readonly at: Date;
}

/** The config directory of a job for a scheduler that `needsConfigDir`. */
export function configDirOf({ call }: InstallJob): string {
  if (call.configDir === undefined) throw new Error("a job without a config directory was not refused");
  return call.configDir;
}

/** One file that `export` gives. */
export interface ExportFile {
  /** Name in the directory of `--output`. */
  readonly name: string;
  readonly text: string;
}

/** An installed schedule, as its uninstall knows it. */
export interface SchedulerInstall {
  readonly name: string;
  /** Absolute. */
  readonly configDir: string;
  readonly place: InstallLocation;
  /** Whether a stored install of this host says that it is installed there. */
  readonly isStored?: boolean | undefined;
}

/** An installed schedule, as `install` stored it. */
export interface StoredAtScheduler extends SchedulerInstall {
  readonly entries: readonly StoredEntry[];
  readonly limits?: Limits | undefined;
  /** Lines in the crontab. */
  readonly lines: readonly string[];
  /** At other schedulers. Empty if an older version installed it. */
  readonly written: WrittenDigests;
}

/** A reason why a scheduler does not start an installed schedule as it is stored. */
export interface InstallProblem {
  /** One sentence for the user. */
  readonly message: string;
  /** Whether the scheduler contains something else than `install` wrote, so that another `install` repairs it. */
  readonly differs: boolean;
  /** The entries, by `entryPath`, that are not started as stored; `undefined`: all of them. */
  readonly entries?: readonly string[];
}

/** An installed schedule that the scheduler itself names. */
export interface ListedSchedule {
  readonly name: string;
  /** Absolute path of its file. */
  readonly source: string;
  /** Absolute. */
  readonly configDir: string;
}

/** A scheduler: how to check, write, install, compare and remove a schedule there. */
export interface Scheduler {
  /** The argument of `--on`. */
  readonly name: string;
  /** For messages: "Apache Airflow". */
  readonly title: string;
  /** The rest of a hint: how a user removes a schedule without this program. */
  readonly removeByHand: string;
  /** Whether its commands must name the config directory, because it may not know the user's home. */
  readonly needsConfigDir: boolean;
  /** Whether it starts runs on workers, each of which has a stored schedule of its own. */
  readonly hasWorkers: boolean;
  /** The period for which the times of an install at this instant must be valid. */
  readonly horizon: (at: Date) => Horizon;
  /** Parts of the schedule that it cannot represent; nothing is written if one of these is an error. */
  readonly check: (job: InstallJob) => readonly Diagnostic[];
  /**
   * Reasons why it would not start the commands as an install on this machine writes them: the machine's paths, and their
   * length. Absent if it starts any command.
   */
  readonly checkCommands?: (job: InstallJob, host: Host) => Promise<readonly Diagnostic[]>;
  /** Entries, by `entryPath`, that it also starts when nothing is due; such a start is not recorded as a skip. */
  readonly candidates: (job: InstallJob) => readonly string[];
  /**
   * What `export` prints. Pure: the same job gives the same files.
   *
   * @param existing what an earlier export has left under a name, where it is written over; what is to outlast an export
   *   is taken from it
   */
  readonly render: (job: InstallJob, existing?: (name: string) => string | undefined) => readonly ExportFile[];
  /** Whether a text is a file that `export` has written. It writes over no other file. */
  readonly isExport: (text: string) => boolean;
  /** Inspects the scheduler and plans an install. Writes nothing. @throws StoreError, SchedError */
  readonly prepareInstall: (job: InstallJob, host: Host, takeOver: TakeOver) => Promise<PreparedInstall>;
  /** Plans an uninstall in the same way. */
  readonly prepareUninstall: (installed: SchedulerInstall, host: Host) => Promise<PreparedPlan>;
  /**
   * Compares what is at the scheduler now with what `install` stored, and checks that the scheduler is running, as far
   * as one cheap call can tell. Writes nothing.
   *
   * @throws StoreError if the scheduler cannot be inspected
   */
  readonly inspect: (installed: StoredAtScheduler, host: Host) => Promise<readonly InstallProblem[]>;
  /** The schedules that the scheduler itself names; absent if only the stored schedules know. */
  readonly listInstalled?: (host: Host) => Promise<readonly ListedSchedule[]>;
  /** The program on this machine that would start the runs; absent if the scheduler is elsewhere. */
  readonly describeHere?: (host: Host) => Promise<string>;
  /** Plans to restore a backup, by default the newest; absent if the scheduler keeps none. */
  readonly prepareRestore?: (backup: string | undefined, configDir: string, host: Host) => Promise<PreparedRestore>;
}
