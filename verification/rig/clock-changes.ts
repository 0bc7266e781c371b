/** A night on which the clocks of a zone change, with a day about it. */
export interface ChangeNight {
  readonly zone: string;
  readonly change: string;
  readonly from: Date;
  readonly to: Date;
}

const HOUR_MS = 3_600_000;

const night = (zone: string, change: string, at: string): ChangeNight => ({
  zone,
  change,
  from: new Date(Date.parse(at) - 5 * HOUR_MS),
  to: new Date(Date.parse(at) + 22 * HOUR_MS),
});

/** An hour forward and back on either side of the ocean, and the half hours of Lord Howe. */
export const CHANGE_NIGHTS: readonly ChangeNight[] = [
  night("Europe/London", "01:00 → 02:00", "2026-03-29T01:00Z"),
  night("Europe/London", "02:00 → 01:00", "2026-10-25T01:00Z"),
  night("America/New_York", "02:00 → 03:00", "2026-03-08T07:00Z"),
  night("America/New_York", "02:00 → 01:00", "2026-11-01T06:00Z"),
  night("Australia/Lord_Howe", "02:00 → 02:30", "2026-10-03T15:30Z"),
  night("Australia/Lord_Howe", "02:00 → 01:30", "2026-04-04T15:00Z"),
];

/**
 * Two dozen jobs in and around those hours. The fixed ones name no more than five different minutes of an hour that is
 * skipped: a daemon pauses after each that it makes up, and what it has not done within a minute comes in the next.
 */
export const CHANGE_CRONS: readonly string[] = [
  // Fixed: in the gap, at its ends, in the repeated hour, beside it.
  "30 1 * * *",
  "15,45 1 * * *",
  "0 2 * * *",
  "30 2 * * *",
  "0,15,29 2 * * *",
  "45 1-3 * * *",
  "0 3 * * *",
  "0 0-23 * * *",
  "0-59/15 0-4 * * *",
  "29 1,2 * * *",
  "@daily",
  "30 1 * * 0",
  "45 1 1,29 * 0",
  "30 1-2 */2 * 0",
  "0 2 25-31 3,10 0",
  // Wildcard.
  "*/15 1 * * *",
  "*/15 2 * * *",
  "* 1-2 * * *",
  "30 * * * *",
  "@hourly",
  "*/20 * * * *",
  "30 */2 * * *",
  "*/10 * * * *",
  "*/7 0-3 * * 0,7",
  "29,59 * * * *",
  "15 */2 * 3,4,10,11 *",
  "*/60 2 * * *",
];
