import type { Schedule } from "../../src/schedule/schedule.ts";
import { sameSource, type TakeOver } from "../../src/schedulers/owner-mark.ts";
import type { InstallLocation, PreparedInstall } from "../../src/schedulers/scheduler.ts";

/** The stored location of a planned install, as an uninstall needs it. */
export function placeOf({ stored }: PreparedInstall): InstallLocation {
  if ("place" in stored) return stored.place;
  throw new Error("this scheduler stores lines, not a place");
}

/** What an install of this schedule may take over. @param source path of the schedule file */
export const takeOver = ({ source }: Pick<Schedule, "source">, replace = false): TakeOver => ({
  replace,
  isSameSource: sameSource(source.path, { goneCounts: false }),
});
