/**
 * Which of the two ways Debian cron treats a line around a clock change: `wildcard` when its minute or hour field
 * begins with `*` (or it is `@hourly`), else `fixed`.
 */
export type CronClass = "fixed" | "wildcard";

/** What a crontab(5) expression means to Debian's cron. */
export interface Cron {
  /** As the user wrote it, blanks at the ends taken off. */
  readonly text: string;
  /** Ascending, 0-59. */
  readonly minutes: readonly number[];
  /** Ascending, 0-23. */
  readonly hours: readonly number[];
  /** Ascending, 1-31. */
  readonly days: readonly number[];
  /** Ascending, 1-12. */
  readonly months: readonly number[];
  /** Ascending, 0-6, 0 is Sunday. */
  readonly weekdays: readonly number[];
  /** `and`: the day must match both day fields; `or`: either is enough. */
  readonly dayRule: "and" | "or";
  readonly class: CronClass;
}
