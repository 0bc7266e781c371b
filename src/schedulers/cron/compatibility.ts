import { type ClockChange, clockChanges } from "../../cron/clock-changes.ts";
import { type Daemon, daemonRunTimes, runTimes } from "../../cron/run-times.ts";
import { sameZone } from "../../cron/same-zone.ts";
import { zoneClock } from "../../cron/zone-clock.ts";
import { findZone } from "../../cron/zone-names.ts";
import { StoreError } from "../../errors.ts";
import { type EntryId, entryLabel } from "../../pipeline-id.ts";
import type { Pipeline } from "../../schedule/schedule.ts";
import { DAY_MS } from "../../time-units.ts";
import type { DetectedCron } from "./daemon.ts";
import { foreignZone, type ZoneFrame } from "./render.ts";

/** A crontab and the machine that must run it. */
export interface CrontabFrame {
  /** The whole crontab, our block included. */
  readonly crontab: string;
  /** Number of the line where our block begins, from 1. */
  readonly blockAt: number;
  readonly pipelines: readonly (EntryId & Pick<Pipeline, "timezone">)[];
  readonly machineZone: string;
  readonly isRoot: boolean;
  readonly now: Date;
}

/** A planned crontab and the machine that must run it. */
export interface CrontabDraft extends CrontabFrame {
  readonly pipelines: readonly Pipeline[];
}

/** Period in which clock changes are checked. It contains the yearly changes of every zone. */
const HORIZON_MS = 400 * DAY_MS;
const BUSYBOX_ENTRIES = 255;
const OLD_CRONIE_ENTRIES = 1000;

interface Setting {
  readonly name: string;
  readonly value: string;
  readonly line: number;
}

/** Finds the environment lines of a crontab. */
function* settingsIn(crontab: string): Generator<Setting, void> {
  for (const [index, text] of crontab.split("\n").entries()) {
    const [, name, value] = /^\s*["']?([A-Za-z_]\w*)["']?\s*=(.*)$/.exec(text) ?? [];
    if (name !== undefined && value !== undefined) {
      yield { name, value: value.trim().replace(/^(["'])(.*)\1$/, "$2"), line: index + 1 };
    }
  }
}

const countEntries = (crontab: string): number => crontab.split("\n").filter((line) => /^\s*[\d*@]/.test(line)).length;

/** Throws if this cron would not start the installed lines, or would start them at other times. */
export function assertCompatible(cron: DetectedCron, load: CrontabFrame): void {
  assertEntryLimit(cron, load);
  assertOwnClock(cron, load);
  if (cron.kind === "systemd") assertEveryHour(cron, load);
}

function assertEntryLimit({ kind, name, version = "" }: DetectedCron, { crontab, isRoot }: CrontabFrame): void {
  const isOldCronie = kind === "cronie" && /^1\.[0-5](?:\D|$)/.test(version);
  const most = kind === "busybox" && !isRoot ? BUSYBOX_ENTRIES : isOldCronie ? OLD_CRONIE_ENTRIES : undefined;
  const count = countEntries(crontab);
  if (most === undefined || count <= most) return;
  throw new StoreError(`the crontab would have ${count} entries, but ${name} accepts at most ${most} per user`, {
    hint: "Split the pipelines between users, or install Debian's cron or a newer cronie.",
  });
}

/** Throws if a zone that is set above the block would also apply to it. */
function assertOwnClock(
  { kind, name, version = "" }: DetectedCron,
  { crontab, blockAt, machineZone }: CrontabFrame,
): void {
  const isNewSystemd = kind === "systemd" && !version.startsWith("1.");
  const names = kind === "cronie" ? ["CRON_TZ"] : isNewSystemd ? ["CRON_TZ", "TZ"] : [];
  const above = [...settingsIn(crontab)].filter(({ name, line }) => names.includes(name) && line < blockAt);
  // The last one counts: each setting applies to the lines below it.
  const zone = above.at(-1);
  if (zone === undefined || sameZone(zone.value, machineZone)) return;
  throw new StoreError(
    `line ${zone.line} of the crontab sets ${zone.name}=${zone.value}, and ${name} would apply that zone to the block of pipelinewise-sched below it`,
    { hint: "Move that line and the lines that need it below the block with `crontab -e`, then try again." },
  );
}

/** Throws if candidate lines would lose an hour. Candidate lines need every hour of the machine. */
function assertEveryHour({ name }: DetectedCron, { pipelines, machineZone, now }: CrontabFrame): void {
  if (!hasClockChanges(machineZone, now)) return;
  const other = pipelines.find((pipeline) => foreignZone(pipeline, frameOf(machineZone, now)) !== undefined);
  if (other === undefined) return;
  throw new StoreError(
    `${entryLabel(other)} uses the time zone ${other.timezone}, but ${name} starts nothing in the hour that ${machineZone} repeats when clocks go back`,
    { hint: `Set the machine's time zone to UTC, install Debian's cron, or write the times in ${machineZone}.` },
  );
}

const frameOf = (machineZone: string, now: Date): ZoneFrame => ({
  machineZone,
  horizon: { from: now.getTime(), to: now.getTime() + HORIZON_MS },
});

/** Clock changes in the period; none for a zone that this Node does not know. */
const changesAhead = (zone: string, now: Date): readonly ClockChange[] =>
  findZone(zone) === undefined
    ? []
    : [...clockChanges(zoneClock(zone), { from: now.getTime(), to: now.getTime() + HORIZON_MS })];

const hasClockChanges = (zone: string, now: Date): boolean => changesAhead(zone, now).length > 0;

/** The warning that no cron daemon is running; `undefined` if one is, or if that cannot be determined. */
export function noDaemonWarning({ runs, inContainer }: DetectedCron): string | undefined {
  if (runs !== false) return undefined;
  const remedy = inContainer
    ? "make the image start one, such as `cron -f`"
    : "start it, for example with `service cron start`";
  return `no cron daemon is running ${inContainer ? "in this container" : "on this machine"}, so nothing will start the pipelines; ${remedy}`;
}

/** Warnings about this cron, one sentence each. */
export function compatibilityWarnings(cron: DetectedCron, load: CrontabDraft): readonly string[] {
  const { kind, name } = cron;
  const warnings: string[] = [];
  const stopped = noDaemonWarning(cron);
  if (stopped !== undefined) {
    warnings.push(stopped);
  } else if (kind === "other") {
    warnings.push(
      `this machine runs ${name}, whose daylight-saving behaviour is unknown; check \`history\` to see which runs started`,
    );
  }
  if (kind === "busybox" || kind === "systemd") warnings.push(...lossWarnings(kind, name, load));
  warnings.push(...delayWarnings(cron, load));
  return warnings;
}

/** Warnings about runs that are due during a clock change and that this daemon does not start. */
function lossWarnings(daemon: Daemon, name: string, { pipelines, machineZone, now }: CrontabDraft): readonly string[] {
  const own = pipelines.filter((pipeline) => foreignZone(pipeline, frameOf(machineZone, now)) === undefined);
  const changes = changesAhead(machineZone, now);
  const losses = own.flatMap((pipeline) => {
    const lost = pipeline.crons.flatMap((one) =>
      changes.flatMap(({ at }) => {
        const span = { zone: machineZone, from: at - DAY_MS / 4, to: at + DAY_MS / 4 };
        const started = new Set(daemonRunTimes(daemon, one, span));
        return [...runTimes(one, span)].filter((due) => !started.has(due));
      }),
    );
    const first = Math.min(...lost);
    return lost.length === 0 ? [] : [`${entryLabel(pipeline)} at ${new Date(first).toISOString().slice(0, 16)}Z`];
  });
  const [first] = losses;
  if (first === undefined) return [];
  const more = losses.length === 1 ? "" : `, and ${losses.length - 1} more pipeline${losses.length === 2 ? "" : "s"}`;
  return [
    `${name} does not start runs that are due during a clock change of ${machineZone}: ${first}${more}; choose other hours, or install Debian's cron`,
  ];
}

function delayWarnings({ kind, name }: DetectedCron, { crontab }: CrontabDraft): readonly string[] {
  if (kind !== "cronie" && kind !== "systemd") return [];
  const delay = [...settingsIn(crontab)].find(({ name, value }) => name === "RANDOM_DELAY" && Number(value) > 0);
  if (delay === undefined) return [];
  return [
    `line ${delay.line} of the crontab sets RANDOM_DELAY=${delay.value}: ${name} starts the pipelines up to ${delay.value} minutes late`,
  ];
}
