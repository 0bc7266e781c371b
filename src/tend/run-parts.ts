import { errorMessage, StoreError } from "../errors.ts";
import { MINUTE_MS } from "../time-units.ts";
import type { TendContext, TendPart } from "./part.ts";
import type { PartFaults } from "./tended.ts";

const LIMIT_MS = 2 * MINUTE_MS;

/** Runs a part. @throws StoreError when its time is over; its work may go on until this process ends */
async function runPart({ name, load, limitMs = LIMIT_MS }: TendPart, context: TendContext): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new StoreError(`${name} has not ended after ${limitMs / 1000} s`)), limitMs);
  });
  const work = load().then((run) => run(context));
  try {
    await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * Runs parts, one after the other. A part that fails or does not end never stops the others: its error is logged, and
 * written on stderr once a day.
 *
 * @param before the errors of the last `tend`, by part
 * @returns the errors of the parts that failed, by part
 */
export async function runParts(
  parts: readonly TendPart[],
  context: TendContext,
  before: PartFaults = {},
): Promise<PartFaults> {
  const { host, log, schedule } = context;
  const faults: Record<string, PartFaults[string]> = {};
  for (const part of parts) {
    const known = before[part.name];
    try {
      await runPart(part, context);
      if (known !== undefined) log.info("this part of tend works again", { part: part.name });
    } catch (error) {
      const message = errorMessage(error);
      const now = host.now().toISOString();
      const today = now.slice(0, 10);
      log.error("a part of tend failed", { part: part.name, err: error instanceof Error ? error.stack : message });
      faults[part.name] = { message, since: known?.since ?? now, warned: today };
      if (known?.warned === today) continue;
      host.stderr.write(
        `pipelinewise-sched: tend, schedule ${schedule.name}: ${part.name}: ${message}. The other parts of tend go on. (Shown once a day.)\n`,
      );
    }
  }
  return faults;
}
