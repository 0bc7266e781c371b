/** One line the daemon gave to syslog, as the preloaded library kept it. */
export interface CronLogLine {
  readonly at: Date;
  /** `(root) CMD (/usr/bin/true)` */
  readonly text: string;
}

/** One start, in the daemon's own words. */
export interface CronStart {
  /** The minute, as ISO 8601 UTC: `2026-03-29T01:00Z`. */
  readonly at: string;
  readonly command: string;
}

/** @throws on a line that is not ours: a half-read log would be believed */
export function parseCronLog(log: string): readonly CronLogLine[] {
  return log
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const [, stamp, text] = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ) (.*)$/.exec(line) ?? [];
      if (stamp === undefined || text === undefined) throw new Error(`not a line of the cron log: ${line}`);
      return { at: new Date(stamp), text };
    });
}

/**
 * The starts among the lines, by minute and command: within a minute the jobs log in no order of their own.
 * `-L 8` puts the pid in front of the command; it is left out here.
 */
export function cronStarts(lines: readonly CronLogLine[]): readonly CronStart[] {
  const starts = lines.flatMap(({ at, text }) => {
    const command = /^\([^)]*\) CMD \((?:\[\d+\] )?(.*)\)$/.exec(text)?.[1];
    return command === undefined ? [] : [{ at: minute(at), command }];
  });
  const key = ({ at, command }: CronStart) => `${at} ${command}`;
  return starts.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** What the daemon found wrong with a crontab, a user or itself; how the jobs ended is not among it. */
export function cronComplaints(lines: readonly CronLogLine[]): readonly string[] {
  return lines
    .map(({ text }) => text)
    .filter((text) => !/^\([^)]*\) (CMD|END) |grandchild/.test(text))
    .filter((text) => /error|bad |wrong|orphan|can't|not found|fail|ignored/i.test(text));
}

/** An instant as its minute, in the form of `CronStart.at`. */
export const minute = (at: Date): string => `${at.toISOString().slice(0, 16)}Z`;
