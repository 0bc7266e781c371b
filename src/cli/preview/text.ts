import type { Daemon } from "../../cron/run-times.ts";
import type { Host } from "../../host.ts";
import { differences, renderDifferences } from "../../preview/compare-daemons.ts";
import { previewRows } from "../../preview/rows.ts";
import { renderBlocks, renderTable } from "../../preview/table.ts";
import { atMost, plannedRuns, type Window } from "../../preview/upcoming.ts";
import type { Pipeline } from "../../schedule/schedule.ts";
import { crontabProgram, LOOK_LIMITS } from "../../schedulers/cron/call-crontab.ts";
import { type DetectedCron, describeDetectedCron, detectCron } from "../../schedulers/cron/daemon.ts";
import { paintFor } from "../../text/colors.ts";
import { renderMinute } from "../../text/format-time.ts";
import { HOUR_MS } from "../../time-units.ts";
import type { PreviewWindow, WindowFlags } from "./window.ts";
import type { PreviewZones } from "./zones.ts";

/** The parsed options of a preview. */
interface PreviewRequest {
  readonly window: PreviewWindow & Window;
  readonly zones: PreviewZones;
  readonly flags: WindowFlags;
  /** Sentences about runs that are left out. */
  readonly notes: readonly string[];
}

/** A preview for people: the period, the time zones, the cron daemon, the runs, and the differences of daemons. */
export async function renderPreview(
  pipelines: readonly Pipeline[],
  asked: PreviewRequest,
  host: Host,
): Promise<Iterable<string>> {
  const { window, zones } = asked;
  const cron = await detectCron(host.root, crontabProgram(host, LOOK_LIMITS));
  const head = [
    describeWindow(asked),
    ...zones.notes,
    ...asked.notes,
    `Cron on this machine: ${describeDetectedCron(cron)}.`,
    ...(window.daemon === undefined ? daemonHint(cron) : describeDaemon(window.daemon, pipelines)),
  ];
  return (function* () {
    yield `${head.join("\n")}\n\n`;
    yield* renderRuns(pipelines, asked, host);
  })();
}

function* renderRuns(
  pipelines: readonly Pipeline[],
  { window, flags, zones }: PreviewRequest,
  host: Host,
): Generator<string> {
  const { machineZone, daemon, total } = window;
  const look = {
    pipelines,
    machineZone: zones.machineZone,
    now: host.now().getTime(),
    width: host.stdout.isTTY === true ? host.stdout.columns : undefined,
    paint: paintFor(host),
  };
  let lastAt = window.from;
  const rowsOf = function* (some: readonly Pipeline[]) {
    for (const row of previewRows(atMost(total, plannedRuns({ pipelines: some }, window)), window)) {
      lastAt = Math.max(lastAt, row.at);
      yield row;
    }
  };
  if (flags.by === "pipeline") {
    yield* renderBlocks(
      pipelines.map((pipeline) => ({ pipeline, rows: rowsOf([pipeline]) })),
      look,
    );
  } else {
    yield* renderTable(rowsOf(pipelines), look);
  }
  if (daemon === undefined || daemon === "debian") return;
  // With a limited number of runs, the daemons are compared up to the last run shown.
  const end = total === undefined ? {} : { to: lastAt + 1 };
  const found = differences(pipelines, { ...window, ...end, daemon }, "debian");
  yield "\n";
  yield* renderDifferences(found, { daemon, other: "debian", pipelines, machineZone });
}

function describeWindow({ window: { from, to, count, total }, flags: { day }, zones }: PreviewRequest): string {
  const start = renderMinute(from);
  if (day !== undefined) return describeDay(day, zones.day, (to ?? from) - from);
  if (total !== undefined) return `The next ${total} runs from ${start}.`;
  const each = count === undefined ? "" : `${count} of each pipeline`;
  if (to === undefined) return `The next runs from ${start}, ${each}.`;
  return `Runs from ${start} to ${renderMinute(to)}${each === "" ? "" : `, at most ${each}`}.`;
}

function describeDay(day: string, zone: string, lengthMs: number): string {
  if (lengthMs === 0) return `${day} does not exist in ${zone}: its clocks skipped this day.`;
  const hours = Math.round((lengthMs / HOUR_MS) * 100) / 100;
  return `Runs on ${day} in ${zone}${hours === 24 ? "" : `, a day of ${hours} hours`}.`;
}

/**
 * A hint if the cron daemon of this machine treats clock changes differently from Debian's, which the preview shows.
 */
const daemonHint = ({ kind }: DetectedCron): readonly string[] =>
  kind === "busybox" || kind === "systemd" ? [`For its daylight-saving differences, add --daemon ${kind}.`] : [];

/** Sentences about the daemon of `--daemon`, and about the pipelines that it does not affect. */
function describeDaemon(daemon: Daemon, pipelines: readonly Pipeline[]): readonly string[] {
  const shown = `This preview shows the runs that ${daemon} starts on a machine in the pipelines' time zone.`;
  const isForeign = pipelines.some(({ timezone }) => timezone !== undefined);
  if (daemon === "debian" || daemon === "cronie" || !isForeign) return [shown];
  return [
    shown,
    "Pipelines in another time zone are checked by pipelinewise-sched itself, so they behave as under Debian cron with every daemon.",
  ];
}
