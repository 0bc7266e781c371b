import { shortLimitWarning, type TimedSchedule } from "../longest-start.ts";
import type { UnitState } from "./systemctl.ts";
import { unitName } from "./units.ts";

/**
 * Warnings about services whose `TimeoutStartSec` would stop a run that the policies of their entries allow. Without
 * a drop-in, a service of type oneshot has no such limit, whatever the manager's `DefaultTimeoutStartSec`.
 */
export const startLimitWarnings = (
  { name, entries, limits }: TimedSchedule & { readonly name: string },
  states: ReadonlyMap<string, UnitState> | undefined,
): readonly string[] =>
  entries.flatMap((entry) => {
    const unit = `${unitName(name, entry)}.service`;
    const ms = states?.get(unit)?.startLimitMs;
    if (ms === undefined) return [];
    const remedy = `Set TimeoutStartSec=infinity in the drop-in, or higher; \`systemctl cat ${unit}\` shows where it is set.`;
    return shortLimitWarning({ what: `TimeoutStartSec of ${unit}`, ms, remedy }, entry, { entries, limits }) ?? [];
  });
