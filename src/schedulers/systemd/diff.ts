import { StoreError } from "../../errors.ts";
import { diffLines } from "../../text/diff.ts";
import type { Mark, TakeOver } from "../owner-mark.ts";
import type { PlannedChange } from "../scheduler.ts";
import type { UnitState } from "./systemctl.ts";
import type { FoundUnit } from "./unit-files.ts";
import type { Unit } from "./units.ts";

/** A planned change of one unit. */
export interface UnitChange {
  readonly name: string;
  /** The new unit file; `undefined` if it is removed. */
  readonly unit: Unit | undefined;
  readonly planned: PlannedChange;
}

/** The units that are installed now. */
export interface FoundUnits {
  readonly directory: string;
  readonly units: ReadonlyMap<string, FoundUnit>;
  /** `undefined` if no systemd is running. */
  readonly states: ReadonlyMap<string, UnitState> | undefined;
}

const isTimer = (name: string): boolean => name.endsWith(".timer");

/** Whether a mark is the one of a schedule. */
export const isOf = (mark: Mark | undefined, own: Pick<Mark, "schedule" | "configDir">): boolean =>
  mark?.schedule === own.schedule && mark.configDir === own.configDir;

/** Plans the changes of an install, unit by unit. @throws StoreError if a unit belongs to somebody else */
export function planUnits(
  wanted: readonly Unit[],
  found: FoundUnits,
  own: Mark,
  takeOver: TakeOver,
): readonly UnitChange[] {
  for (const { name } of wanted) assertOwn(found.units.get(name), found.directory, own, takeOver);
  const names = new Set(wanted.map(({ name }) => name));
  const changes = wanted.map((unit) => ({ name: unit.name, unit, planned: planUnit(unit, found) }));
  return [...changes, ...planRemoval(found, own).filter(({ name }) => !names.has(name))];
}

/** Plans the changes of an uninstall. */
export const planRemoval = (
  { units }: Pick<FoundUnits, "units">,
  own: Pick<Mark, "schedule" | "configDir">,
): readonly UnitChange[] =>
  [...units.values()]
    .filter(({ mark }) => isOf(mark, own))
    .map(({ name }) => ({ name, unit: undefined, planned: { kind: "removed", what: name, differences: [] } }));

function assertOwn(
  found: FoundUnit | undefined,
  directory: string,
  own: Mark,
  { replace, isSameSource }: TakeOver,
): void {
  if (found === undefined) return;
  const { name, mark } = found;
  if (mark === undefined) {
    throw new StoreError(
      `${directory}/${name} was not written by pipelinewise-sched: it does not begin with the ownership mark`,
      {
        hint: "Nothing was changed. Check the file and move it to another directory.",
      },
    );
  }
  if (replace || (isOf(mark, own) && isSameSource(mark.source))) return;
  throw new StoreError(
    `${directory}/${name} belongs to the schedule ${mark.schedule} of ${mark.source}, config directory ${mark.configDir}`,
    { hint: "Give this schedule another `name`, or take over the unit with `install --replace`." },
  );
}

/** The important lines of a new unit. */
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

/** The changes that `install` would make in the state of a unit. */
export function stateDifferences(name: string, state: UnitState | undefined): readonly string[] {
  return [
    ...(state?.isStale === true ? ["not reloaded by systemd since it changed, then reloaded"] : []),
    ...(isTimer(name) && state?.isEnabled !== true ? ["disabled, then enabled"] : []),
    ...(isTimer(name) && state?.isActive !== true ? ["stopped, then started"] : []),
  ];
}

/** The timers to enable and start, and those of them to restart. */
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
