import { basename, join } from "node:path";
import type { PipelineId } from "../../pipeline-id.ts";
import type { StatePaths } from "../../storage/paths.ts";
import { renderTable } from "../../text/table.ts";
import { hasLog, linesOf } from "./files.ts";

/** PipelineWise prints the name of each log that it begins, without the state that is added to it. */
const NAMES_LOG = /\bWriting output into (\S+\.log)\s*$/;
const STATES = ["running", "success", "failed", "terminated"];

/** The logs that PipelineWise itself wrote in a run, in order. They contain the output of its connectors. */
export async function findPipelinewiseLogs(
  { configDir }: StatePaths,
  { tap, target }: PipelineId,
  runLogs: readonly string[],
): Promise<readonly string[]> {
  const found: string[] = [];
  for (const log of runLogs) {
    for await (const line of linesOf(log)) {
      const [, path] = NAMES_LOG.exec(line) ?? [];
      if (path === undefined) continue;
      // Only its name counts: in a container or on another host the directory may have another path.
      const name = join(configDir, target, tap, "log", basename(path));
      for (const state of STATES) if (await hasLog(`${name}.${state}`)) found.push(`${name}.${state}`);
    }
  }
  return found;
}

/** The numbers in the logs of PipelineWise about the tables of a run. */
export interface TableDigest {
  /** Rows of each table. */
  readonly tables: ReadonlyMap<string, { readonly inserted: number; readonly updated: number }>;
  /** Tables that a fast sync loaded, of those that were selected. */
  readonly fastSync: { readonly loaded: number; readonly selected: number } | undefined;
}

const LOADING = /\bLoading into (\S+): (\{"inserts".*\})\s*$/;
const SELECTED = /^\s*Total tables selected to sync\s*:\s*(\d+)\s*$/;
const LOADED = /^\s*Tables loaded successfully\s*:\s*(\d+)\s*$/;

function parseCounts(text: string): { readonly inserted: number; readonly updated: number } | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const { inserts, updates }: Partial<Record<string, unknown>> = { ...value };
    return typeof inserts === "number" && typeof updates === "number"
      ? { inserted: inserts, updated: updates }
      : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** A table as people write it. A fast sync loads into a temporary table, which it then renames. */
const tableName = (text: string, line: string): string => {
  const name = text.replaceAll('"', "");
  return line.includes("fastsync") ? name.replace(/_temp$/, "") : name;
};

/** Reads the rows per table from the logs of a run: targets print them with each batch that they load. */
export async function readDigest(logs: readonly string[]): Promise<TableDigest> {
  const tables = new Map<string, { inserted: number; updated: number }>();
  let selected = 0;
  let loaded: number | undefined;
  for (const log of logs) {
    for await (const line of linesOf(log)) {
      const [, name = "", json = ""] = LOADING.exec(line) ?? [];
      const counts = json === "" ? undefined : parseCounts(json);
      if (counts !== undefined) {
        const table = tableName(name, line);
        const known = tables.get(table) ?? { inserted: 0, updated: 0 };
        tables.set(table, {
          inserted: known.inserted + counts.inserted,
          updated: known.updated + counts.updated,
        });
      }
      const total = SELECTED.exec(line)?.[1];
      if (total !== undefined) selected = Number(total);
      const done = LOADED.exec(line)?.[1];
      if (done !== undefined) loaded = Number(done);
    }
  }
  return { tables, fastSync: loaded === undefined ? undefined : { loaded, selected } };
}

/** The digest for people; empty if the logs say nothing. */
export function renderDigest({ tables, fastSync }: TableDigest): string {
  const rows = [...tables]
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([table, { inserted, updated }]) => [table, String(inserted), String(updated)]);
  return [
    ...(fastSync === undefined ? [] : [`Fast sync: ${fastSync.loaded} of ${fastSync.selected} tables loaded.\n`]),
    ...(rows.length === 0 ? [] : [renderTable(["Table", "Inserted", "Updated"], rows)]),
  ].join("\n");
}
