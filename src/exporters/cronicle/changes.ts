import { StoreError } from "../../errors.ts";
import type { Mark } from "../mark.ts";
import type { PlannedChange } from "../plan.ts";
import { eventDifferences, type FoundEvent } from "./compare.ts";
import type { CronicleEvent } from "./event.ts";
import { idPrefix } from "./event-id.ts";
import { readMark } from "./mark.ts";

/** What is done about one event. `spare`: further records of its id, which Cronicle allows. */
export type EventAction =
  | { readonly kind: "create"; readonly event: CronicleEvent }
  | {
      readonly kind: "update";
      readonly event: CronicleEvent;
      readonly spare: number;
      readonly differences: readonly string[];
    }
  | { readonly kind: "keep"; readonly event: CronicleEvent }
  | { readonly kind: "delete"; readonly id: string; readonly title: string; readonly records: number };

/** Works out what makes Cronicle's events those of a schedule. @throws StoreError where one of them belongs to somebody else */
export function planEvents(
  found: readonly FoundEvent[],
  wanted: readonly CronicleEvent[],
  { mark, replace }: { readonly mark: Mark; readonly replace: boolean },
): readonly EventAction[] {
  const byId = new Map<string, FoundEvent[]>();
  for (const event of found) byId.set(event.id, [...(byId.get(event.id) ?? []), event]);
  const actions = wanted.map((event): EventAction => {
    // Cronicle itself acts on the first record of an id.
    const [first, ...spare] = byId.get(event.id) ?? [];
    if (first === undefined) return { kind: "create", event };
    if (!replace) for (const one of [first, ...spare]) demandOurs(one, mark);
    const differences = eventDifferences(first, event);
    if (differences.length === 0 && spare.length === 0) return { kind: "keep", event };
    return { kind: "update", event, spare: spare.length, differences };
  });
  const ids = new Set(wanted.map(({ id }) => id));
  const orphans = planRemoval(found, mark).filter(({ id }) => !ids.has(id));
  return [...actions, ...orphans];
}

/** All events of a schedule, to be taken away; those that others made, whatever they are called, stay. */
export function planRemoval(
  found: readonly FoundEvent[],
  owner: Pick<Mark, "schedule" | "configDir">,
): readonly (EventAction & { readonly kind: "delete" })[] {
  const ours = found.filter((event) => {
    const mark = markOf(event);
    return (
      event.id.startsWith(idPrefix(owner.schedule)) &&
      mark?.schedule === owner.schedule &&
      mark.configDir === owner.configDir
    );
  });
  const records = new Map<string, FoundEvent[]>();
  for (const event of ours) records.set(event.id, [...(records.get(event.id) ?? []), event]);
  return [...records].map(([id, same]) => ({
    kind: "delete",
    id,
    title: String(same[0]?.["title"] ?? id),
    records: same.length,
  }));
}

function markOf({ notes }: FoundEvent): Mark | undefined {
  return typeof notes === "string" ? readMark(notes) : undefined;
}

function demandOurs(event: FoundEvent, { schedule, configDir, source }: Mark): void {
  const theirs = markOf(event);
  const hint = "Give this schedule another `name`, or take the event over: add --replace.";
  if (theirs === undefined) {
    throw new StoreError(`the event ${event.id} of Cronicle does not say in its notes that it is ours`, { hint });
  }
  const differing = [
    ["schedule", theirs.schedule, schedule],
    ["config directory", theirs.configDir, configDir],
    ["schedule file", theirs.source, source],
  ].find(([, before, now]) => before !== now);
  if (differing === undefined) return;
  const [what, before, now] = differing;
  throw new StoreError(
    `the schedule name ${schedule} is taken: Cronicle has it from another ${what}, ${before} (here: ${now})`,
    { hint },
  );
}

/** An action for people. */
export function describeAction(action: EventAction): PlannedChange {
  switch (action.kind) {
    case "create":
      return { kind: "created", what: `event ${action.event.title}`, differences: [] };
    case "update": {
      const spare = action.spare === 0 ? [] : [`records: ${action.spare + 1}, then 1`];
      return { kind: "changed", what: `event ${action.event.title}`, differences: [...spare, ...action.differences] };
    }
    case "keep":
      return { kind: "unchanged", what: `event ${action.event.title}`, differences: [] };
    case "delete":
      return { kind: "removed", what: `event ${action.title}`, differences: [] };
  }
}
