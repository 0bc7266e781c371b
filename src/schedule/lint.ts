import type { ClockChange } from "../cron/clock-changes.ts";
import { describeCron } from "../cron/describe.ts";
import type { Cron } from "../cron/expression.ts";
import { type ClockChangeEffect, findClockChangeEffects, findUnevenStep } from "../cron/pitfalls.ts";
import { DAY_MS, MINUTE_MS } from "../time-units.ts";
import type { Diagnostic } from "./diagnostic.ts";
import type { Pipeline } from "./schedule.ts";

/** The text of a warning. */
type Warning = Pick<Diagnostic, "message" | "hint">;

export interface LintOptions {
  /** Zone of pipelines without a time zone; `undefined`: unknown, so that their clock changes are not checked. */
  readonly machineZone: string | undefined;
  readonly now: Date;
}

/** Long enough to contain the yearly clock changes of every zone. */
const HORIZON_MS = 400 * DAY_MS;

/**
 * Warnings about valid cron expressions, at most one of each kind per pipeline: a step that is not a regular interval,
 * times that a clock change skips or repeats, and days that cron-parser reads differently from cron.
 */
export async function lintCrons(pipelines: readonly Pipeline[], options: LintOptions): Promise<readonly Diagnostic[]> {
  const warnings = pipelines.map(async ({ crons, timezone = options.machineZone }, index) => {
    const first = async (check: (cron: Cron) => Promise<Warning | undefined>): Promise<readonly Diagnostic[]> => {
      for (const [position, cron] of crons.entries()) {
        const warning = await check(cron);
        if (warning === undefined) continue;
        return [{ path: ["pipelines", index, "cron", position], severity: "warning", ...warning }];
      }
      return [];
    };
    return [
      ...(await first(async (cron) => checkSteps(cron, options.now))),
      ...(await first(async (cron) =>
        timezone === undefined ? undefined : checkClockChanges(cron, timezone, options.now),
      )),
      ...(await first((cron) => checkCronParser(cron, options.now))),
    ];
  });
  return (await Promise.all(warnings)).flat();
}

function checkSteps(cron: Cron, now: Date): Warning | undefined {
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

/** @param at local time directly after the clock change */
const EFFECT_TEXTS: Readonly<Record<ClockChangeEffect["effect"], (on: string, at: string) => string>> = {
  skipped: (on) => `skipped on ${on}, and nothing runs then`,
  "made up": (on, at) => `skipped on ${on}, and run at ${at} instead`,
  once: (on) => `repeated on ${on}, and run only the first time`,
  twice: (on) => `repeated on ${on}, and run twice`,
};

function checkClockChanges(cron: Cron, zone: string, now: Date): Warning | undefined {
  const from = now.getTime();
  const found = findClockChangeEffects(cron, zone, { from, to: from + HORIZON_MS });
  const [first] = found;
  if (first === undefined) return undefined;
  const kinds = found.filter(({ effect }, index) => index === found.findIndex((other) => other.effect === effect));
  const effects = kinds.map(({ change, localTimes, effect }) =>
    EFFECT_TEXTS[effect](iso(localTimes[0] ?? 0).slice(0, 10), clock(change.at + change.after)),
  );
  const hours = [...new Set(found.map(({ change }) => changedHours(change)))].join(" and ");
  return {
    message: `the clock changes of ${zone} affect ${listed(first.localTimes)}: ${effects.join("; ")}`,
    hint: `Use times outside ${hours}, or \`timezone: UTC\`: they occur exactly once a day.`,
  };
}

/** The clock times that are skipped or repeated: `01:00-01:59`. */
const changedHours = ({ at, before, after }: ClockChange): string =>
  `${clock(at + Math.min(before, after))}-${clock(at + Math.max(before, after) - MINUTE_MS)}`;

/**
 * Whether cron and cron-parser may differ: both day fields must be restricted. cron-parser treats only a bare `*` as
 * unrestricted.
 */
const mayDiffer = (cron: Cron): boolean => {
  const [, , day = "*", , weekday = "*"] = cron.text.split(/[ \t]+/);
  return day !== "*" && weekday !== "*";
};

async function checkCronParser(cron: Cron, now: Date): Promise<Warning | undefined> {
  if (!mayDiffer(cron)) return undefined;
  const { compareWithCronParser } = await import("../cron/compare-with-cron-parser.ts");
  const difference = compareWithCronParser(cron, now);
  if (difference === undefined) return undefined;
  const days = (runs: readonly number[]): string => runs.map((at) => iso(at).slice(0, 10)).join(", ");
  return {
    message: `cron runs it ${describeCron(cron)} (${days(difference.cron.runs)}, …); cron-parser would run it ${difference.cronParser.description} (${days(difference.cronParser.runs)}, …)`,
    hint: `If a day field starts with \`*\`, cron requires both day fields to match; tools built on cron-parser do not. ${eitherDayHint(cron)}`,
  };
}

/** Hint how to write "either day is enough": the same values without a leading star. */
function eitherDayHint({ text }: Cron): string {
  const [, , day = "", , weekday = ""] = text.split(/[ \t]+/);
  const [starred, all] = day.startsWith("*") ? [day, "1-31"] : [weekday, "0-6"];
  return `If either day is enough, write \`${starred.replaceAll("*", all)}\` instead of \`${starred}\`.`;
}

const iso = (at: number): string => new Date(at).toISOString();

/** `02:30` */
const clock = (localTime: number): string => iso(localTime).slice(11, 16);

/** "02:00", "02:00 and 02:30", "02:00 to 02:45". */
function listed(localTimes: readonly number[]): string {
  const times = [...new Set(localTimes.map(clock))];
  const [first = "", second = ""] = times;
  if (times.length === 1) return first;
  return times.length === 2 ? `${first} and ${second}` : `${first} to ${times.at(-1)}`;
}
