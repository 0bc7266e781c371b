import { DEFAULT_COMMAND, entryLabel } from "../command/request.ts";
import { describeCron } from "../cron/words.ts";
import { zoneClock } from "../cron/zone-clock.ts";
import type { Pipeline } from "../schedule/schedule.ts";
import { type PlannedRun, zoneOf } from "./upcoming.ts";

const MINUTE_MS = 60_000;

/** An instant on a zone's clocks, with their offset: `2026-10-25 01:30 +01:00`. */
export function renderLocal(at: number, zone: string): string {
  const { offset } = zoneClock(zone).segmentAt(at);
  return `${dateAndMinute(at + offset)} ${renderOffset(offset)}`;
}

/** `2026-10-25 00:30Z` */
export const renderUtc = (at: number): string => `${dateAndMinute(at)}Z`;

const dateAndMinute = (at: number): string => new Date(at).toISOString().slice(0, 16).replace("T", " ");

function renderOffset(offset: number): string {
  const minutes = Math.round(Math.abs(offset) / MINUTE_MS);
  const digits = [Math.floor(minutes / 60), minutes % 60].map((part) => String(part).padStart(2, "0"));
  return `${offset < 0 ? "-" : "+"}${digits.join(":")}`;
}

/**
 * A table of runs, line by line as they come. Widths go by all pipelines shown, so nothing waits for the last run.
 * The zone has a column of its own only where there are several.
 */
export function* renderTable(
  runs: Iterable<PlannedRun>,
  { pipelines, machineZone }: { readonly pipelines: readonly Pipeline[]; readonly machineZone: string },
): Generator<string, void> {
  const zones = new Set(pipelines.map((pipeline) => zoneOf(pipeline, machineZone)));
  const zoneWidth = zones.size > 1 ? widest([...zones, "ZONE"]) : 0;
  const labelWidth = widest([...pipelines.map(entryLabel), "PIPELINE"]);
  const line = (local: string, zone: string, utc: string, label: string, note: string): string => {
    const cells = [local.padEnd(23), ...(zoneWidth === 0 ? [] : [zone.padEnd(zoneWidth)])];
    return `${[...cells, utc.padEnd(17), label.padEnd(labelWidth), note].join("  ").trimEnd()}\n`;
  };
  let isEmpty = true;
  for (const { pipeline, at } of runs) {
    if (isEmpty) yield line("LOCAL TIME", "ZONE", "UTC", "PIPELINE", "NOTE");
    isEmpty = false;
    const zone = zoneOf(pipeline, machineZone);
    yield line(renderLocal(at, zone), zone, renderUtc(at), entryLabel(pipeline), noteOf(pipeline));
  }
  if (isEmpty) yield "No pipeline runs in this time.\n";
}

const widest = (texts: readonly string[]): number => Math.max(...texts.map((text) => text.length));

/** The user's note on one line; where there is none, the times in words. */
function noteOf({ note, crons }: Pipeline): string {
  return (note ?? crons.map(describeCron).join("; ")).replace(/[\s\p{Cc}]+/gu, " ").trim();
}

/** The runs as `{"runs":[{"tap","target","at"}…]}`, piece by piece; `command` and `id` stand where they are not the default. */
export function* renderJson(runs: Iterable<PlannedRun>): Generator<string, void> {
  const frames = new Map<Pipeline, { readonly head: string; readonly tail: string }>();
  let separator = "";
  let last = Number.NaN;
  let lastIso = "";
  yield '{"runs":[';
  for (const { pipeline, at } of runs) {
    let frame = frames.get(pipeline);
    if (frame === undefined) {
      frame = jsonFrame(pipeline);
      frames.set(pipeline, frame);
    }
    // Many pipelines run in one minute: its text is made once.
    if (at !== last) lastIso = new Date(at).toISOString();
    last = at;
    yield `${separator}${frame.head}${lastIso}${frame.tail}`;
    separator = ",";
  }
  yield "\n]}\n";
}

function jsonFrame({ tap, target, command, id }: Pipeline): { readonly head: string; readonly tail: string } {
  const pair = `"tap":${JSON.stringify(tap)},"target":${JSON.stringify(target)}`;
  const what = command === DEFAULT_COMMAND ? "" : `,"command":${JSON.stringify(command)}`;
  const which = id === undefined ? "" : `,"id":${JSON.stringify(id)}`;
  return { head: `\n{${pair},"at":"`, tail: `"${what}${which}}` };
}
