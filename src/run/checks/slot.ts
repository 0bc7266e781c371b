import { type Cron, parseCron } from "../../cron/expression.ts";
import { CronFault } from "../../cron/field.ts";
import { sameZone } from "../../cron/same-zone.ts";
import { StoreError, UsageError } from "../../errors.ts";
import type { SkipReason } from "../../history/record.ts";
import type { Host } from "../../host.ts";
import { recordedClock } from "../../installed/recorded-clock.ts";
import type { ZoneRecord } from "../../installed/schedule.ts";
import type { LockHolder } from "../../lock/lock.ts";
import { type EntryId, entryKey, entryLabel } from "../../pipeline-id.ts";
import { type DueTimes, dueInMinute, findDue } from "../../slots/due.ts";
import { AHEAD_MS, type HandledSlot, readHandled } from "../../slots/store.ts";
import type { StatePaths } from "../../storage/paths.ts";
import { localtimeMark } from "../../system/localtime.ts";
import { renderDuration } from "../../text/format-time.ts";

/** Everything that is needed to find the slot of a scheduled start. */
export interface SlotPlan {
  /** As installed. `install` checked them. */
  readonly crons: readonly string[];
  /** Time zone of the entry; `undefined`: the machine's. */
  readonly timezone: string | undefined;
  readonly since: Date | undefined;
  /** The machine's time zone at the time of the install. */
  readonly machineZone: string;
  readonly zones: ZoneRecord | undefined;
  /** The entry has candidate lines, which also fire when it is not due. */
  readonly loose: boolean;
  /** The slot that the scheduler gives. It may be a candidate that is not due. */
  readonly given: Date | undefined;
  /** Run even if the slot was handled before, because somebody asked the scheduler for it. */
  readonly again: boolean;
}

/** The decision not to run. */
export interface SlotSkip {
  readonly kind: "skip";
  readonly reason: SkipReason;
  /** Sentence fragment that follows the pipeline's name. */
  readonly detail: string;
  /** The slot that counts as handled by this skip. */
  readonly slot?: Date | undefined;
  /** The start is only counted, without a record. */
  readonly quiet: boolean;
}

export type SlotDecision = { readonly kind: "run"; readonly slot: Date } | SlotSkip;

/** The decision for a start. */
export interface SlotFinding {
  readonly decision: SlotDecision;
  /** The machine's time zone, if it has changed since the install and the entry has its own zone. */
  readonly strangeZone: string | undefined;
}

/** Entry and slot of a run, as text for its owner record. */
export const taskOf = (entry: EntryId, slot: Date): string => `${entryKey(entry)} ${slot.toISOString()}`;

/** A cron expression that was checked when it was installed. */
function parseInstalled(entry: EntryId, text: string): Cron {
  try {
    return parseCron(text);
  } catch (error) {
    if (!(error instanceof CronFault)) throw error;
    throw new StoreError(`the installed cron expressions of ${entryLabel(entry)} are invalid: ${error.message}`, {
      cause: error,
      hint: "Install the schedule again: pipelinewise-sched install FILE",
    });
  }
}

/**
 * The machine's zone. While /etc/localtime is unchanged since the install, the stored zone is used, which is faster.
 */
export async function machineZoneNow({ zones, machineZone }: SlotPlan, { root }: Host): Promise<string> {
  if (zones === undefined || localtimeMark(root) === zones.localtime) return machineZone;
  const { readMachineZone } = await import("../../system/time-zone.ts");
  const { zone } = readMachineZone(root);
  return sameZone(zone, machineZone) ? machineZone : zone;
}

/**
 * The skip of a start whose slot was already handled.
 *
 * @param who handled it
 */
export function doneBefore({ loose, given }: Pick<SlotPlan, "loose" | "given">, slot: Date, who: string): SlotSkip {
  const detail = `was already started for ${slot.toISOString()} (${who})`;
  // A slot that the scheduler gave is meant exactly, so another start has handled it.
  const isUndue = loose && given === undefined;
  return { kind: "skip", reason: isUndue ? "not-due" : "slot-done", detail, quiet: isUndue };
}

/** The skip of a start whose slot the lock holder is running; `undefined` if the holder runs for another slot. */
export function twinOf(
  { entry, slot: slotPlan }: { readonly entry: EntryId; readonly slot?: SlotPlan | undefined },
  { slot }: { readonly slot?: Date | undefined },
  { host, runId, task }: Pick<LockHolder, "host" | "runId" | "task">,
): SlotSkip | undefined {
  if (slotPlan === undefined || slotPlan.again || slot === undefined || task !== taskOf(entry, slot)) return undefined;
  return doneBefore(slotPlan, slot, renderHandler({ host, run: runId }));
}

/** The start that handled a slot, as text. */
export const renderHandler = ({ host, run }: Pick<HandledSlot, "host" | "run">): string => `host ${host}, run ${run}`;

/**
 * The times at which an entry is due.
 *
 * @param zone used if the entry has no time zone
 */
export async function dueTimes(plan: SlotPlan, entry: EntryId, host: Host, zone: string): Promise<DueTimes> {
  return {
    crons: plan.crons.map((text) => parseInstalled(entry, text)),
    clock: await recordedClock(plan.zones, plan.timezone ?? zone, { now: host.now(), data: host.tzdata }),
    since: plan.since?.getTime(),
  };
}

/** Finds the slot of a scheduled start, or the reason why it has none. Reads only. */
export async function findSlot(
  plan: SlotPlan,
  entry: EntryId,
  { paths, host }: { readonly paths: StatePaths; readonly host: Host },
): Promise<SlotFinding> {
  const now = host.now();
  const handled = await readHandled(paths, entry, now);
  // Without its own zone an entry follows the machine's current zone, as its crontab lines do. A scheduler that gives
  // slots was set up with the zone that the machine had at the install.
  const here = plan.given === undefined ? await machineZoneNow(plan, host) : plan.machineZone;
  const times = await dueTimes(plan, entry, host, here);
  if (plan.given !== undefined) {
    return { decision: decideGiven(plan.given, plan, { times, handled, now }), strangeZone: undefined };
  }
  const strangeZone = plan.timezone === undefined || here === plan.machineZone ? undefined : here;
  const due = findDue({ ...times, handled: handled?.slot.getTime(), now: now.getTime() });
  return { decision: decide(due, plan, handled, now), strangeZone };
}

/** Decides for a slot that the scheduler gave. It may be late, because the scheduler decides that. */
function decideGiven(
  given: Date,
  { timezone, loose, again }: SlotPlan,
  { times, handled, now }: { readonly times: DueTimes; readonly handled: HandledSlot | undefined; readonly now: Date },
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
    const quiet = loose || timezone !== undefined;
    return { kind: "skip", reason: "not-due", detail: `is not due at ${given.toISOString()}`, quiet };
  }
  const slot = new Date(due);
  return handled !== undefined && handled.slot >= slot && !again
    ? doneBefore({ loose: false, given }, slot, renderHandler(handled))
    : { kind: "run", slot };
}

function decide(
  due: ReturnType<typeof findDue>,
  plan: SlotPlan,
  handled: HandledSlot | undefined,
  now: Date,
): SlotDecision {
  switch (due.kind) {
    case "due":
      return { kind: "run", slot: new Date(due.slot) };
    case "done":
      return doneBefore(plan, new Date(due.slot), handled === undefined ? "another start" : renderHandler(handled));
    case "too-late": {
      const slot = new Date(due.slot);
      const detail = `was due at ${slot.toISOString()}, and this start is ${renderDuration(now.getTime() - due.slot)} late`;
      return { kind: "skip", reason: "too-late", detail, slot, quiet: false };
    }
    case "none":
      return { kind: "skip", reason: "not-due", detail: "was not due in the last hour", quiet: plan.loose };
  }
}
