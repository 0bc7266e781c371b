import type { Command } from "commander";
import { DEFAULT_RETENTION } from "../../default-retention.ts";
import { EXIT } from "../../errors.ts";
import type { Host } from "../../host.ts";
import type { KeptTimes } from "../../policies.ts";
import { type Pruned, prune, readRetention } from "../../retention/prune.ts";
import { findStateDirectory } from "../../storage/directory.ts";
import { renderDuration } from "../../text/format-time.ts";
import { renderTable } from "../../text/table.ts";
import { SECOND_MS } from "../../time-units.ts";
import { examples, type Finish } from "../command.ts";
import { actAsOwner } from "../switch-user.ts";

interface PruneFlags {
  readonly dryRun?: boolean;
  readonly json?: boolean;
  readonly configDir?: string;
}

export function addPrune(command: Command, caller: Host, finish: Finish): void {
  command
    .option("--dry-run", "show what would be removed, and remove nothing")
    .option("--json", 'print {"removals": [...]}')
    .option("--config-dir <dir>", "PipelineWise's config directory")
    .addHelpText("after", examples("prune --dry-run"))
    .action(async ({ dryRun: isDryRun = false, json = false, configDir }: PruneFlags) => {
      const { host, configDir: directory } = await actAsOwner(caller, configDir);
      const paths = (await findStateDirectory(directory, host.uid))?.paths;
      const retention = paths === undefined ? DEFAULT_RETENTION : await readRetention({ paths, host });
      const pruned: Pruned =
        paths === undefined
          ? { removals: [], faults: [], postponed: [] }
          : await prune({ host, paths, retention, at: host.now() }, { isDryRun });
      const render = json ? renderPrunedJson : renderPruned;
      host.stdout.write(render(pruned, { isDryRun, retention }));
      for (const reason of pruned.postponed) host.stderr.write(`left for another day: ${reason}\n`);
      for (const fault of pruned.faults) host.stderr.write(`not removed: ${fault}\n`);
      if (pruned.faults.length > 0) finish(EXIT.io);
    });
}

interface PruneCall {
  readonly isDryRun: boolean;
  readonly retention: KeptTimes;
}

const UNITS = ["KiB", "MiB", "GiB", "TiB"];

/** A number of bytes for people: `532 B`, `3.1 GiB`. */
export function renderBytes(bytes: number): string {
  const power = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), UNITS.length);
  return power === 0 ? `${bytes} B` : `${(bytes / 1024 ** power).toFixed(1)} ${UNITS[power - 1]}`;
}

const sum = (removals: Pruned["removals"], field: "files" | "bytes"): number =>
  removals.reduce((total, removal) => total + removal[field], 0);

function renderPruned({ removals }: Pruned, { isDryRun, retention }: PruneCall): string {
  const rules = [
    `logs older than ${renderDuration(retention.logsMs)}, except those of each pipeline's newest 20 runs`,
    `history older than ${renderDuration(retention.historyMs)}, in whole months`,
    ...(retention.pipelinewiseLogsMs === undefined
      ? []
      : [
          `PipelineWise's logs older than ${renderDuration(retention.pipelinewiseLogsMs)}, except each pipeline's newest`,
        ]),
    "files in tmp that are older than a day and than every running pipeline",
  ];
  const rows = removals.map(({ kind, directory, files, bytes }) => [
    kind,
    directory,
    String(files),
    renderBytes(bytes),
  ]);
  const table = rows.length === 0 ? "" : `${renderTable(["What", "Directory", "Files", "Size"], rows)}\n`;
  const files = sum(removals, "files");
  const count = files === 1 ? "1 file" : `${files} files`;
  const total = files === 0 ? "nothing" : `${count}, ${renderBytes(sum(removals, "bytes"))}`;
  return `${table}${isDryRun ? "Would remove" : "Removed"} ${total}. These files expire:\n${rules.map((rule) => `- ${rule}\n`).join("")}`;
}

function renderPrunedJson({ removals }: Pruned, { isDryRun, retention }: PruneCall): string {
  const { logsMs, historyMs, pipelinewiseLogsMs } = retention;
  const value = {
    dryRun: isDryRun,
    retention: {
      logsSeconds: logsMs / SECOND_MS,
      historySeconds: historyMs / SECOND_MS,
      pipelinewiseLogsSeconds: pipelinewiseLogsMs === undefined ? null : pipelinewiseLogsMs / SECOND_MS,
    },
    files: sum(removals, "files"),
    bytes: sum(removals, "bytes"),
    removals,
  };
  return `${JSON.stringify(value, null, 2)}\n`;
}
