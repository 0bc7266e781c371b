import { DAY_MS, HOUR_MS, MINUTE_MS } from "../time-units.ts";
import { renderDuration } from "./format-time.ts";

const YEAR_MS = 365.2425 * DAY_MS;

/** The distance of an instant from now, such as "in 4 min", "in 2 d 4 h" or "5 min ago". */
export function renderRelative(at: number, now: number): string {
  const ms = Math.abs(at - now);
  const text = ms >= 2 * YEAR_MS ? `${Math.round((ms / YEAR_MS) * 10) / 10} years` : renderDuration(rounded(ms));
  if (text === "0 s") return "now";
  return at > now ? `in ${text}` : `${text} ago`;
}

/** Minutes within a day, hours within two weeks, days from then on. */
function rounded(ms: number): number {
  const unit = ms < DAY_MS ? MINUTE_MS : ms < 14 * DAY_MS ? HOUR_MS : DAY_MS;
  return Math.round(ms / unit) * unit;
}
