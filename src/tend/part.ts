import type { Host } from "../host.ts";
import type { StoredInstall, StoredSchedule } from "../installed/schedule.ts";
import type { Log } from "../run/wrapper-log/log-writer.ts";
import type { StatePaths } from "../storage/paths.ts";

/** The input of each part of `tend`. */
export interface TendContext {
  readonly host: Host;
  readonly paths: StatePaths;
  readonly schedule: StoredSchedule;
  readonly install: StoredInstall;
  /** When this `tend` began. */
  readonly at: Date;
  /** The wrapper log. */
  readonly log: Log;
}

/** The work of a part. It may be repeated: the `tend` before may have been killed at any step. */
type TendWork = (context: TendContext) => Promise<void>;

/** A part of `tend`. */
export interface TendPart {
  /** For messages: `lost runs`. */
  readonly name: string;
  /** Loads the part's code when its turn comes, because most schedules need few of the parts. */
  readonly load: () => Promise<TendWork>;
  /** Whether the schedule needs it. Absent: always. */
  readonly isUsedBy?: (schedule: StoredSchedule) => boolean;
  /** Time after which `tend` goes on without it. Absent: 2 minutes. */
  readonly limitMs?: number;
  /**
   * A long part begins when all others have ended and the lock is released, because it may still run at the next slot.
   * Several hosts may therefore run it at once.
   */
  readonly isLong?: true;
}
