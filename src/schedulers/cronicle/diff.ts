import { StoreError } from "../../errors.ts";
import type { Mark } from "../owner-mark.ts";
import type { PlannedChange } from "../scheduler.ts";
import { type CronicleEvent, idPrefix, readMark } from "./event.ts";
import { type CronicleTiming, plainTiming, TIMING_LISTS } from "./starts.ts";

/** An event as Cronicle gives it. Versions differ in what they hold. */
export type FoundEvent = Readonly<Record<string, unknown>> & { readonly id: string };

/** Keys that are compared one by one; `params` and `timing` are compared by what is in them. */
const ONE_BY_ONE = [
  "title",
  "category",
  "target",
  "plugin",
  "timezone",
  "notes",
  "algo",
  "multiplex",
  "stagger",
  "max_children",
  "queue",
  "queue_max",
  "timeout",
  "retries",
  "retry_delay",
  "catch_up",
  "detached",
  "memory_limit",
  "memory_sustain",
  "cpu_limit",
  "cpu_sustain",
  "log_max_size",
] as const satisfies readonly (keyof CronicleEvent)[];

const PARAMS = ["script", "annotate", "json"] as const;

/** What Cronicle takes for the same: nothing, 0, false and an empty text; a text with blanks at its ends, as its pages trim. */
function plain(value: unknown): string {
  if (value === undefined || value === null || value === false || value === 0) return "";
  if (value === true) return "1";
  return typeof value === "string" ? value.trim() : JSON.stringify(value);
}

const yesOrNo = (value: unknown): string => (plain(value) === "" ? "no" : "yes");

/**
 * Differences between an event in Cronicle and the intended one, one per line: `timeout: 60, then 0`. Ignores
 * properties that this program does not set.
 */
export function eventDifferences(found: FoundEvent, wanted: CronicleEvent): readonly string[] {
  const params = record(found["params"]);
  return [
    ...difference("enabled", yesOrNo(found["enabled"]), yesOrNo(wanted.enabled)),
    ...ONE_BY_ONE.flatMap((key) => difference(key, found[key], wanted[key])),
    ...PARAMS.flatMap((key) => difference(key, params[key], wanted.params[key])),
    ...difference("times", describeFoundTiming(found["timing"]), describeTiming(wanted.timing)),
  ];
}

function difference(key: string, before: unknown, after: unknown): readonly string[] {
  const [is, shall] = [plain(before), plain(after)];
  if (is === shall) return [];
  if (!is.includes("\n") && !shall.includes("\n")) return [`${key}: ${is || "none"}, then ${shall || "none"}`];
  const [old, fresh] = [is.split("\n"), shall.split("\n")];
  return [
    `${key}:`,
    ...old.filter((line) => !fresh.includes(line)).map((line) => `- ${line}`),
    ...fresh.filter((line) => !old.includes(line)).map((line) => `+ ${line}`),
  ];
}

/** An event without a timing is started by hand only. */
function describeFoundTiming(timing: unknown): string {
  if (typeof timing !== "object" || timing === null) return "by hand only";
  const { years } = record(timing);
  const ofYears = Array.isArray(years) && years.length > 0 ? `, years ${years.join()}` : "";
  const lists = TIMING_LISTS.map(([list]) => [list, numbers(record(timing)[list])]);
  return `${describeTiming(Object.fromEntries(lists))}${ofYears}`;
}

/** A timing in words: "minutes 0,30, hours 4". */
function describeTiming(timing: CronicleTiming): string {
  const own = plainTiming(timing);
  const lists = TIMING_LISTS.flatMap(([list]) => (own[list] === undefined ? [] : [`${list} ${own[list].join()}`]));
  return lists.length === 0 ? "every minute" : lists.join(", ");
}

const numbers = (value: unknown): readonly number[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === "number") : [];

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? { ...value } : {};

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
  const hint = "Give this schedule another `name`, or add --replace to take over the event.";
  if (theirs === undefined) {
    throw new StoreError(
      `the Cronicle event ${event.id} was not created by pipelinewise-sched (its notes have no ownership mark)`,
      { hint },
    );
  }
  const differing = [
    ["schedule", theirs.schedule, schedule],
    ["config directory", theirs.configDir, configDir],
    ["schedule file", theirs.source, source],
  ].find(([, before, now]) => before !== now);
  if (differing === undefined) return;
  const [what, before, now] = differing;
  throw new StoreError(
    `schedule name ${schedule} is already installed in Cronicle from another ${what}, ${before} (here: ${now})`,
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
