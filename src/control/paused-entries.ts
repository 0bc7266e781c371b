import type { Host } from "../host.ts";
import type { StoredEntry, StoredSchedule } from "../installed/schedule.ts";
import { entryPath } from "../pipeline-id.ts";
import { isTapDisabled } from "../run/checks/preflight.ts";
import { listPauses } from "../run/policies/pauses.ts";
import type { StatePaths } from "../storage/paths.ts";
import { isDisabled, pausesOf } from "./next-due.ts";

interface Place {
  readonly paths: StatePaths;
  readonly host: Pick<Host, "now">;
}

/** Whether an entry is paused or disabled. Its state is then wrong on purpose, as for `status --check`. */
export async function isOff({ paths, host }: Place, entry: StoredEntry): Promise<boolean> {
  if (isDisabled(entry) || (await isTapDisabled(paths.configDir, entry))) return true;
  return pausesOf((await listPauses(paths, host.now())).active, entry).length > 0;
}

/** The entries of a schedule that are paused or disabled, by `entryPath`. */
export async function readOff(
  place: Place,
  { entries }: Pick<StoredSchedule, "entries">,
): Promise<ReadonlySet<string>> {
  const off = new Set<string>();
  for (const entry of entries) if (await isOff(place, entry)) off.add(entryPath(entry));
  return off;
}
