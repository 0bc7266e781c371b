import { constants } from "node:fs";
import { join } from "node:path";
import { errorMessage } from "../errors.ts";
import { readConfiguredPipelines } from "../install/pipelinewise.ts";
import { overlaps, type PipelineId, scopeLabel } from "../pipeline-id.ts";
import { open } from "../storage/fs.ts";

/** The parts of a tap's properties.json that are read here. Any of them may be missing. */
interface Properties {
  readonly streams?: readonly {
    readonly metadata?: readonly {
      readonly metadata?: { readonly selected?: unknown; readonly "replication-method"?: unknown };
    }[];
  }[];
}

/** Whether a run of a pipeline replicates a table LOG_BASED. */
async function isLogBased(path: string): Promise<boolean> {
  const file = await open(path, constants.O_RDONLY);
  const text = await file.readText("utf8").finally(() => file.close());
  const properties: Properties | null = JSON.parse(text);
  const tables = properties?.streams?.flatMap((stream) => stream.metadata ?? []) ?? [];
  return tables.some(({ metadata }) => metadata?.selected === true && metadata["replication-method"] === "LOG_BASED");
}

/**
 * Warnings about paused pipelines whose source keeps its write-ahead log until the next run: those that replicate
 * LOG_BASED from PostgreSQL, through a replication slot.
 */
export async function retainedWalWarnings(
  configDir: string,
  paused: readonly PipelineId[],
): Promise<readonly string[]> {
  if (paused.length === 0) return [];
  const configured = await readConfiguredPipelines(configDir).catch(() => []);
  const fromPostgres = configured.filter(
    (one) => one.type === "tap-postgres" && paused.some((pipeline) => overlaps(pipeline, one)),
  );
  const warnings = fromPostgres.map(async ({ tap, target }) => {
    const path = join(configDir, target, tap, "properties.json");
    const label = scopeLabel({ tap, target });
    try {
      if (!(await isLogBased(path))) return undefined;
      return `${label} is paused and replicates LOG_BASED from PostgreSQL. Until the next run, its replication slot makes the source keep all WAL, which can fill the disk of the source. Resume the pipeline before that`;
    } catch (error) {
      return `cannot check whether the source of ${label}, which is paused, keeps its WAL until the next run: ${path}: ${errorMessage(error)}`;
    }
  });
  return (await Promise.all(warnings)).filter((warning) => warning !== undefined);
}
