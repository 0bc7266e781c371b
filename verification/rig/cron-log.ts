/** One line the daemon gave to syslog, as the preloaded library kept it. */
export interface CronLogLine {
  readonly at: Date;
  /** `(root) CMD (/usr/bin/true)` */
  readonly text: string;
}

/** One start, as the daemon logs it. */
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

/** The log of a traced daemon: each time is on a line of its own, above the messages of that time. */
export function parseTracedLog(log: string): readonly CronLogLine[] {
  const lines: CronLogLine[] = [];
  let at: Date | undefined;
  for (const text of log.split("\n").filter((line) => line !== "")) {
    if (/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(text)) at = new Date(text);
    else if (at === undefined) throw new Error(`a line of the cron log without a time: ${text}`);
    else lines.push({ at, text });
  }
  return lines;
}

/**
 * The starts among the lines, by minute and command: within a minute the jobs log in no order of their own.
 * `-L 8` puts the pid in front of the command, and so does busybox crond; it is left out here.
 */
export function cronStarts(lines: readonly CronLogLine[]): readonly CronStart[] {
  const starts = startLines(lines).map(({ at, text }) => ({ at: minute(at), command: text }));
  const key = ({ at, command }: CronStart) => `${at} ${command}`;
  return starts.sort((a, b) => (key(a) < key(b) ? -1 : 1));
}

/** The starts in the daemon's own order, to the second; their text is the command alone. */
export const startLines = (lines: readonly CronLogLine[]): readonly CronLogLine[] =>
  lines.flatMap(({ at, text }) => {
    const command = START.exec(text)
      ?.slice(1)
      .find((one) => one !== undefined);
    return command === undefined ? [] : [{ at, text: command }];
  });

/** Of Debian's cron and cronie, and of busybox crond. */
const START = /^\([^)]*\) CMD \((?:\[\d+\] )?(.*)\)$|^crond: USER \S+ pid +\d+ cmd (.*)$/;

/** Errors that the daemon reports about a crontab, a user or itself, without the results of jobs. */
export function cronComplaints(lines: readonly CronLogLine[]): readonly string[] {
  return lines
    .map(({ text }) => text)
    .filter((text) => !START.test(text) && !/^\([^)]*\) (END|CMDEND) |grandchild/.test(text))
    .filter((text) => /error|bad |wrong|orphan|can't|not found|fail|ignored|already running/i.test(text));
}

/** An instant as its minute, in the form of `CronStart.at`. */
export const minute = (at: Date): string => `${at.toISOString().slice(0, 16)}Z`;
