/** An instant in a text for people: UTC, to the second, `2026-11-23 12:00:00Z`. */
export const renderInstant = (at: Date | string | number): string =>
  new Date(at).toISOString().replace("T", " ").replace(/\.\d+/, "");

/** The same to the minute, as crons fire: `2026-11-23 12:00Z`. */
export const renderMinute = (at: Date | string | number): string => renderInstant(at).replace(/:\d\dZ$/, "Z");

const UNITS: readonly (readonly [name: string, seconds: number])[] = [
  ["d", 86_400],
  ["h", 3_600],
  ["min", 60],
  ["s", 1],
];

/** A time span for people, in its two largest units: `4 min`, `2 h 5 min`; `0 s` for less than a second. */
export function renderDuration(ms: number): string {
  let left = Math.max(0, Math.floor(ms / 1000));
  const parts: string[] = [];
  for (const [name, seconds] of UNITS) {
    const count = Math.floor(left / seconds);
    left -= count * seconds;
    if (count > 0) parts.push(`${count} ${name}`);
    else if (parts.length > 0) break;
    if (parts.length === 2) break;
  }
  return parts.length === 0 ? "0 s" : parts.join(" ");
}

const MINUTE = 1;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const YEAR = 365.2425 * DAY;

/** How far an instant is from now, for people: "in 4 min", "in 3 h 20 min", "in 2 d 4 h", "5 min ago". */
export function renderRelative(at: number, now: number): string {
  const minutes = Math.round(Math.abs(at - now) / 60_000);
  if (minutes === 0) return "now";
  const words = amount(minutes);
  return at > now ? `in ${words}` : `${words} ago`;
}

function amount(minutes: number): string {
  if (minutes < HOUR) return `${minutes} min`;
  if (minutes < DAY) return pair(minutes, [HOUR, "h"], [MINUTE, "min"]);
  if (minutes < 14 * DAY) return pair(Math.round(minutes / HOUR), [DAY / HOUR, "d"], [1, "h"]);
  const days = Math.round(minutes / DAY);
  return minutes < 2 * YEAR ? `${days} d` : `${Math.round((minutes / YEAR) * 10) / 10} years`;
}

type Unit = readonly [size: number, name: string];

function pair(value: number, [large, largeName]: Unit, [small, smallName]: Unit): string {
  const rest = Math.floor((value % large) / small);
  return `${Math.floor(value / large)} ${largeName}${rest === 0 ? "" : ` ${rest} ${smallName}`}`;
}
