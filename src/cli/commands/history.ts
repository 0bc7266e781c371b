import { type Command, Option } from "commander";
import { type HistoryFault, streamHistory } from "../../history/read.ts";
import type { Host } from "../../host.ts";
import { findStateDirectory } from "../../storage/directory.ts";
import { statePaths } from "../../storage/paths.ts";
import { writeWithBackpressure } from "../../system/output-stream.ts";
import { keepHeapSmall } from "../../system/small-heap.ts";
import { paintFor } from "../../text/colors.ts";
import { examples } from "../command.ts";
import { renderHistoryCsv, renderHistoryJson } from "../history/export.ts";
import { foldRows } from "../history/rows.ts";
import { parseLimit, parseOutcomes, readSelection, type SelectFlags } from "../history/select.ts";
import { summarizeHistory } from "../history/summary.ts";
import { historyTable } from "../history/table.ts";
import { assertKnown } from "../known-pipelines.ts";
import { actAsOwner } from "../switch-user.ts";

interface HistoryFlags extends SelectFlags {
  readonly unfold?: boolean;
  readonly wide?: boolean;
  readonly json?: boolean;
  readonly csv?: boolean;
  readonly configDir?: string;
}

export function addHistory(command: Command, caller: Host): void {
  command
    .option("--tap <tap>", "only runs of this tap")
    .option("--target <target>", "only runs into this target")
    .option("--outcome <outcomes>", "only these outcomes, separated by commas, such as failed,lost", parseOutcomes)
    .option("--host <host>", "only runs on this host")
    .option(
      "--since <time>",
      "only what ended at this time or later: an instant, or a duration before now, such as 24h",
    )
    .option("--until <time>", "only what ended before this time")
    .option("--limit <n>", "maximum number of rows to show, or all (default: 20; with --since: all)", parseLimit)
    .option("--unfold", "show each skip in a row of its own")
    .option("--wide", "show all columns, with details and the path of each log, whatever their width")
    .addOption(new Option("--json", 'print {"runs": [...]}').conflicts("csv"))
    .option("--csv", "print CSV, one line for each run or skip")
    .option("--config-dir <dir>", "PipelineWise's config directory")
    .addHelpText("after", examples("history --tap orders --since 24h", "history --outcome failed,lost --json"))
    .action(async (flags: HistoryFlags) => {
      keepHeapSmall();
      const { filter, limit } = readSelection(flags, caller.now());
      const { host, configDir } = await actAsOwner(caller, flags.configDir);
      const state = await findStateDirectory(configDir, host.uid);
      const { tap, target } = filter;
      await assertKnown(state?.paths ?? statePaths(configDir), { tap, target }, host);
      const faults: HistoryFault[] = [];
      const records =
        state === undefined ? noRecords() : streamHistory(state.paths, filter, (fault) => faults.push(fault));
      const passOn = writeWithBackpressure(host.stdout);
      const write = async (pieces: AsyncIterable<string>) => {
        for await (const piece of pieces) if (!(await passOn(piece))) return;
      };
      if (flags.json === true) await write(renderHistoryJson(records, limit));
      else if (flags.csv === true) await write(renderHistoryCsv(records, limit));
      else {
        const rows = foldRows(records, { limit, unfold: flags.unfold === true });
        await write(renderText(rows, { flags, host, directory: configDir }));
      }
      host.stderr.write(renderFaults(faults));
    });
}

async function* noRecords(): AsyncGenerator<never> {}

interface TextContext {
  readonly flags: HistoryFlags;
  readonly host: Host;
  readonly directory: string;
}

async function* renderText(
  batches: ReturnType<typeof foldRows>,
  { flags, host, directory }: TextContext,
): AsyncGenerator<string> {
  const wide = flags.wide === true;
  const width = host.stdout.isTTY === true && !wide ? host.stdout.columns : undefined;
  const renderRows = historyTable({ width, hasLog: wide, paint: paintFor(host) });
  const summary = summarizeHistory();
  let isEmpty = true;
  for await (const rows of batches) {
    isEmpty = false;
    summary.add(rows);
    yield renderRows(rows);
  }
  if (!isEmpty) yield `\n${summary.render()}\n`;
  else {
    const { tap, target, host: on, outcome, since, until } = flags;
    const isSelected = [tap, target, on, outcome, since, until].some((value) => value !== undefined);
    yield `No run${isSelected ? " that these options select" : ""} is recorded in ${directory}/.sched.\n`;
  }
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
