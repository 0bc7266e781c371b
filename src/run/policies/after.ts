import { errorMessage, SchedError } from "../../errors.ts";
import type { RunRecord } from "../../history/record.ts";
import type { StoredEntry } from "../../installed/schedule.ts";
import { type InstalledSchedule, readStored } from "../../installed/store.ts";
import { entryKey, entryLabel } from "../../pipeline-id.ts";
import type { LockedContext, RunContext, Skip } from "../context.ts";
import { isStartedAfter, type OrderPlan, planOf } from "../plan.ts";
import { recordSlotsMissedByFollowers } from "../records/missed-slots.ts";
import { type Follower, isReady } from "./after-files.ts";

const asFollower = (entry: StoredEntry): Follower => ({ ...entry, after: entry.after ?? [] });

/** Reports an error of the starts after a run. It does not change the outcome of that run. */
function report({ host }: RunContext, what: string, error: unknown): void {
  const hint = error instanceof SchedError && error.hint !== undefined ? `\n  ${error.hint}` : "";
  host.stderr.write(`pipelinewise-sched: ${what}: ${errorMessage(error)}${hint}\n`);
}

/** Starts an entry in this process if all of its predecessors have succeeded since its last start. */
async function startIfReady(context: RunContext, from: InstalledSchedule, entry: StoredEntry): Promise<void> {
  const { plan, host, id } = context;
  const { scheduled, passThrough, skipExitCode } = plan.output;
  try {
    if (!(await isReady(plan.paths, asFollower(entry)))) return;
    if (!scheduled) {
      host.stderr.write(
        `pipelinewise-sched: starting ${entryLabel(entry)}, which runs after ${entryLabel(plan.entry)}\n`,
      );
    }
    const request = { scheduled, output: passThrough, skipExitCode, recordMissed: false, extraArgs: [] };
    await context.start({ ...planOf(entry, from, request, { paths: plan.paths, host }), triggeredBy: id });
  } catch (error) {
    report(context, `could not start ${entryLabel(entry)} after ${entryLabel(plan.entry)}`, error);
  }
}

const STARTS_NOTHING: readonly RunRecord["outcome"][] = ["stopped", "lock-lost"];

/**
 * Starts the entries that run after this run's pipeline, all at once, and waits for them. It also starts entries of the
 * pipeline itself, which were skipped while this run had the lock. Call it after the lock is released.
 *
 * The entries run in this process, because systemd, Airflow and Cronicle may kill other processes when it ends.
 */
export async function startFollowers(context: LockedContext, { schedule }: OrderPlan): Promise<void> {
  const { id, plan, host, signals, store } = context;
  try {
    // After a skip, the same start would be tried again and again. A run that was stopped starts nothing.
    const record = (await store.lastRun.read()).runs.get(entryKey(plan.entry));
    if (record?.id !== id || STARTS_NOTHING.includes(record.outcome) || signals.cause() !== undefined) return;
    // A long run may have outlived an install.
    const installed = await readStored(plan.paths, schedule, host);
    if (installed === undefined) return;
    const entries = installed.storedSchedule.entries.filter((entry) => isStartedAfter(entry, plan.entry));
    await Promise.all(entries.map((entry) => startIfReady(context, installed, entry)));
    if (plan.output.recordMissed) await recordSlotsMissedByFollowers(context);
  } catch (error) {
    report(context, `could not start the entries that run after ${entryLabel(plan.entry)}`, error);
  }
}

/** The skip of a start after other pipelines, if another start has come first. Call it under the lock. */
export async function skipUnlessReady({ plan }: LockedContext): Promise<Skip | undefined> {
  if (await isReady(plan.paths, { ...plan.entry, after: plan.order?.after ?? [] })) return undefined;
  return { reason: "slot-done", detail: "was already started after these runs of its predecessors" };
}
