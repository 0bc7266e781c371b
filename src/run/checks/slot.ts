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

/** What is needed to tell which slot a scheduled start stands for. */
export interface SlotPlan {
  /** As installed; they were checked then. */
  readonly crons: readonly string[];
  /** Of the entry itself; `undefined`: the machine's. */
  readonly timezone: string | undefined;
  readonly since: Date | undefined;
  /** The machine's at install, and what was known of zones then. */
  readonly machineZone: string;
  readonly zones: ZoneRecord | undefined;
  /** Its lines start it also when nothing is due. */
  readonly loose: boolean;
  /** The slot that the scheduler says. Its times may be candidates, some of them not due. */
  readonly given: Date | undefined;
  /** It is to run also when the slot was handled before: somebody asked the scheduler for it. */
  readonly again: boolean;
}

/** A start that is not to run. */
export interface SlotSkip {
  readonly kind: "skip";
  readonly reason: SkipReason;
  /** Reads behind the pipeline's name. */
  readonly detail: string;
  /** The slot that is given up with it. */
  readonly slot?: Date | undefined;
  /** Nothing to tell: it is counted, and that is all. */
  readonly quiet: boolean;
}

export type SlotDecision = { readonly kind: "run"; readonly slot: Date } | SlotSkip;

/** What a start finds. */
export interface SlotFinding {
  readonly decision: SlotDecision;
  /** The machine's zone, where it is another than at install and the lines do not go by it. */
  readonly strangeZone: string | undefined;
}

/** What a run stands for, in the record of its lock. */
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

/** The machine's zone: as installed while /etc/localtime is what it was then. Looking closer costs more. */
export async function machineZoneNow({ zones, machineZone }: SlotPlan, { root }: Host): Promise<string> {
  if (zones === undefined || localtimeMark(root) === zones.localtime) return machineZone;
  const { readMachineZone } = await import("../../system/time-zone.ts");
  const { zone } = readMachineZone(root);
  return sameZone(zone, machineZone) ? machineZone : zone;
}

/** What is told of a start whose slot was handled before. @param who handled it */
export function doneBefore({ loose, given }: Pick<SlotPlan, "loose" | "given">, slot: Date, who: string): SlotSkip {
  const detail = `was already started for ${slot.toISOString()} (${who})`;
  // A scheduler that says its slot means that slot: another one has run it.
  const isUndue = loose && given === undefined;
  return { kind: "skip", reason: isUndue ? "not-due" : "slot-done", detail, quiet: isUndue };
}

/** The skip of a start that found another one at its own slot; `undefined` where the holder is about something else. */
export function twinOf(
  { entry, slot: slotPlan }: { readonly entry: EntryId; readonly slot?: SlotPlan | undefined },
  { slot }: { readonly slot?: Date | undefined },
  { host, runId, task }: Pick<LockHolder, "host" | "runId" | "task">,
): SlotSkip | undefined {
  if (slotPlan === undefined || slotPlan.again || slot === undefined || task !== taskOf(entry, slot)) return undefined;
  return doneBefore(slotPlan, slot, renderHandler({ host, run: runId }));
}

/** Who handled a slot. */
export const renderHandler = ({ host, run }: Pick<HandledSlot, "host" | "run">): string => `host ${host}, run ${run}`;

/** When an entry is due. @param zone that it goes by; its own comes first */
export async function dueTimes(plan: SlotPlan, entry: EntryId, host: Host, zone: string): Promise<DueTimes> {
  return {
    crons: plan.crons.map((text) => parseInstalled(entry, text)),
    clock: await recordedClock(plan.zones, plan.timezone ?? zone, { now: host.now(), data: host.tzdata }),
    since: plan.since?.getTime(),
  };
}

/** Which slot a scheduled start stands for, or why it stands for none. Reads only. */
export async function findSlot(
  plan: SlotPlan,
  entry: EntryId,
  { paths, host }: { readonly paths: StatePaths; readonly host: Host },
): Promise<SlotFinding> {
  const now = host.now();
  const handled = await readHandled(paths, entry, now);
  // Without a zone of its own an entry goes where its machine goes, as its lines do; a scheduler that says its slots was
  // told the zone that the machine had.
  const here = plan.given === undefined ? await machineZoneNow(plan, host) : plan.machineZone;
  const times = await dueTimes(plan, entry, host, here);
  if (plan.given !== undefined) {
    return { decision: decideGiven(plan.given, plan, { times, handled, now }), strangeZone: undefined };
  }
  const strangeZone = plan.timezone === undefined || here === plan.machineZone ? undefined : here;
  const due = findDue({ ...times, handled: handled?.slot.getTime(), now: now.getTime() });
  return { decision: decide(due, plan, handled, now), strangeZone };
}

/** How late the start comes is the scheduler's own decision. */
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
    // Without a zone of its own it may be that this machine has another one than that which the times were made for.
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
