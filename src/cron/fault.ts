/** Why a text is no cron of ours. What reads a schedule file turns it into a problem with its place there. */
export class CronFault extends Error {
  /** What to write instead, where the meaning is clear; else what cron can do here. */
  readonly hint: string | undefined;
  /** Where the offending item begins in the text, from 0. */
  readonly offset: number;

  constructor(message: string, offset: number, hint?: string) {
    super(message);
    this.name = "CronFault";
    this.offset = offset;
    this.hint = hint;
  }
}
