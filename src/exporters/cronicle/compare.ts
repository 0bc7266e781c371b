import type { CronicleEvent } from "./event.ts";
import { type CronicleTiming, plainTiming, TIMING_LISTS } from "./timing.ts";

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
 * What an event at Cronicle has otherwise than it should, a line each: `timeout: 60, then 0`. What is not ours to say is
 * not looked at.
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
