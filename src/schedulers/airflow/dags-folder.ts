import { rm, stat } from "node:fs/promises";
import { dirname, isAbsolute } from "node:path";
import { EXIT, errorCode, errorMessage, InterruptedError, SchedError, StoreError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import type { Schedule } from "../../schedule/schedule.ts";
import { absolutePath } from "../../storage/config-dir.ts";
import { syncDirectory } from "../../storage/file.ts";
import { ioError } from "../../storage/store-error.ts";
import { type CallLimits, callProgram, lastLine } from "../../system/call-program.ts";
import { findProgram } from "../../system/find-program.ts";
import { replaceFile } from "../../system/replace-file.ts";
import { SECOND_MS } from "../../time-units.ts";

/** Limits for the `airflow` command. It takes 4 s on a fast machine. */
const LIMITS: CallLimits = { answerMs: 120 * SECOND_MS, graceMs: 2 * SECOND_MS, signalMs: 0, mostBytes: 1024 * 1024 };
const NAME_IT = "Set the directory in the schedule file: `airflow: {dags: /PATH/OF/dags}`.";

/**
 * Finds Airflow's DAGs folder: the schedule's `airflow.dags`, otherwise the one that Airflow reports.
 *
 * @throws StoreError if it is not a directory
 */
export async function findDagsFolder({ airflow, source }: Schedule, host: Host): Promise<string> {
  const directory =
    airflow?.dags === undefined ? await askAirflow(host) : absolutePath(airflow.dags, dirname(source.path), host);
  const found = await stat(directory).catch((error) => {
    if (errorCode(error) !== "ENOENT") throw ioError("check", directory, error);
  });
  if (found?.isDirectory() === true) return directory;
  throw new StoreError(
    `Airflow's DAGs folder ${directory} ${found === undefined ? "does not exist" : "is not a directory"}`,
    {
      hint:
        airflow?.dags === undefined ? `Create it: mkdir -p '${directory}'. Or: ${NAME_IT}` : "Check `airflow.dags`.",
    },
  );
}

async function askAirflow({ env, signals }: Pick<Host, "env" | "signals">): Promise<string> {
  const program = await findProgram("airflow", env["PATH"]).catch((error) => {
    if (!(error instanceof SchedError) || error.exitCode !== EXIT.notFound) throw error;
    throw new StoreError(`there is no \`airflow\` on the PATH to ask for its DAGs folder`, { hint: NAME_IT });
  });
  const words = ["config", "get-value", "core", "dags_folder"];
  const failed = (why: string, cause?: unknown): StoreError =>
    new StoreError(`\`airflow ${words.join(" ")}\` failed: ${why}`, { cause, hint: NAME_IT });
  const called = await callProgram([program, ...words], { env, signals, limits: LIMITS }).catch((error) => {
    throw error instanceof InterruptedError ? error : failed(errorMessage(error), error);
  });
  const { exitCode, signal, stdout, stderr } = called;
  if (exitCode !== 0) throw failed(lastLine(stderr) ?? `it ended with ${signal ?? exitCode}`);
  // Airflow may print other messages first.
  const answer = lastLine(stdout) ?? "";
  if (isAbsolute(answer)) return answer;
  throw new StoreError(
    `\`airflow ${words.join(" ")}\` printed ${JSON.stringify(answer)}, which is not an absolute path`,
    {
      hint: NAME_IT,
    },
  );
}

/** Mode of the file. Airflow may run as another user. */
const MODE = 0o644;

/** Writes a DAG file. Airflow ignores the temporary file. */
export async function writeWhole(path: string, text: string): Promise<void> {
  await replaceFile(path, text, MODE);
  // The file is in place. If a power failure removes it now, the next install writes it again.
  await syncDirectory(dirname(path)).catch(() => {});
}

export async function removeWhole(path: string): Promise<void> {
  await rm(path, { force: true }).catch((error) => {
    throw ioError("remove", path, error);
  });
}
