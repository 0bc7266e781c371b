import type { Command } from "commander";
import { UsageError } from "../../errors.ts";
import { type History, type HistoryFault, type HistoryFilter, readHistory } from "../../history/read.ts";
import { type RunRecord, renderOutcome } from "../../history/record.ts";
import type { Host } from "../../host.ts";
import { findStateDirectory } from "../../storage/directory.ts";
import { renderDuration, renderInstant } from "../../text/format-time.ts";
import { renderTable } from "../../text/table.ts";
import { actAsOwner } from "../switch-user.ts";

interface HistoryFlags {
  readonly tap?: string;
  readonly target?: string;
  readonly limit: string;
  readonly json?: boolean;
  readonly configDir?: string;
}

export function addHistory(command: Command, caller: Host): void {
  command
    .option("--tap <tap>", "only runs of this tap")
    .option("--target <target>", "only runs into this target")
    .option("--limit <n>", "maximum number of runs to show", "20")
    .option("--json", 'print {"runs": [...]}')
    .option("--config-dir <dir>", "PipelineWise's config directory")
    .action(async ({ tap, target, limit, json = false, configDir }: HistoryFlags) => {
      const { host, configDir: directory } = await actAsOwner(caller, configDir);
      const state = await findStateDirectory(directory, host.uid);
      const filter = { tap, target, limit: readLimit(limit) };
      const { runs, faults }: History =
        state === undefined ? { runs: [], faults: [] } : await readHistory(state.paths, filter);
      host.stderr.write(renderFaults(faults));
      if (json) host.stdout.write(renderHistoryJson(runs));
      else host.stdout.write(runs.length > 0 ? renderHistory(runs) : renderNothing(directory, filter));
    });
}

function renderNothing(directory: string, { tap, target }: HistoryFilter): string {
  const of = [tap === undefined ? "" : ` of tap ${tap}`, target === undefined ? "" : ` into target ${target}`].join("");
  return `No run${of} is recorded in ${directory}/.sched.\n`;
}

function readLimit(text: string): number {
  const limit = /^\d{1,9}$/.test(text) ? Number(text) : 0;
  if (limit > 0) return limit;
  throw new UsageError(
    `--limit: ${JSON.stringify(text)} is not a number of runs`,
    "Give a positive whole number, such as: --limit 20",
  );
}

/** One warning for each file with garbled lines. The other records are shown anyway. */
function renderFaults(faults: readonly HistoryFault[]): string {
  const files = [...new Set(faults.map(({ file }) => file))];
  return files
    .map((file) => {
      const places = faults.filter((fault) => fault.file === file).map(({ offset }) => offset);
      const lines = places.length === 1 ? "a garbled line" : `${places.length} garbled lines`;
      return `warning: skipped ${lines} in ${file}, at byte ${places.slice(0, 5).join(", ")}\n`;
    })
    .join("");
}

const HEAD = ["Started", "Tap", "Target", "Command", "Outcome", "Code", "Took", "Host", "Run"];

/** Runs as a table for people; times in UTC. */
export function renderHistory(runs: readonly RunRecord[]): string {
  const rows = runs.map((run) => [
    renderInstant(run.startedAt),
    run.tap,
    run.target,
    run.entry === undefined ? run.command : `${run.command} ${run.entry}`,
    renderOutcome(run),
    run.exitCode === undefined ? "" : String(run.exitCode),
    run.outcome === "skipped" ? "" : renderDuration(Date.parse(run.endedAt) - Date.parse(run.startedAt)),
    run.host,
    run.id,
  ]);
  return renderTable(HEAD, rows);
}

/** Runs as JSON: every key is always present, with `null` for a missing value. */
export function renderHistoryJson(records: readonly RunRecord[]): string {
  const runs = records.map((run) => ({
    id: run.id,
    tap: run.tap,
    target: run.target,
    command: run.command,
    entry: run.entry ?? null,
    outcome: run.outcome,
    reason: run.reason ?? null,
    detail: run.detail ?? null,
    host: run.host,
    scheduled: run.scheduled,
    slot: run.slot ?? null,
    startedAt: run.startedAt,
    endedAt: run.endedAt,
    exitCode: run.exitCode ?? null,
    log: run.log ?? null,
    attempts: run.attempts ?? null,
    triggeredBy: run.triggeredBy ?? null,
  }));
  return `${JSON.stringify({ runs }, null, 2)}\n`;
}
