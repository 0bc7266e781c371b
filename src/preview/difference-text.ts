import { entryLabel } from "../command/request.ts";
import type { Daemon } from "../cron/daemons.ts";
import type { Pipeline } from "../schedule/schedule.ts";
import { padText, textWidth } from "../text-width.ts";
import type { Difference } from "./compare.ts";
import { renderBoth } from "./local-time.ts";
import { zoneOf } from "./upcoming.ts";

/** More are counted only. */
const MOST = 100;

/** Where two daemons differ, a line for each start; a sentence where they do not. */
export function* renderDifferences(
  all: Iterable<Difference>,
  {
    daemon,
    other,
    pipelines,
    machineZone,
  }: {
    readonly daemon: Daemon;
    readonly other: Daemon;
    readonly pipelines: readonly Pipeline[];
    readonly machineZone: string;
  },
): Generator<string, void> {
  const width = Math.max(...pipelines.map((pipeline) => textWidth(entryLabel(pipeline))));
  let count = 0;
  for (const { pipeline, at, only } of all) {
    if (count === 0) yield `Here ${daemon} differs from ${other}:\n`;
    count++;
    if (count > MOST) continue;
    yield `  ${padText(entryLabel(pipeline), width)}  ${renderBoth(at, zoneOf(pipeline, machineZone))}  only ${only} starts it\n`;
  }
  if (count === 0) yield `In this time ${daemon} starts everything just when ${other} does.\n`;
  if (count > MOST) yield `  … and ${count - MOST} more\n`;
}
