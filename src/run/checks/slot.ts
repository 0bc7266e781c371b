import { type Cron, parseCron } from "../../cron/expression.ts";
import { CronSyntaxError } from "../../cron/field.ts";
import { sameZone } from "../../cron/same-zone.ts";
import { StoreError, UsageError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { recordedClock } from "../../installed/recorded-clock.ts";
import { type EntryId, entryLabel } from "../../pipeline-id.ts";
import {
  CATCH_UP_AFTER_MS,
  countMissed,
  type Due,
  type DueTimes,
  dueInMinute,
  findDue,
  lookBackText,
  type StartTimes,
} from "../../slots/due.ts";
import { AHEAD_MS, type LastSlot } from "../../slots/store.ts";
import { localtimeFingerprint } from "../../system/localtime.ts";
import { renderDuration } from "../../text/format-time.ts";
import type { MissedTimes, RunContext, Skip, SlotDecision } from "../context.ts";
import type { EntryStore } from "../pipeline-store.ts";
import type { EntryTimes, RunPlan, SlotPlan } from "../plan.ts";

/** The slot of a scheduled start. */
export interface SlotFinding {
  readonly decision: SlotDecision;
  /** The machine's time zone, if it has changed since the install and the entry has its own zone. */
  readonly zoneMismatch: string | undefined;
  /** Nothing was due, and neither a candidate line nor a changed time zone explains the start. */
  readonly isUnexplained: boolean;
}

/** A cron expression that was checked when it was installed. */
function parseInstalled(entry: EntryId, text: string): Cron {
  try {
    return parseCron(text);
  } catch (error) {
    if (!(error instanceof CronSyntaxError)) throw error;
    throw new StoreError(`the installed cron expressions of ${entryLabel(entry)} are invalid: ${error.message}`, {
      cause: error,
      hint: "Install the schedule again: pipelinewise-sched install FILE. On a worker of Airflow or Cronicle, add --compile-only.",
    });
  }
}

/**
 * The machine's zone. While /etc/localtime is unchanged since the install, the stored zone is used, which is faster.
 */
export async function machineZoneNow({ zones, machineZone }: EntryTimes, { root }: Host): Promise<string> {
  if (zones === undefined || localtimeFingerprint(root) === zones.localtime) return machineZone;
  const { readMachineZone } = await import("../../system/time-zone.ts");
  const { zone } = readMachineZone(root);
  return sameZone(zone, machineZone) ? machineZone : zone;
}

/** The start that handled a slot, as text. */
const formatHandledBy = ({ host, run }: Pick<LastSlot, "host" | "run">): string => `host ${host}, run ${run}`;

/** The skip of a start whose slot another start has handled. */
export function alreadyHandledSkip(
  { hasCandidateLines, given }: Pick<SlotPlan, "hasCandidateLines" | "given">,
  slot: Date,
  by: Pick<LastSlot, "host" | "run"> | undefined,
): Skip {
  const who = by === undefined ? "another start" : formatHandledBy(by);
  const detail = `was already started for ${slot.toISOString()} (${who})`;
  // A candidate line fires between due times. A scheduler that gives the slot starts it once, so another start ran it.
  const isNotDue = hasCandidateLines && given === undefined;
  return { reason: isNotDue ? "not-due" : "slot-done", detail, isQuiet: isNotDue };
}

/**
 * The times at which an entry is due.
 *
 * @param zone used if the entry has no time zone
 */
export async function dueTimes(plan: EntryTimes, entry: EntryId, host: Host, zone: string): Promise<DueTimes> {
  const since = plan.since?.getTime();
  return {
    crons: plan.crons.map((text) => parseInstalled(entry, text)),
    clock: await recordedClock(plan.zones, plan.timezone ?? zone, { now: host.now(), data: host.tzdata }),
    // The clock was ahead when the entry was installed.
    since: since !== undefined && since > host.now().getTime() + AHEAD_MS ? undefined : since,
  };
}

/** The skip of a start that is not due. */
export const slotIsDue = async ({ decision }: Pick<RunContext, "decision">): Promise<Skip | undefined> =>
  decision?.kind === "skip" ? decision.skip : undefined;

/**
 * Checks again, now under the lock, whether another start has handled this slot. A newer slot that was only skipped does
 * not count: after watching a dead host's run for a whole lease, this start still runs.
 */
export async function slotStillOpen({
  plan,
  store,
  slot,
}: Pick<RunContext, "plan" | "store" | "slot">): Promise<Skip | undefined> {
  if (plan.slot === undefined || plan.slot.rerun || slot === undefined) return undefined;
  const last = await store.slots.findLast();
  if (last === undefined || last.slot < slot || (last.skipped && last.slot > slot)) return undefined;
  return alreadyHandledSkip(plan.slot, slot, last);
}

/** A start whose slot is to be found. */
interface SlotSearch {
  readonly plan: Pick<RunPlan, "entry" | "slot" | "policies">;
  readonly store: Pick<EntryStore, "slots">;
  readonly host: Host;
}

/** Finds the slot of a scheduled start, or the reason why it has none; `undefined` by hand. Reads only. */
export async function findSlot({
  plan: { entry, slot: plan, policies },
  store,
  host,
}: SlotSearch): Promise<SlotFinding | undefined> {
  if (plan === undefined) return undefined;
  const now = host.now();
  const last = await store.slots.findLast();
  // Without its own zone an entry follows the machine's current zone, as its crontab lines do. A scheduler that gives
  // slots was set up with the zone that the machine had at the install.
  const here = plan.given === undefined ? await machineZoneNow(plan, host) : plan.machineZone;
  const times = await dueTimes(plan, entry, host, here);
  if (plan.given !== undefined) {
    const decision = decideGiven(plan.given, plan, { times, last, now });
    return { decision, zoneMismatch: undefined, isUnexplained: false };
  }
  const zoneMismatch = plan.timezone === undefined || here === plan.machineZone ? undefined : here;
  const { catchUpMs } = policies;
  const start = { ...times, handled: last?.slot.getTime(), now: now.getTime(), catchUpMs };
  const due = findDue(start);
  const isUnexplained = due.kind === "none" && !plan.hasCandidateLines && zoneMismatch === undefined;
  const decision =
    due.kind === "due"
      ? {
          kind: "run" as const,
          slot: new Date(due.slot),
          missed: catchUpMs === undefined ? undefined : missedBy(start, due.slot),
        }
      : skipping(skipOf(due, plan, start, last));
  return { decision, zoneMismatch, isUnexplained };
}

/** The missed due times of a start of an entry with `catch_up`. */
const missedBy = (start: StartTimes, slot: number): MissedTimes => ({
  isLate: start.now - slot > CATCH_UP_AFTER_MS,
  earlier: countMissed(start, slot),
});

const skipping = (skip: Skip): SlotDecision => ({ kind: "skip", skip });

/** Decides for a slot that the scheduler gave. It may be late, because the scheduler decides that. */
function decideGiven(
  given: Date,
  { timezone, hasCandidateLines, rerun }: SlotPlan,
  { times, last, now }: { readonly times: DueTimes; readonly last: LastSlot | undefined; readonly now: Date },
): SlotDecision {
  if (given.getTime() > now.getTime() + AHEAD_MS) {
    throw new UsageError(
      `--slot: ${given.toISOString()} is in the future: it is ${now.toISOString()} on this host`,
      "Give the time at which this start was due, and check the clocks of both machines.",
    );
  }
  const due = dueInMinute(times, given.getTime());
  if (due === undefined) {
    // Without its own zone, the machine's zone may have changed since the install, so this start gets a record.
    const isQuiet = hasCandidateLines || timezone !== undefined;
    return skipping({ reason: "not-due", detail: `is not due at ${given.toISOString()}`, isQuiet });
  }
  const slot = new Date(due);
  return last !== undefined && last.slot >= slot && !rerun
    ? skipping(alreadyHandledSkip({ hasCandidateLines: false, given }, slot, last))
    : { kind: "run", slot };
}

/** The skip of a start that found no slot to run. */
function skipOf(
  due: Exclude<Due, { readonly kind: "due" }>,
  plan: SlotPlan,
  start: StartTimes,
  last: LastSlot | undefined,
): Skip {
  switch (due.kind) {
    case "done":
      return alreadyHandledSkip(plan, new Date(due.slot), last);
    case "too-late": {
      const slot = new Date(due.slot);
      const detail = `was due at ${slot.toISOString()}, and this start is ${renderDuration(start.now - due.slot)} late`;
      return { reason: "too-late", detail, slot };
    }
    case "before-install": {
      const detail = `was due at ${new Date(due.slot).toISOString()}, before it was installed`;
      return { reason: "not-due", detail, isQuiet: plan.hasCandidateLines };
    }
    case "none": {
      const detail = `was not due in the last ${lookBackText(start)}`;
      return { reason: "not-due", detail, isQuiet: plan.hasCandidateLines };
    }
  }
}
