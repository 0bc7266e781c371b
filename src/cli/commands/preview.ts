import { type Command, Option } from "commander";
import { DAEMONS, type Daemon } from "../../cron/run-times.ts";
import { UsageError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { renderJson } from "../../preview/json.ts";
import { atMost, plannedRuns } from "../../preview/upcoming.ts";
import { loadSchedule } from "../../schedule/load.ts";
import type { Pipeline } from "../../schedule/schedule.ts";
import { writePieces } from "../../system/output-stream.ts";
import { examples } from "../command.ts";
import { installedWarnings } from "../installed-warnings.ts";
import { suggest } from "../known-pipelines.ts";
import { previewPauses } from "../preview/pauses.ts";
import { readWindow, type WindowFlags } from "../preview/window.ts";
import { readZones } from "../preview/zones.ts";

interface PreviewFlags extends WindowFlags {
  readonly tap?: string;
  readonly target?: string;
  readonly daemon?: Daemon;
  readonly json?: boolean;
}

export function addPreview(command: Command, host: Host): void {
  command
    .argument("[file]", "path of the schedule file", "schedule.yml")
    .option("--from <instant>", "start of the period (inclusive), such as 2026-10-25T00:00Z (default: now)")
    .option("--to <instant>", "end of the period (exclusive)")
    .option("--count <n>", "number of runs to show for each pipeline")
    .option("--day <date>", "show the runs of one local day, such as 2026-10-25")
    .option("--tap <tap>", "only pipelines of this tap")
    .option("--target <target>", "only pipelines into this target")
    .addOption(
      new Option("--by <order>", "show all runs in one table, or one table for each pipeline").choices([
        "time",
        "pipeline",
      ]),
    )
    .addOption(
      new Option(
        "--daemon <name>",
        "show the runs as this cron daemon would start them in the pipelines' time zones",
      ).choices(DAEMONS),
    )
    .option("--json", 'print {"runs": [...]}, sorted by time')
    .addHelpText(
      "after",
      examples("preview schedule.yml --day 2026-10-25", "preview --tap orders --target redshift --count 3"),
    )
    .action(async (file: string, flags: PreviewFlags) => {
      if (flags.json === true && flags.by === "pipeline") {
        throw new UsageError(
          "--json and --by pipeline exclude each other",
          "Remove --by pipeline: JSON output is always sorted by time.",
        );
      }
      const schedule = await loadSchedule(file, host);
      const pipelines = choosePipelines(schedule.pipelines, flags);
      const zones = readZones(pipelines, host);
      const asked = readWindow(flags, { now: host.now(), zone: zones.day });
      const { paused, notes, warnings } = await previewPauses(schedule, pipelines, host);
      const window = { ...asked, machineZone: zones.machineZone, daemon: flags.daemon, paused };
      const installed = await installedWarnings(schedule, { inDiff: false }, host);
      for (const warning of [...installed, ...warnings]) host.stderr.write(`warning: ${warning}\n`);
      if (flags.json === true) {
        for (const note of notes) host.stderr.write(`${note}\n`);
        return writePieces(renderJson(atMost(window.total, plannedRuns({ pipelines }, window))), host.stdout);
      }
      const { renderPreview } = await import("../preview/text.ts");
      return writePieces(await renderPreview(pipelines, { window, zones, flags, notes }, host), host.stdout);
    });
}

function choosePipelines(pipelines: readonly Pipeline[], { tap, target }: PreviewFlags): readonly Pipeline[] {
  const chosen = pipelines.filter(
    (pipeline) => (tap ?? pipeline.tap) === pipeline.tap && (target ?? pipeline.target) === pipeline.target,
  );
  if (chosen.length > 0) return chosen;
  const wanted = [tap === undefined ? "" : `tap ${tap}`, target === undefined ? "" : `target ${target}`];
  throw new UsageError(
    `no pipeline has ${wanted.filter((word) => word !== "").join(" and ")}${suggest({ tap, target }, pipelines)}`,
    "Run `preview` without --tap and --target to see all pipelines.",
  );
}
