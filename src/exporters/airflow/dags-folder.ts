import { execFile } from "node:child_process";
import { stat } from "node:fs/promises";
import { dirname, isAbsolute } from "node:path";
import { promisify } from "node:util";
import { absolutePath } from "../../config-dir.ts";
import { EXIT, errorCode, errorMessage, SchedError, StoreError } from "../../errors.ts";
import { findProgram } from "../../find-program.ts";
import type { Host } from "../../host.ts";
import type { Schedule } from "../../schedule/schedule.ts";
import { storeFault } from "../../store-fault.ts";

/** It takes 4 s on a quick machine. */
const PATIENCE_MS = 120_000;
const NAME_IT = "Name the folder in the schedule file: `airflow: {dags: /PATH/OF/dags}`.";

/** Where Airflow looks for its DAG files: as the schedule says, or else Airflow itself. @throws StoreError where that is no folder */
export async function findDagsFolder({ airflow, source }: Schedule, host: Host): Promise<string> {
  const folder =
    airflow?.dags === undefined ? await askAirflow(host) : absolutePath(airflow.dags, dirname(source.path), host);
  const found = await stat(folder).catch((error) => {
    if (errorCode(error) !== "ENOENT") throw storeFault("look at", folder, error);
  });
  if (found?.isDirectory() === true) return folder;
  throw new StoreError(`Airflow's DAGs folder ${folder} ${found === undefined ? "does not exist" : "is no folder"}`, {
    hint: airflow?.dags === undefined ? `Make it: mkdir -p '${folder}'. Or: ${NAME_IT}` : "Is `airflow.dags` right?",
  });
}

async function askAirflow(host: Pick<Host, "env">): Promise<string> {
  const program = await findProgram("airflow", host.env["PATH"]).catch((error) => {
    if (!(error instanceof SchedError) || error.exitCode !== EXIT.notFound) throw error;
    throw new StoreError(`there is no \`airflow\` on the PATH that could say where its DAGs are`, { hint: NAME_IT });
  });
  const words = ["config", "get-value", "core", "dags_folder"];
  const { stdout } = await promisify(execFile)(program, words, { env: host.env, timeout: PATIENCE_MS }).catch(
    (error) => {
      throw new StoreError(`\`airflow ${words.join(" ")}\` fails: ${lastLine(error.stderr) ?? errorMessage(error)}`, {
        cause: error,
        hint: NAME_IT,
      });
    },
  );
  // What it has to say of itself comes before.
  const answer = lastLine(stdout) ?? "";
  if (isAbsolute(answer)) return answer;
  throw new StoreError(`\`airflow ${words.join(" ")}\` says ${JSON.stringify(answer)}, which is no absolute path`, {
    hint: NAME_IT,
  });
}

const lastLine = (text: unknown): string | undefined =>
  typeof text === "string" ? text.trim().split("\n").at(-1)?.trim() || undefined : undefined;
