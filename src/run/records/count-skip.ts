import { dirname } from "node:path";
import type { AlertRule } from "../../alert-rules.ts";
import { alertSkipsFile } from "../../alerts/places.ts";
import { errorMessage } from "../../errors.ts";
import type { SkipReason } from "../../history/record.ts";
import { ensureDirectory } from "../../storage/directory.ts";
import { readStateFile, writeStateFile } from "../../storage/file.ts";
import type { RunContext, Skip } from "../context.ts";
import type { AlertPlan } from "../plan.ts";

/** Reasons that somebody intended. Such a skip neither counts nor ends a row. */
const INTENDED: readonly SkipReason[] = ["paused", "disabled"];

/** The numbers of skipped starts that alert rules name. The rules are not decoded here, to keep each skip cheap. */
const numbersIn = ({ alerts }: AlertPlan): readonly number[] =>
  Array.isArray(alerts)
    ? alerts.flatMap((rule: Partial<AlertRule> | null) => (typeof rule?.skips === "number" ? rule.skips : []))
    : [];

/** The slots of the row that ends with a slot; `undefined` if nothing is to be counted. */
async function findRow(file: string, slot: string, numbers: readonly number[]): Promise<readonly string[] | undefined> {
  const known = ((await readStateFile(file)) ?? "").split("\n").filter((line) => !Number.isNaN(Date.parse(line)));
  // Another host may have skipped the same slot, and more than the largest number need not be counted.
  return known.includes(slot) || known.length >= Math.max(...numbers) ? undefined : [...known, slot];
}

/**
 * Counts a skipped start of an entry if an alert rule asks for that, and stores an event at each number that a rule names.
 * Two hosts that skip the same slot count as one. The start of a run ends the row (`noteStart`). An error does not change
 * the skip.
 */
export async function countSkip(context: RunContext, skip: Skip): Promise<void> {
  const { plan, host } = context;
  const { alerts, entry, paths } = plan;
  const { slot, reason } = skip;
  if (alerts?.alerts === undefined || slot === undefined || INTENDED.includes(reason)) return;
  const numbers = numbersIn(alerts);
  if (numbers.length === 0) return;
  try {
    const file = alertSkipsFile(paths, alerts.name, entry);
    const slots = await findRow(file, slot.toISOString(), numbers);
    if (slots === undefined) return;
    if (numbers.includes(slots.length)) {
      const { noteSkipped } = await import("../alerts.ts");
      // Before the row, so that a crash loses no event.
      await noteSkipped(context, skip, slots);
    }
    await ensureDirectory(paths, dirname(file), host.uid);
    await writeStateFile(file, `${slots.join("\n")}\n`, { sync: false });
  } catch (error) {
    host.stderr.write(`pipelinewise-sched: could not count a skipped start: ${errorMessage(error)}\n`);
  }
}
