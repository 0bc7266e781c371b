import { mkdirSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { expect, test } from "vitest";
import { tempDirectory } from "../../test/support/host.ts";
import { runWell, SYSTEM_PATH } from "../../test/support/run-program.ts";
import { STAND_IN } from "../rig/product.ts";
import { readDagFile } from "./dag-file.ts";
import { AIRFLOW_VERSIONS } from "./install.ts";
import { describeOnAirflow } from "./suite.ts";

const EXAMPLE = resolve("examples/schedule.yml");
const PROGRAM = resolve("bin/pipelinewise-sched.cjs");
const FIVE = [1, 2, 3, 4, 5].map((number) => `pipelinewise.redshift.microserv_${number}`);

for (const version of AIRFLOW_VERSIONS) {
  await describeOnAirflow(version, "the five pipelines of the example", (airflow) => {
    test("come by one command, are read without a word, and run by `airflow dags test`", async () => {
      const home = tempDirectory();
      const dags = join(home, "airflow/dags");
      mkdirSync(dags, { recursive: true });
      const env = {
        HOME: home,
        AIRFLOW_HOME: join(home, "airflow"),
        AIRFLOW__CORE__LOAD_EXAMPLES: "False",
        PATH: [dirname(airflow.python), STAND_IN, SYSTEM_PATH].join(":"),
      };
      const run = (...words: readonly string[]) => runWell(words, { env, cwd: home, timeoutMs: 180_000 });
      const sched = (...words: readonly string[]) => run(process.execPath, PROGRAM, ...words);
      await run("pipelinewise", "import", "--dir", join(STAND_IN, "project"));

      await sched("validate", "--on", "airflow", EXAMPLE);
      await sched("install", "--on", "airflow", "--node", process.execPath, "--program", PROGRAM, EXAMPLE);
      const file = join(dags, "pipelinewise_sched_pipelinewise.py");
      expect(await readDagFile(airflow, file)).toMatchObject({ dags: FIVE, warnings: [], errors: [] });
      await run("airflow", "db", "migrate");
      await run("airflow", "dags", "test", "pipelinewise.redshift.microserv_5");
      expect(JSON.parse(await sched("history", "--json"))).toMatchObject({
        runs: [{ tap: "microserv_5", outcome: "succeeded", slot: null }],
      });
    });
  });
}
