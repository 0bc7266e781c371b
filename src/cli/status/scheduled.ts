import { nextDue, startsAfter } from "../../control/next-due.ts";
import { SchedError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import type { Inspection } from "../../install/inspect.ts";
import { schedulersOf } from "../../installed/schedule.ts";
import type { InstalledSchedule } from "../../installed/store.ts";
import type { ZonesNow } from "../../installed/zone-warnings.ts";
import { openEntryStore } from "../../run/pipeline-store.ts";
import type { Pauses } from "../../run/policies/pauses.ts";
import type { SlotStore } from "../../slots/store.ts";
import type { StateDirectory } from "../../storage/directory.ts";
import type { ScheduledEntry } from "./rows.ts";

/** An installed schedule, and whether a scheduler starts an entry as it is stored. */
type StartedSchedule = InstalledSchedule & Pick<Inspection, "starts">;

/** Reads the entries of installed schedules, with what is known about their starts. */
export async function readScheduledEntries(
  installed: readonly StartedSchedule[],
  state: StateDirectory | undefined,
  {
    host,
    zones: { now, machineZone },
    pauses,
  }: { readonly host: Host; readonly zones: Pick<ZonesNow, "now" | "machineZone">; readonly pauses: Pauses },
): Promise<readonly ScheduledEntry[]> {
  const all = installed.flatMap(({ storedSchedule, host: stored, starts }) =>
    storedSchedule.entries.map((entry) => ({
      entry,
      schedule: storedSchedule.name,
      schedulers: stored === undefined ? [] : schedulersOf(stored),
      installedAt: stored?.installedAt,
      starts: starts(entry),
    })),
  );
  const scheduled = all.map(async ({ entry, schedule, schedulers, installedAt, starts }) => {
    const slots = state && openEntryStore(entry, { paths: state.paths, host }).slots;
    const blocked = slots && (await findBlock(slots));
    const after = starts && blocked === undefined ? startsAfter(entry, pauses, now) : undefined;
    return {
      entry,
      schedule,
      schedulers,
      blocked,
      nextAt: after && nextDue(entry, { after, machineZone }),
      installedAt,
      idleStarts: slots === undefined ? 0 : await slots.readNotDueCount(),
    };
  });
  return Promise.all(scheduled);
}

/** The error with which every scheduled start of an entry ends; `undefined` if there is none. */
async function findBlock(slots: SlotStore): Promise<string | undefined> {
  try {
    await slots.findLast();
    return undefined;
  } catch (error) {
    if (!(error instanceof SchedError)) throw error;
    return `scheduled starts are blocked: ${error.message}${error.hint === undefined ? "" : `. ${error.hint}`}`;
  }
}
