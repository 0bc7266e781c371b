import { type EntryId, entryLabel } from "../command/request.ts";
import { type Cron, parseCron } from "../cron/expression.ts";
import { CronFault } from "../cron/fault.ts";
import { StoreError } from "../errors.ts";

/** A cron that was checked when it was installed. In a file of its own: a tick is mostly spared the parser. */
export function parseInstalled(entry: EntryId, text: string): Cron {
  try {
    return parseCron(text);
  } catch (error) {
    if (!(error instanceof CronFault)) throw error;
    throw new StoreError(`the installed times of ${entryLabel(entry)} cannot be read: ${error.message}`, {
      cause: error,
      hint: "Install the schedule again: pipelinewise-sched install FILE",
    });
  }
}
