import { existsSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { tempFolder } from "../../support/host.ts";
import { waitFor } from "../rig/wait.ts";
import type { TaskInstance } from "./api.ts";
import { readDagFile } from "./dag-file.ts";
import { AIRFLOW_VERSIONS } from "./install.ts";
import { describeOnAirflow } from "./suite.ts";
import { type AirflowWorld, startAirflow } from "./world.ts";

/** The top of a DAG file that Airflow 2 and 3 read without a warning. */
const HEAD = `
from datetime import datetime, timezone
try:
    from airflow.sdk import DAG, CronTriggerTimetable
except ImportError:
    from airflow import DAG
    from airflow.timetables.trigger import CronTriggerTimetable
try:
    from airflow.providers.standard.operators.bash import BashOperator
except ImportError:
    from airflow.operators.bash import BashOperator
`;

interface Job {
  readonly cron: string;
  readonly zone?: string;
  readonly bash?: string;
}

/** A DAG with one task `run` for each job. A bash command ends with a blank: it would else be a file's name. */
function dagFile(jobs: Readonly<Record<string, Job>>): string {
  const dags = Object.entries(jobs).map(
    ([id, { cron, zone = "UTC", bash = "true" }]) => `
with DAG("${id}", schedule=CronTriggerTimetable("${cron}", timezone="${zone}"),
         start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), catchup=False):
    BashOperator(task_id="run", bash_command=${JSON.stringify(`${bash} `)})
`,
  );
  return HEAD + dags.join("");
}

function writeTemp(text: string): string {
  const file = join(tempFolder(), "dags.py");
  writeFileSync(file, text);
  return file;
}

for (const version of AIRFLOW_VERSIONS) {
  await describeOnAirflow(version, "its reading of a DAG file", (airflow) => {
    test("ids, and the starts of each, over the end of summer in London", async () => {
      const file = writeTemp(
        dagFile({ daily: { cron: "30 1 * * *", zone: "Europe/London" }, quarters: { cron: "*/15 * * * *" } }),
      );
      const asks = [
        { dag: "daily", from: new Date("2026-10-24T00:30:00Z"), to: new Date("2026-10-26T01:30:00Z") },
        { dag: "quarters", from: new Date("2026-10-25T00:45:00Z"), to: new Date("2026-10-25T01:15:00Z") },
      ];
      expect(await readDagFile(airflow, file, asks)).toEqual({
        dags: ["daily", "quarters"],
        warnings: [],
        errors: [],
        starts: [
          ["2026-10-24T00:30:00.000Z", "2026-10-25T01:30:00.000Z"],
          ["2026-10-25T00:45:00.000Z", "2026-10-25T01:00:00.000Z"],
        ],
      });
    });

    test("a warning of the file's own, even of a kind that Python hides", async () => {
      const file = writeTemp(`${HEAD}import warnings\nwarnings.warn("old ways", PendingDeprecationWarning)\n`);
      expect((await readDagFile(airflow, file)).warnings).toEqual([expect.stringContaining("old ways")]);
    });

    test("what keeps the file from being imported", async () => {
      const { dags, errors } = await readDagFile(airflow, writeTemp(`${HEAD}no_such_name\n`));
      expect(dags).toEqual([]);
      expect(errors).toEqual([expect.stringContaining("no_such_name")]);
    });
  });
}

await describeOnAirflow("3.3.2", "at work", (airflow) => {
  let world: AirflowWorld;
  beforeAll(async () => {
    world = await startAirflow(airflow, { GREETING: "hello" });
  }, 240_000);
  afterAll(() => world?.stop(), 30_000);

  /** As a scheduler must find a file: whole. */
  const put = (text: string): void => {
    const hidden = join(world.dags, ".dags.py");
    writeFileSync(hidden, text);
    renameSync(hidden, join(world.dags, "dags.py"));
  };

  const waitForTasks = (what: string, isSo: (tasks: readonly TaskInstance[]) => boolean) =>
    waitFor(what, 120_000, async () => {
      const tasks = await world.tasks();
      return isSo(tasks) ? tasks : undefined;
    });

  test("its words for exit codes 0, 99 and any other, a scheduled run's slot, and the environment", async () => {
    const slot = "{% if dag_run.run_type == 'scheduled' %}at {{ ts }}{% else %}by hand{% endif %}";
    const midnight = { cron: "0 0 * * *" };
    put(
      dagFile({
        well: { ...midnight, bash: `echo $GREETING ${slot}` },
        none: { ...midnight, bash: "exit 99" },
        ill: { ...midnight, bash: "exit 3" },
      }),
    );
    // A start_date in the past: the newest midnight is made up for at once.
    const ended = ["failed", "skipped", "success"];
    const tasks = await waitForTasks(
      "the end of three tasks",
      (all) => all.length === 3 && all.every(({ state }) => ended.includes(state ?? "")),
    );
    expect(Object.fromEntries(tasks.map(({ dag_id, state }) => [dag_id, state]))).toEqual({
      well: "success",
      none: "skipped",
      ill: "failed",
    });
    const well = tasks.find(({ dag_id }) => dag_id === "well");
    const midnightAt = /^scheduled__(.*T00:00:00\+00:00)/.exec(well?.dag_run_id ?? "")?.[1];
    expect(well && (await world.taskLog(well))).toContain(`hello at ${midnightAt}`);

    await world.ask("POST", "dags/well/dagRuns", { logical_date: null });
    const [byHand] = (
      await waitForTasks("the end of a run by hand", (all) =>
        all.some(({ dag_run_id, state }) => dag_run_id.startsWith("manual__") && state === "success"),
      )
    ).filter(({ dag_run_id }) => dag_run_id.startsWith("manual__"));
    expect(byHand && (await world.taskLog(byHand))).toContain("hello by hand");
  });

  test("a task that is marked failed gets SIGTERM, its whole group does, and none of it is left", async () => {
    const said = join(tempFolder(), "said");
    const quiet = new Set(world.living());
    const bash = `(trap 'echo inner >> ${said}; exit' TERM; echo ready >> ${said}; while :; do sleep 0.1; done) & trap 'wait; echo outer >> ${said}; exit' TERM; wait`;
    put(dagFile({ long: { cron: "0 0 * * *", bash } }));
    const heard = () => (existsSync(said) ? readFileSync(said, "utf8") : "");
    await waitFor("a task at work", 120_000, () => heard() === "ready\n" || undefined);
    const long = (await world.tasks()).find(({ dag_id }) => dag_id === "long");
    const path = `dags/long/dagRuns/${encodeURIComponent(long?.dag_run_id ?? "")}/taskInstances/run`;
    await world.ask("PATCH", path, { new_state: "failed" });
    await waitFor("its last words", 60_000, () => heard() === "ready\ninner\nouter\n" || undefined);
    await waitFor("its end", 60_000, () => world.living().every((pid) => quiet.has(pid)) || undefined);
  });

  test("stopped, it leaves no process", async () => {
    expect(world.living().length).toBeGreaterThan(3);
    await world.stop();
    expect(world.living()).toEqual([]);
  });
});
