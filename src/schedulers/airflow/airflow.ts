import { join } from "node:path";
import { StoreError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { contentDigest } from "../../installed/compile.ts";
import { entryPath } from "../../pipeline-id.ts";
import type { Diagnostic } from "../../schedule/diagnostic.ts";
import { hasTimes } from "../../schedule/schedule.ts";
import { findFile } from "../../system/find-file.ts";
import { catchUpWarning } from "../catch-up-warning.ts";
import type { TakeOver } from "../owner-mark.ts";
import {
  allOrNothing,
  decadesFrom,
  type InstallJob,
  type InstallProblem,
  type PreparedInstall,
  type PreparedPlan,
  type Scheduler,
  type SchedulerInstall,
  type StoredAtScheduler,
} from "../scheduler.ts";
import { dagId, dagIdFault } from "./dag.ts";
import { dagFileName, markOf, readDagFile, renderDagFile } from "./dag-file.ts";
import { findDagsFolder, removeWhole, writeWhole } from "./dags-folder.ts";
import { assertOurs, leftInAirflow, planFile } from "./diff.ts";
import { airflowStarts } from "./timetable.ts";

/** Apache Airflow: one file in its DAGs folder with a DAG for each pipeline. Nothing else of Airflow is changed. */
export const airflow: Scheduler = {
  name: "airflow",
  title: "Apache Airflow",
  removeByHand: "delete the schedule's DAG file by hand",
  needsConfigDir: true,
  hasWorkers: true,
  horizon: decadesFrom,
  check: ({ schedule }) => [
    ...schedule.pipelines.flatMap((pipeline, index) => idDoubts(dagId(schedule.name, pipeline), index)),
    ...catchUpWarning(schedule, "Airflow", CATCHES_UP_ITSELF),
  ],
  candidates: ({ schedule, machineZone, horizon }) =>
    schedule.pipelines
      .filter(
        ({ crons, timezone }) => airflowStarts({ crons, zone: timezone ?? machineZone }, horizon).kind !== "exact",
      )
      .map(entryPath),
  render: (job, existing) => {
    const name = dagFileName(job.schedule.name);
    return [{ name, text: renderDagFile(job, readDagFile(existing?.(name) ?? "")) }];
  },
  isExport: (text) => readDagFile(text) !== undefined,
  prepareInstall,
  prepareUninstall,
  inspect,
};

const CATCHES_UP_ITSELF =
  "Remove the key if this schedule runs only there: after downtime, Airflow itself runs the newest missed time, however old it is.";

function idDoubts(id: string, index: number): readonly Diagnostic[] {
  const fault = dagIdFault(id);
  const hint = "Shorten the schedule's `name`, or the ids of tap and target.";
  return fault === undefined ? [] : [{ severity: "error", path: ["pipelines", index], message: fault, hint }];
}

async function prepareInstall(job: InstallJob, host: Host, takeOver: TakeOver): Promise<PreparedInstall> {
  const { schedule } = job;
  const directory = await findDagsFolder(schedule, host);
  const path = join(directory, dagFileName(schedule.name));
  const found = await findFile(path);
  const before = assertOurs(path, found, markOf(job), takeOver);
  const text = renderDagFile(job, before);
  const count = schedule.pipelines.filter(hasTimes).length + (job.isTended === true ? 1 : 0);
  const change = planFile(path, found, text, count);
  return {
    plan: { changes: [change], warnings: [] },
    stored: { place: { dags: directory }, written: { [dagFileName(schedule.name)]: contentDigest(text) } },
    apply: async () => {
      if (change.kind === "unchanged") return [];
      await allOrNothing(() => writeWhole(path, text));
      const kept = new Set(readDagFile(text)?.dags.keys());
      const gone = new Map([...(before?.dags ?? [])].filter(([id]) => !kept.has(id)));
      return [before === undefined ? SOON_FOUND : SOON_READ, ...leftInAirflow(gone, markOf(job))];
    },
  };
}

const SOON_FOUND = "By default, Airflow finds a new file within 5 minutes; then `airflow dags list` shows its DAGs.";
const SOON_READ = "By default, Airflow reads a changed file within 30 seconds.";

/** The DAG file of an installed schedule; `installed` is `undefined` unless the file belongs to the schedule. */
async function findInstalled({ name, configDir, place }: SchedulerInstall) {
  const { dags: directory } = place;
  if (directory === undefined) {
    throw new StoreError("the stored schedule does not say where its DAG file is", {
      hint: "Install it on airflow again, then uninstall it.",
    });
  }
  const path = join(directory, dagFileName(name));
  const found = await findFile(path);
  const dags = found.kind === "file" ? readDagFile(found.text) : undefined;
  const isOurs = dags?.mark.schedule === name && dags.mark.configDir === configDir;
  return { path, found, installed: isOurs ? dags : undefined };
}

async function inspect(stored: StoredAtScheduler): Promise<readonly InstallProblem[]> {
  const { path, found, installed } = await findInstalled(stored);
  const written = stored.written[dagFileName(stored.name)];
  if (installed !== undefined && found.kind === "file") {
    if (written === undefined || written === contentDigest(found.text)) return [];
    const message = `the DAG file ${path} was edited after it was installed, so Airflow may not start the pipelines of the schedule ${stored.name} as they were installed`;
    return [{ message, differs: true }];
  }
  const what = found.kind === "absent" ? "does not exist" : `does not belong to the schedule ${stored.name}`;
  return [{ message: `the DAG file ${path} ${what}, so Airflow starts none of its pipelines`, differs: true }];
}

async function prepareUninstall(stored: SchedulerInstall): Promise<PreparedPlan> {
  const { path, found, installed } = await findInstalled(stored);
  const isOurs = installed !== undefined;
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
    apply: async () => {
      if (!isOurs) return [];
      await allOrNothing(() => removeWhole(path));
      return leftInAirflow(installed.dags, installed.mark);
    },
  };
}
