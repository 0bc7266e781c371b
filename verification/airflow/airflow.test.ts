import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempDirectory } from "../../test/support/host.ts";
import { readDagFile } from "./dag-file.ts";
import { AIRFLOW_VERSIONS } from "./install.ts";
import { describeOnAirflow } from "./suite.ts";

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
}

/** A DAG with one task `run` for each job. */
function dagFile(jobs: Readonly<Record<string, Job>>): string {
  const dags = Object.entries(jobs).map(
    ([id, { cron, zone = "UTC" }]) => `
with DAG("${id}", schedule=CronTriggerTimetable("${cron}", timezone="${zone}"),
         start_date=datetime(2026, 1, 1, tzinfo=timezone.utc), catchup=False):
    BashOperator(task_id="run", bash_command="true")
`,
  );
  return HEAD + dags.join("");
}

function writeTemp(text: string): string {
  const file = join(tempDirectory(), "dags.py");
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
      expect(await readDagFile(airflow, file, { asks })).toEqual({
        dags: ["daily", "quarters"],
        warnings: [],
        errors: [],
        starts: [
          ["2026-10-24T00:30:00.000Z", "2026-10-25T01:30:00.000Z"],
          ["2026-10-25T00:45:00.000Z", "2026-10-25T01:00:00.000Z"],
        ],
        commands: [],
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
