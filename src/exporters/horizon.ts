import type { Horizon } from "../cron/zone-table.ts";

/** After so many years the days of the week fall on the same dates again, and each clock change has been on each of its. */
const YEARS = 28;
const YEAR_MS = 365.25 * 86_400_000;

/**
 * For how long what is written for another scheduler shall hold. An export that is made anew differs only where the
 * schedule or the rules of its zones do.
 */
export const exportHorizon = (at: Date): Horizon => ({ from: at.getTime(), to: at.getTime() + YEARS * YEAR_MS });
