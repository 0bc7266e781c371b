import { entryLabel } from "../../pipeline-id.ts";
import type { RunContext, Skip } from "../context.ts";
import { countSkip } from "./count-skip.ts";
import { cronicleReadsJson, renderLabel } from "./cronicle-job.ts";
import { recordOf } from "./record.ts";

/** Shows a skip if somebody reads the output. */
function reportSkip({ plan: { entry, output }, host }: RunContext, { reason, detail }: Skip): void {
  const line = `skipped (${reason}): ${entryLabel(entry)} ${detail}\n`;
  if (!output.scheduled) host.stderr.write(line);
  else if (output.passThrough) {
    host.stdout.write(`${cronicleReadsJson(host) ? renderLabel(`skipped (${reason})`) : ""}${line}`);
  }
  // Somebody typed a line of the crontab. Cron sets no TERM, so its starts do not open stderr.
  else if (host.env["TERM"] !== undefined && host.stderr.isTTY === true) host.stderr.write(line);
}

/**
 * Carries out a skip: records it, records its slot as handled, and shows it.
 *
 * @returns the exit code
 */
export async function recordSkip(context: RunContext, skip: Skip): Promise<number> {
  const { store, id, plan } = context;
  const { skipExitCode } = plan.output;
  if (skip.isQuiet === true) {
    await store.slots.countNotDue();
  } else {
    const { reason, detail, slot } = skip;
    const end = { outcome: "skipped", reason, detail, exitCode: skipExitCode } as const;
    await store.record(recordOf({ ...context, slot }, end));
    if (slot !== undefined && skip.leavesSlotOpen !== true) await store.slots.recordSkipped({ slot, run: id });
    await countSkip(context, skip);
  }
  reportSkip(context, skip);
  return skipExitCode;
}
