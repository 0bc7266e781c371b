import type { Command } from "commander";
import { findZone } from "../../cron/zone.ts";
import { StoreError, UsageError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { readMachineZone } from "../../machine-zone.ts";
import { renderJson, renderTable, renderUtc } from "../../preview/render.ts";
import { atMost, plannedRuns, zoneOf } from "../../preview/upcoming.ts";
import { loadSchedule } from "../../schedule/load.ts";
import type { Pipeline } from "../../schedule/schedule.ts";
import { type PreviewWindow, readWindow, type WindowFlags } from "../preview-window.ts";
import { writePieces } from "../write-pieces.ts";

interface PreviewFlags extends WindowFlags {
  readonly tap?: string;
  readonly target?: string;
  readonly json?: boolean;
}

export function addPreview(command: Command, host: Host): void {
  command
    .argument("[file]", "path of the schedule file", "schedule.yml")
    .option("--from <instant>", "first instant, included, such as 2026-10-25T00:00Z (default: now)")
    .option("--to <instant>", "last instant, not included")
    .option("--count <n>", "so many runs of each pipeline")
    .option("--day <date>", "a local day, such as 2026-10-25")
    .option("--tap <tap>", "only pipelines of this tap")
    .option("--target <target>", "only pipelines into this target")
    .option("--json", 'print {"runs": [...]}')
    .action(async (file: string, flags: PreviewFlags) => {
      const pipelines = choosePipelines((await loadSchedule(file, host)).pipelines, flags);
      const zones = readZones(pipelines);
      const window = readWindow(flags, host.now(), zones.day);
      const { machineZone } = zones;
      const runs = atMost(window.total, plannedRuns({ pipelines }, { machineZone, ...window }));
      if (flags.json !== true) host.stdout.write(`${renderWindow(window, flags, zones.day)}\n${zones.told}\n\n`);
      const pieces = flags.json === true ? renderJson(runs) : renderTable(runs, { pipelines, machineZone });
      await writePieces(pieces, host.stdout);
    });
}

function choosePipelines(pipelines: readonly Pipeline[], { tap, target }: PreviewFlags): readonly Pipeline[] {
  const chosen = pipelines.filter(
    (pipeline) => (tap ?? pipeline.tap) === pipeline.tap && (target ?? pipeline.target) === pipeline.target,
  );
  if (chosen.length > 0) return chosen;
  const wanted = [tap === undefined ? "" : `tap ${tap}`, target === undefined ? "" : `target ${target}`];
  throw new UsageError(
    `no pipeline has ${wanted.filter((word) => word !== "").join(" and ")}`,
    "`preview` without --tap and --target shows all pipelines.",
  );
}

interface Zones {
  readonly machineZone: string;
  /** Whose days `--day` means: the pipelines' one, or the machine's where they have several. */
  readonly day: string;
  readonly told: string;
}

/** The machine's zone is looked for only where a pipeline goes by it, or several zones need a common day. */
function readZones(pipelines: readonly Pipeline[]): Zones {
  const named = [...new Set(pipelines.flatMap(({ timezone }) => timezone ?? []))];
  const followsMachine = pipelines.some(({ timezone }) => timezone === undefined);
  const [only] = named;
  if (!followsMachine && only !== undefined && named.length === 1) {
    return { machineZone: only, day: only, told: `Local times are of ${only}.` };
  }
  const { zone, source } = readMachineZone();
  if (findZone(zone) === undefined) {
    throw new StoreError(`the machine's zone ${zone} (from ${source}) is unknown to this Node`, {
      hint: "Give the schedule a `timezone`, or use a newer Node.",
    });
  }
  const others = [...new Set(pipelines.map((pipeline) => zoneOf(pipeline, zone)))].filter((name) => name !== zone);
  const machine = `${zone} (the machine's zone, from ${source})`;
  const told = [...(followsMachine ? [machine] : []), ...others].join(", ");
  return { machineZone: zone, day: zone, told: `Local times are of ${told}.` };
}

function renderWindow(window: PreviewWindow, { day }: PreviewFlags, dayZone: string): string {
  const { from, to, count, total } = window;
  const start = renderUtc(from);
  if (day !== undefined) return `Runs on ${day} in ${dayZone}.`;
  if (total !== undefined) return `The next ${total} runs from ${start}.`;
  const each = count === undefined ? "" : `, at most ${count} of each pipeline`;
  return `Runs from ${start}${to === undefined ? "" : ` to ${renderUtc(to)}`}${each}.`;
}
