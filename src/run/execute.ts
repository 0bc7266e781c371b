import { entryLabel } from "../command/request.ts";
import { StoreError } from "../errors.ts";
import { appendRecord, demandWritableHistory } from "../history/store.ts";
import type { Host } from "../host.ts";
import type { HeldLock } from "../lock/lock.ts";
import { claimSlot } from "../slot/claim.ts";
import type { HeldRun } from "./begin.ts";
import { runHoldingLock, runRecord } from "./held-run.ts";
import { openNotes } from "./notes.ts";
import { lookAhead } from "./obstacle.ts";
import { judgeEnd } from "./outcome.ts";
import type { RunPlan } from "./plan.ts";
import { skipBlocked, skipOverlap, skipSlot } from "./skip.ts";
import { acquireUnlessStopped, type Execution, findDone, findTwin } from "./take-lock.ts";

/** The whole of a run behind the quick look: lock, pipeline, record. @returns the code to end with */
export async function execute(plan: RunPlan, host: Host, execution: Execution): Promise<number> {
  const { start, signals } = execution;
  await demandWritableHistory(plan.paths, host);
  const attempt = await acquireUnlessStopped(plan, host, execution);
  if (attempt === undefined) {
    const outcome = judgeEnd(0, signals.cause());
    const detail = `${outcome.words} before it began`;
    host.stderr.write(`pipelinewise-sched: ${entryLabel(plan.entry)} ${detail}\n`);
    await appendRecord(plan.paths, host, runRecord({ plan, host, start }, outcome, { detail }));
    return outcome.exitCode;
  }
  if (attempt.kind === "held") {
    const twin = await findTwin(plan, host, execution, attempt);
    return twin === undefined ? skipOverlap(plan, host, start, attempt) : skipSlot(plan, host, start, twin);
  }
  const { lock } = attempt;
  try {
    const twin = await findDone(plan, host, start);
    if (twin !== undefined) return await skipSlot(plan, host, start, twin);
    const way = await lookAhead(plan.paths, plan.entry, host);
    return way.kind === "blocked"
      ? await skipBlocked({ plan, host, start }, way.reason, way.detail)
      : await runWithNotes({ ...execution, plan, host, lock, leftovers: way.leftovers });
  } finally {
    await giveBack(lock, host);
  }
}

/** What the share does not let us take away is proved dead by the next start: how the run ended is another matter. */
async function giveBack(lock: HeldLock, host: Host): Promise<void> {
  try {
    await lock.release();
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    host.stderr.write(`pipelinewise-sched: ${error.message}\n`);
  }
}

async function runWithNotes(run: Omit<HeldRun, "notes" | "claim">): Promise<number> {
  const { plan, host, start } = run;
  const { tap, target, command } = plan.entry;
  const { slot, id } = start;
  const claim = slot && (await claimSlot(plan.paths, plan.entry, host, { slot, run: id }));
  try {
    const notes = await openNotes(plan.paths, host, { run: start.id, tap, target, command });
    try {
      return await runHoldingLock({ ...run, notes, claim });
    } finally {
      await notes.close();
    }
  } finally {
    await claim?.drop();
  }
}
