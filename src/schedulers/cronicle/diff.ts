import { contentDigest } from "../../installed/compile.ts";
import { type Mark, nameTaken, readFileMark, type TakeOver } from "../owner-mark.ts";
import type { PlannedChange } from "../scheduler.ts";
import { type CronicleEvent, isEventId, isOurScript, RETIRED_NOTES } from "./event.ts";
import { type CronicleTiming, plainTiming, TIMING_LISTS } from "./starts.ts";

/** An event as Cronicle returns it. Its properties depend on the version. */
export type FoundEvent = Readonly<Record<string, unknown>> & { readonly id: string };

/** Properties that are compared directly; `params` and `timing` are compared by their content. */
const ONE_BY_ONE = [
  "title",
  "category",
  "plugin",
  "timezone",
  "notes",
  "algo",
  "multiplex",
  "stagger",
  "detached",
] as const satisfies readonly (keyof CronicleEvent)[];

const PARAMS = ["script", "annotate", "json"] as const;

/**
 * Normalises a value. Cronicle treats a missing value, 0, false and an empty text alike, and its pages remove blanks at the
 * ends of a text.
 */
function plain(value: unknown): string {
  if (value === undefined || value === null || value === false || value === 0) return "";
  if (value === true) return "1";
  return typeof value === "string" ? value.trim() : JSON.stringify(value);
}

/** Whether Cronicle starts an event. */
export const isEnabled = ({ enabled }: FoundEvent): boolean => plain(enabled) !== "";

/** Whether this program has disabled an event that it could not delete yet. */
export const isRetired = ({ notes }: FoundEvent): boolean => plain(notes) === RETIRED_NOTES;

/**
 * Differences between an event in Cronicle and the intended one, one per line: `timeout: 60, then 0`. Ignores
 * properties that this program does not set.
 */
export function eventDifferences(found: FoundEvent, wanted: CronicleEvent): readonly string[] {
  const params = record(found["params"]);
  return [
    ...(wanted.enabled === undefined ? [] : difference("enabled", isEnabled(found) ? "yes" : "no", "yes")),
    ...(wanted.target === undefined ? [] : difference("target", found["target"], wanted.target)),
    ...ONE_BY_ONE.flatMap((key) => difference(key, found[key], wanted[key])),
    ...PARAMS.flatMap((key) => difference(key, params[key], wanted.params[key])),
    ...difference("times", describeFoundTiming(found["timing"]), describeTiming(wanted.timing)),
  ];
}

/** A digest of the fields that set the times and the command of an event. A user may edit the other fields. */
export const eventDigest = ({ params, timing, plugin, timezone }: Readonly<Record<string, unknown>>): string =>
  contentDigest(
    JSON.stringify([
      plain(plugin),
      plain(timezone),
      ...PARAMS.map((key) => plain(record(params)[key])),
      describeFoundTiming(timing),
    ]),
  );

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

/** Describes a timing. An event without one is only started by hand. */
function describeFoundTiming(timing: unknown): string {
  if (typeof timing !== "object" || timing === null) return "by hand only";
  const { years } = record(timing);
  const ofYears = Array.isArray(years) && years.length > 0 ? `, years ${years.join()}` : "";
  const lists = TIMING_LISTS.map(([list]) => [list, numbers(record(timing)[list])]);
  return `${describeTiming(Object.fromEntries(lists))}${ofYears}`;
}

/** Describes a timing: "minutes 0,30, hours 4". */
function describeTiming(timing: CronicleTiming): string {
  const own = plainTiming(timing);
  const lists = TIMING_LISTS.flatMap(([list]) => (own[list] === undefined ? [] : [`${list} ${own[list].join()}`]));
  return lists.length === 0 ? "every minute" : lists.join(", ");
}

const numbers = (value: unknown): readonly number[] =>
  Array.isArray(value) ? value.filter((one) => typeof one === "number") : [];

const record = (value: unknown): Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null ? { ...value } : {};

/** A planned action for one event. `spare`: further records with its id, which Cronicle allows. */
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

/** Plans the actions that turn Cronicle's events into those of a schedule. @throws StoreError if one belongs to somebody else */
export function planEvents(
  found: readonly FoundEvent[],
  wanted: readonly CronicleEvent[],
  { mark, takeOver }: { readonly mark: Mark; readonly takeOver: TakeOver },
): readonly EventAction[] {
  const byId = new Map<string, FoundEvent[]>();
  for (const event of found) byId.set(event.id, [...(byId.get(event.id) ?? []), event]);
  const actions = wanted.map((properties): EventAction => {
    // Cronicle itself uses the first record of an id.
    const [first, ...spare] = byId.get(properties.id) ?? [];
    if (first === undefined) return { kind: "create", event: properties };
    const event = isRetired(first) ? { ...properties, enabled: 1 as const } : properties;
    if (!takeOver.replace) for (const one of [first, ...spare]) assertOurs(one, mark, takeOver);
    const differences = eventDifferences(first, event);
    if (differences.length === 0 && spare.length === 0) return { kind: "keep", event };
    return { kind: "update", event, spare: spare.length, differences };
  });
  const ids = new Set(wanted.map(({ id }) => id));
  const orphans = planRemoval(found, mark).filter(({ id }) => !ids.has(id));
  return [...actions, ...orphans];
}

/**
 * The events of a schedule: those that have one of its ids and a script of this program. Their notes and titles may
 * have been edited.
 */
export const ownEvents = (
  found: readonly FoundEvent[],
  owner: Pick<Mark, "schedule" | "configDir">,
): readonly FoundEvent[] =>
  found.filter((event) => {
    if (!isEventId(owner.schedule, event.id) || !isOurScript(scriptOf(event))) return false;
    const mark = readFileMark(scriptOf(event));
    return mark === undefined || (mark.schedule === owner.schedule && mark.configDir === owner.configDir);
  });

/** Plans the removal of all events of a schedule. */
export function planRemoval(
  found: readonly FoundEvent[],
  owner: Pick<Mark, "schedule" | "configDir">,
): readonly (EventAction & { readonly kind: "delete" })[] {
  const records = new Map<string, FoundEvent[]>();
  for (const event of ownEvents(found, owner)) records.set(event.id, [...(records.get(event.id) ?? []), event]);
  return [...records].map(([id, same]) => ({
    kind: "delete",
    id,
    title: String(same[0]?.["title"] ?? id),
    records: same.length,
  }));
}

function scriptOf({ params }: FoundEvent): string {
  const { script } = record(params);
  return typeof script === "string" ? script : "";
}

/**
 * Refuses an event that belongs to another schedule. The id of an event contains a hash of its schedule, tap and
 * target, so without a mark in its script the id alone decides.
 */
function assertOurs(event: FoundEvent, { schedule, configDir, source }: Mark, { isSameSource }: TakeOver): void {
  const theirs = readFileMark(scriptOf(event));
  if (theirs === undefined) return;
  const differing = [
    { what: "schedule", before: theirs.schedule, now: schedule },
    { what: "config directory", before: theirs.configDir, now: configDir },
    { what: "schedule file", before: theirs.source, now: isSameSource(theirs.source) ? theirs.source : source },
  ].find(({ before, now }) => before !== now);
  if (differing === undefined) return;
  const { what, before, now } = differing;
  throw nameTaken({ name: schedule, where: "in Cronicle", what, theirs: before, ours: now });
}

/** Describes an action for people. */
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
