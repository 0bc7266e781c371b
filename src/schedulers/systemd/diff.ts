import { StoreError } from "../../errors.ts";
import { diffLines } from "../../text/diff.ts";
import type { Mark } from "../owner-mark.ts";
import type { PlannedChange } from "../scheduler.ts";
import type { UnitState } from "./systemctl.ts";
import type { FoundUnit } from "./unit-files.ts";
import type { Unit } from "./units.ts";

/** One unit, and what is to be done with it. */
export interface UnitChange {
  readonly name: string;
  /** What its file is to hold; `undefined`: it goes. */
  readonly unit: Unit | undefined;
  readonly planned: PlannedChange;
}

/** What stands there. */
export interface FoundUnits {
  readonly folder: string;
  readonly units: ReadonlyMap<string, FoundUnit>;
  /** `undefined` where no systemd runs that could say. */
  readonly states: ReadonlyMap<string, UnitState> | undefined;
}

const isTimer = (name: string): boolean => name.endsWith(".timer");

const isOf = (mark: Mark | undefined, own: Pick<Mark, "schedule" | "configDir">): boolean =>
  mark?.schedule === own.schedule && mark.configDir === own.configDir;

/** What an install changes, unit by unit. @throws StoreError where one is not ours to write over */
export function planUnits(
  wanted: readonly Unit[],
  found: FoundUnits,
  own: Mark,
  { replace }: { readonly replace: boolean },
): readonly UnitChange[] {
  for (const { name } of wanted) demandOwn(found.units.get(name), found.folder, own, replace);
  const names = new Set(wanted.map(({ name }) => name));
  const changes = wanted.map((unit) => ({ name: unit.name, unit, planned: planUnit(unit, found) }));
  return [...changes, ...planRemoval(found, own).filter(({ name }) => !names.has(name))];
}

/** What an uninstall changes. */
export const planRemoval = (
  { units }: Pick<FoundUnits, "units">,
  own: Pick<Mark, "schedule" | "configDir">,
): readonly UnitChange[] =>
  [...units.values()]
    .filter(({ mark }) => isOf(mark, own))
    .map(({ name }) => ({ name, unit: undefined, planned: { kind: "removed", what: name, differences: [] } }));

function demandOwn(found: FoundUnit | undefined, folder: string, own: Mark, replace: boolean): void {
  if (found === undefined) return;
  const { name, mark } = found;
  if (mark === undefined) {
    throw new StoreError(
      `${folder}/${name} was not written by pipelinewise-sched: it does not begin with the ownership mark`,
      {
        hint: "Nothing was changed. Check the file and move it to another directory.",
      },
    );
  }
  if (replace || (isOf(mark, own) && mark.source === own.source)) return;
  throw new StoreError(
    `${folder}/${name} belongs to the schedule ${mark.schedule} of ${mark.source}, config directory ${mark.configDir}`,
    { hint: "Give this schedule another `name`, or add --replace to take over the unit." },
  );
}

/** What matters of a unit that is new. */
const TELLING = /^(OnCalendar|ExecStart)=/;

function planUnit({ name, text }: Unit, { units, states }: FoundUnits): PlannedChange {
  const before = units.get(name);
  if (before === undefined) {
    return { kind: "created", what: name, differences: text.split("\n").filter((line) => TELLING.test(line)) };
  }
  const differences = [
    ...(before.text === text ? [] : diffLines(before.text, text)),
    ...(states === undefined ? [] : stateDifferences(name, states.get(name))),
  ];
  return { kind: differences.length === 0 ? "unchanged" : "changed", what: name, differences };
}

function stateDifferences(name: string, state: UnitState | undefined): readonly string[] {
  return [
    ...(state?.isStale === true ? ["not reloaded by systemd since it changed, then reloaded"] : []),
    ...(isTimer(name) && state?.isEnabled !== true ? ["disabled, then enabled"] : []),
    ...(isTimer(name) && state?.isActive !== true ? ["stopped, then started"] : []),
  ];
}

/** The timers among the units that are to be enabled and started, and among those the ones to be started anew. */
export function timersToStart(
  changes: readonly UnitChange[],
  states: FoundUnits["states"],
): { readonly enable: readonly string[]; readonly restart: readonly string[] } {
  const timers = changes.filter(({ name, unit }) => isTimer(name) && unit !== undefined).map(({ name }) => name);
  const isUp = (name: string): boolean => states?.get(name)?.isActive === true && states.get(name)?.isEnabled === true;
  const changed = new Set(changes.filter(({ planned }) => planned.kind === "changed").map(({ name }) => name));
  return {
    enable: timers.filter((name) => !isUp(name)),
    restart: timers.filter((name) => isUp(name) && changed.has(name)),
  };
}
