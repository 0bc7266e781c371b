import { type ClockChange, findInClockChanges, type InClockChange } from "../cron/clock-changes.ts";
import { describeCron } from "../cron/describe.ts";
import type { Cron } from "../cron/expression.ts";
import { findUnevenStep } from "../cron/uneven-steps.ts";
import type { Path } from "./problem.ts";
import type { Pipeline } from "./schedule.ts";

/** A warning about a cron expression that is valid but may not do what its author meant. */
export interface Doubt {
  readonly path: Path;
  readonly message: string;
  readonly hint?: string;
}

export interface LintOptions {
  /** For pipelines that name no zone of their own; `undefined`: unknown, so that clock changes are not looked for. */
  readonly machineZone: string | undefined;
  readonly now: Date;
}

/** Long enough to contain the yearly clock changes of every zone. */
const HORIZON_MS = 400 * 86_400_000;

/**
 * Warnings about valid cron expressions, at most one of each kind per pipeline: a step that is not a regular interval,
 * times that a clock change skips or repeats, and days that cron-parser reads differently from cron.
 */
export async function lintCrons(pipelines: readonly Pipeline[], options: LintOptions): Promise<readonly Doubt[]> {
  const doubts = pipelines.map(async ({ crons, timezone = options.machineZone }, index) => {
    const first = async (look: (cron: Cron) => Promise<Omit<Doubt, "path"> | undefined>): Promise<readonly Doubt[]> => {
      for (const [position, cron] of crons.entries()) {
        const doubt = await look(cron);
        if (doubt !== undefined) return [{ path: ["pipelines", index, "cron", position], ...doubt }];
      }
      return [];
    };
    return [
      ...(await first(async (cron) => unevenDoubt(cron, options.now))),
      ...(await first(async (cron) => (timezone === undefined ? undefined : clockDoubt(cron, timezone, options.now)))),
      ...(await first((cron) => libraryDoubt(cron, options.now))),
    ];
  });
  return (await Promise.all(doubts)).flat();
}

function unevenDoubt(cron: Cron, now: Date): Omit<Doubt, "path"> | undefined {
  const found = findUnevenStep(cron, now.getTime());
  if (found === undefined) return undefined;
  const { step, unit, size, last, gap } = found;
  const whole = unit === "minute" ? "hour" : "day";
  const round = unit === "minute" ? 60 : 24;
  if (last === 0) {
    return {
      message: `${step} means ${unit} 0 of every ${whole}, not every ${size} ${unit}s`,
      hint: `A step starts again in each ${whole}. List the times instead.`,
    };
  }
  const even = Array.from({ length: round }, (_, value) => value).filter((value) => value > 1 && round % value === 0);
  const near = [even.findLast((value) => value < size), even.find((value) => value > size)];
  const offers = near.filter((value) => value !== undefined).map((value) => `*/${value}`);
  return {
    message: `${step} does not mean every ${size} ${unit}s: ${unit} ${last} is followed by ${unit} 0 of the next ${whole}, ${gap === 1 ? `one ${unit}` : `${gap} ${unit}s`} later`,
    hint: `Use a step that divides the ${whole} evenly, such as ${offers.join(" or ")}.`,
  };
}

/** @param at the time that the clocks show after their change */
const WORDS: Readonly<Record<InClockChange["happens"], (on: string, at: string) => string>> = {
  skipped: (on) => `skipped on ${on}, and nothing runs then`,
  "made up": (on, at) => `skipped on ${on}, and run at ${at} instead`,
  once: (on) => `repeated on ${on}, and run only the first time`,
  twice: (on) => `repeated on ${on}, and run twice`,
};

function clockDoubt(cron: Cron, zone: string, now: Date): Omit<Doubt, "path"> | undefined {
  const from = now.getTime();
  const found = findInClockChanges(cron, zone, { from, to: from + HORIZON_MS });
  const [first] = found;
  if (first === undefined) return undefined;
  const kinds = found.filter(({ happens }, index) => index === found.findIndex((other) => other.happens === happens));
  const told = kinds.map(({ change, walls, happens }) =>
    WORDS[happens](iso(walls[0] ?? 0).slice(0, 10), clock(change.at + change.after)),
  );
  const hours = [...new Set(found.map(({ change }) => changedHours(change)))].join(" and ");
  return {
    message: `the clock changes of ${zone} affect ${listed(first.walls)}: ${told.join("; ")}`,
    hint: `Use times outside ${hours}, or \`timezone: UTC\`: they occur exactly once a day.`,
  };
}

/** The clock times that are skipped or repeated: `01:00-01:59`. */
const changedHours = ({ at, before, after }: ClockChange): string =>
  `${clock(at + Math.min(before, after))}-${clock(at + Math.max(before, after) - 60_000)}`;

/**
 * Only when both day fields are restricted can the two readings differ: cron-parser treats only a bare `*` as
 * unrestricted.
 */
const mayPart = (cron: Cron): boolean => {
  const [, , day = "*", , weekday = "*"] = cron.text.split(/[ \t]+/);
  return day !== "*" && weekday !== "*";
};

async function libraryDoubt(cron: Cron, now: Date): Promise<Omit<Doubt, "path"> | undefined> {
  if (!mayPart(cron)) return undefined;
  const { parseByLibrary } = await import("../cron/compare-with-cron-parser.ts");
  const parted = parseByLibrary(cron, now);
  if (parted === undefined) return undefined;
  const days = (runs: readonly number[]): string => runs.map((at) => iso(at).slice(0, 10)).join(", ");
  return {
    message: `cron runs it ${describeCron(cron)} (${days(parted.cron.runs)}, …); cron-parser would run it ${parted.library.words} (${days(parted.library.runs)}, …)`,
    hint: `If a day field starts with \`*\`, cron requires both day fields to match; tools built on cron-parser do not. ${otherwise(cron)}`,
  };
}

/** How to write that either day is enough: the same values without a leading star. */
function otherwise({ text }: Cron): string {
  const [, , day = "", , weekday = ""] = text.split(/[ \t]+/);
  const [starred, all] = day.startsWith("*") ? [day, "1-31"] : [weekday, "0-6"];
  return `If either day is enough, write \`${starred.replaceAll("*", all)}\` instead of \`${starred}\`.`;
}

const iso = (at: number): string => new Date(at).toISOString();

/** `02:30` */
const clock = (wall: number): string => iso(wall).slice(11, 16);

/** "02:00", "02:00 and 02:30", "02:00 to 02:45". */
function listed(walls: readonly number[]): string {
  const times = [...new Set(walls.map(clock))];
  const [first = "", second = ""] = times;
  if (times.length === 1) return first;
  return times.length === 2 ? `${first} and ${second}` : `${first} to ${times.at(-1)}`;
}
