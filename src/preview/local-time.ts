import { zoneClock } from "../cron/zone-clock.ts";
import { renderMinute } from "../instants.ts";
import { MINUTE_MS } from "../time-units.ts";

/** `2026-10-25 01:30` of an instant on clocks that are `offset` milliseconds ahead of UTC. */
export const renderWall = (at: number, offset: number): string => renderMinute(at + offset).slice(0, -1);

/** `+01:00` */
export function renderOffset(offset: number): string {
  const minutes = Math.round(Math.abs(offset) / MINUTE_MS);
  const digits = [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, "0"));
  return `${offset < 0 ? "-" : "+"}${digits.join(":")}`;
}

/** UTC beside a local time: `00:30Z`, and the date where it is another one: `10-24 23:00Z`. */
export function renderUtcBeside(at: number, offset: number): string {
  const utc = renderMinute(at);
  const date = utc.slice(0, utc.indexOf(" "));
  return renderWall(at, offset).startsWith(date) ? utc.slice(date.length + 1) : utc.slice(utc.indexOf("-", 1) + 1);
}

/** An instant on a zone's clocks, and in UTC where that is another time: `2026-10-25 01:30 +01:00  00:30Z`. */
export function renderBoth(at: number, zone: string): string {
  if (zone === "UTC") return renderMinute(at);
  const { offset } = zoneClock(zone).segmentAt(at);
  return `${renderWall(at, offset)} ${renderOffset(offset)}  ${renderUtcBeside(at, offset)}`;
}
