import { errorMessage } from "../../errors.ts";
import { entryLabel } from "../../pipeline-id.ts";
import { type RetryPolicy, retryDelayMs } from "../../policies.ts";
import { dueBetween } from "../../slots/due.ts";
import { startTimer } from "../../system/timer.ts";
import { renderDuration, renderMinute } from "../../text/format-time.ts";
import { CHECKS_BEFORE_ATTEMPT, searchEvidenceOnce } from "../checks/preflight.ts";
import { dueTimes, machineZoneNow } from "../checks/slot.ts";
import type { LockedRun } from "../context.ts";
import type { EndedAttempt } from "../judge-attempt.ts";
import { readTail, type StopCause } from "../outcome.ts";
import { reasonsToStop } from "../process/supervise.ts";
import { type NextAttempt, removeNextAttempt, writeNextAttempt } from "./next-attempt.ts";

/** The next step after an attempt that did not succeed. */
export type NextStep =
  | { readonly kind: "attempt" }
  /** The run ends. `remark` says why no further attempt follows; absent if the policy allows none. */
  | { readonly kind: "end"; readonly remark?: string }
  /** The run was asked to stop while it waited, or it lost its lock. */
  | { readonly kind: "stopped"; readonly cause: StopCause };

/** Whether the policy repeats such an attempt. A pipeline that PipelineWise does not know would fail again. */
async function isRepeated({ on }: RetryPolicy, { outcome, cause, refusal, pipeline }: EndedAttempt): Promise<boolean> {
  if (refusal !== undefined || (cause !== undefined && cause.kind !== "timeout")) return false;
  if (on.some((condition) => condition === outcome.kind)) return true;
  const texts = on.flatMap((condition) => (typeof condition === "string" ? [] : condition.output));
  if (outcome.kind !== "failed" || texts.length === 0) return false;
  const tail = await readTail(pipeline.log.path);
  return texts.some((text) => tail?.includes(text) === true);
}

/** The first time in (after, upTo] at which the entry is due; `undefined` if there is none, or nothing is installed. */
async function findNextDue({ plan, host }: LockedRun, after: number, upTo: number): Promise<number | undefined> {
  const { entry, times } = plan;
  if (times === undefined) return undefined;
  const due = await dueTimes(times, entry, host, await machineZoneNow(times, host));
  return dueBetween(due, { after, upTo })[0];
}

/** Resolves after the time, or at the first reason to stop the run. */
async function wait(run: LockedRun, ms: number): Promise<StopCause | undefined> {
  const { elapsed, cancel } = startTimer(ms);
  const cause = await Promise.race([...reasonsToStop(run), elapsed.then(() => undefined)]);
  cancel();
  return cause;
}

/** Waits for an attempt as `wait` does. `status` shows the wait; an error of that does not change the run. */
async function waitShown(run: LockedRun, ms: number, next: Pick<NextAttempt, "attempt" | "of">) {
  const { host, id, log, store } = run;
  const { paths, lock } = store;
  const ignore = (error: unknown) => log.warn("status cannot show the wait", { detail: errorMessage(error) });
  const until = new Date(host.now().getTime() + ms);
  await writeNextAttempt({ paths, lock: lock.id, uid: host.uid }, { run: id, ...next, until }).catch(ignore);
  const cause = await wait(run, ms);
  // Without the lock, the file may belong to another run.
  if (cause?.kind !== "lock-lost") await removeNextAttempt(paths, lock.id).catch(ignore);
  return cause;
}

/** Says that a further attempt follows. */
async function announce({ plan, host, log }: LockedRun, attempt: EndedAttempt, next: string): Promise<void> {
  log.info(next);
  await log.flush();
  if (!plan.output.passThrough) return;
  const line = [`${entryLabel(plan.entry)} ${attempt.outcome.summary}`, next, `log: ${attempt.pipeline.log.path}`];
  host.stderr.write(`pipelinewise-sched: ${line.join("; ")}\n`);
}

/**
 * Waits until the next attempt may start, if the policy repeats the last one. The lock stays held. No attempt starts
 * after the pipeline is due again, because the start of that time would be skipped.
 *
 * @param made number of attempts so far
 */
export async function waitForNextAttempt(run: LockedRun, last: EndedAttempt, made: number): Promise<NextStep> {
  const { host, plan, requests } = run;
  const { retries } = plan.policies;
  if (retries === undefined || made > retries.max || !(await isRepeated(retries, last))) return { kind: "end" };
  const endedAt = host.now().getTime();
  const delayMs = retryDelayMs(retries, made);
  const tooLate = (due: number): NextStep => ({
    kind: "end",
    remark: `no further attempt, because the pipeline is due again at ${renderMinute(due)}`,
  });
  const due = await findNextDue(run, endedAt, endedAt + delayMs);
  if (due !== undefined) return tooLate(due);
  const next = { attempt: made + 1, of: retries.max + 1 };
  const name = `attempt ${next.attempt} of ${next.of}`;
  await announce(run, last, `${name} starts in ${renderDuration(delayMs)}`);
  const cause = await waitShown(run, delayMs, next);
  if (cause !== undefined) {
    requests.acknowledge(`ended the wait for ${name}`);
    return { kind: "stopped", cause };
  }
  // The machine may have been suspended during the wait.
  const passed = await findNextDue(run, endedAt, host.now().getTime());
  if (passed !== undefined) return tooLate(passed);
  const fresh = { ...run, evidence: searchEvidenceOnce(run) };
  for (const check of CHECKS_BEFORE_ATTEMPT) {
    const skip = await check(fresh);
    if (skip !== undefined) return { kind: "end", remark: `no further attempt, because it ${skip.detail}` };
  }
  return { kind: "attempt" };
}
