import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../time-units.ts";

/** An instant for people: UTC, to the second, such as `2026-11-23 12:00:00Z`. */
export const renderInstant = (at: Date | string | number): string =>
  new Date(at).toISOString().replace("T", " ").replace(/\.\d+/, "");

/** An instant for people, to the minute, such as `2026-11-23 12:00Z`. */
export const renderMinute = (at: Date | string | number): string => renderInstant(at).replace(/:\d\dZ$/, "Z");

const UNITS: readonly (readonly [name: string, ms: number])[] = [
  ["d", DAY_MS],
  ["h", HOUR_MS],
  ["min", MINUTE_MS],
  ["s", SECOND_MS],
];

/** A duration for people, in its two largest units, such as `4 min` or `2 h 5 min`; `0 s` for less than a second. */
export function renderDuration(ms: number): string {
  const index = UNITS.findIndex(([, unit]) => ms >= unit);
  if (index === -1) return "0 s";
  let left = ms;
  const parts = UNITS.slice(index, index + 2).map(([name, unit]) => {
    const count = Math.floor(left / unit);
    left -= count * unit;
    return count === 0 ? "" : `${count} ${name}`;
  });
  return parts.filter((part) => part !== "").join(" ");
}

/** A duration for people in its largest unit, such as `2 h`, where little space is left. */
export function renderRoughDuration(ms: number): string {
  const [name, unit] = UNITS.find(([, one]) => ms >= one) ?? ["s", SECOND_MS];
  return `${Math.max(0, Math.floor(ms / unit))} ${name}`;
}
