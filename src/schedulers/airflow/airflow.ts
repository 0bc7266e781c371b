import { join } from "node:path";
import { errorMessage, StoreError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { entryPath } from "../../pipeline-id.ts";
import {
  type ExportDoubt,
  type ExportedSchedule,
  type Exporter,
  type ExportJob,
  NothingDoneError,
  type PreparedPlan,
} from "../scheduler.ts";
import { dagId, dagIdFault } from "./dag.ts";
import { dagFileName, markOf, readDagFile, renderDagFile } from "./dag-file.ts";
import { findDagsFolder, readFound, removeWhole, writeWhole } from "./dags-folder.ts";
import { demandOurs, leftInAirflow, planFile } from "./diff.ts";
import { airflowStarts } from "./timetable.ts";

/** Apache Airflow, by one file in its DAGs folder: a DAG for each pipeline, and nothing else of it is touched. */
export const airflow: Exporter = {
  name: "airflow",
  title: "Apache Airflow",
  check: ({ schedule }) =>
    schedule.pipelines.flatMap((pipeline, index) => idDoubts(dagId(schedule.name, pipeline), index)),
  render: (job, standing) => {
    const name = dagFileName(job.schedule.name);
    return [{ name, text: renderDagFile(job, readDagFile(standing?.(name) ?? "")) }];
  },
  prepareInstall,
  prepareUninstall,
};

function idDoubts(id: string, index: number): readonly ExportDoubt[] {
  const fault = dagIdFault(id);
  const hint = "Shorten the schedule's `name`, or the ids of tap and target.";
  return fault === undefined ? [] : [{ severity: "error", path: ["pipelines", index], message: fault, hint }];
}

async function prepareInstall(
  job: ExportJob,
  host: Host,
  { replace }: { readonly replace: boolean },
): Promise<PreparedPlan> {
  const { schedule, machineZone, horizon } = job;
  const folder = await findDagsFolder(schedule, host);
  const path = join(folder, dagFileName(schedule.name));
  const found = await readFound(path);
  const before = demandOurs(path, found, markOf(job), { replace });
  const text = renderDagFile(job, before);
  const change = planFile(path, found, text, schedule.pipelines.length);
  const loose = schedule.pipelines.filter(
    ({ crons, timezone }) => airflowStarts({ crons, zone: timezone ?? machineZone }, horizon).kind !== "exact",
  );
  return {
    plan: { changes: [change], warnings: [] },
    place: { dags: folder },
    loose: loose.map(entryPath),
    apply: async () => {
      if (change.kind === "unchanged") return [];
      await orNothing(writeWhole(path, text, host));
      const kept = new Set(readDagFile(text)?.dags.keys());
      const gone = new Map([...(before?.dags ?? [])].filter(([id]) => !kept.has(id)));
      return [before === undefined ? SOON_FOUND : SOON_READ, ...leftInAirflow(gone, markOf(job))];
    },
  };
}

const SOON_FOUND = "By default, Airflow finds a new file within 5 minutes; then `airflow dags list` shows its DAGs.";
const SOON_READ = "By default, Airflow reads a changed file within 30 seconds.";

async function prepareUninstall({ name, configDir, place }: ExportedSchedule): Promise<PreparedPlan> {
  const { dags: folder } = place;
  if (folder === undefined) {
    throw new StoreError("the stored schedule does not say where its DAG file is", {
      hint: "Install it on airflow again, then uninstall it.",
    });
  }
  const path = join(folder, dagFileName(name));
  const found = await readFound(path);
  const installed = found.kind === "file" ? readDagFile(found.text) : undefined;
  const isOurs = installed?.mark.schedule === name && installed.mark.configDir === configDir;
  return {
    plan: {
      changes: isOurs ? [{ kind: "removed", what: `DAG file ${path}`, differences: [] }] : [],
      warnings: isOurs
        ? []
        : [
            found.kind === "absent"
              ? `${path} was already removed`
              : `${path} does not belong to this schedule and was left in place`,
          ],
    },
    place,
    apply: async () => {
      if (!isOurs) return [];
      await orNothing(removeWhole(path));
      return leftInAirflow(installed.dags, installed.mark);
    },
  };
}

/** One file is written, or taken away, as a whole. */
async function orNothing(act: Promise<void>): Promise<void> {
  await act.catch((error) => {
    if (!(error instanceof StoreError)) throw error;
    throw new NothingDoneError(
      errorMessage(error),
      error.hint === undefined ? { cause: error } : { cause: error, hint: error.hint },
    );
  });
}
