import { execFile } from "node:child_process";
import { constants } from "node:fs";
import { lstat, open, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join } from "node:path";
import { promisify } from "node:util";
import { EXIT, errorCode, errorMessage, SchedError, StoreError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import type { Schedule } from "../../schedule/schedule.ts";
import { absolutePath } from "../../storage/config-dir.ts";
import { syncFolder } from "../../storage/file.ts";
import { storeFault } from "../../storage/store-error.ts";
import { findProgram } from "../../system/find-program.ts";

/** It takes 4 s on a quick machine. */
const PATIENCE_MS = 120_000;
const NAME_IT = "Set the directory in the schedule file: `airflow: {dags: /PATH/OF/dags}`.";

/** Where Airflow looks for its DAG files: as the schedule says, or else Airflow itself. @throws StoreError where that is no folder */
export async function findDagsFolder({ airflow, source }: Schedule, host: Host): Promise<string> {
  const folder =
    airflow?.dags === undefined ? await askAirflow(host) : absolutePath(airflow.dags, dirname(source.path), host);
  const found = await stat(folder).catch((error) => {
    if (errorCode(error) !== "ENOENT") throw storeFault("check", folder, error);
  });
  if (found?.isDirectory() === true) return folder;
  throw new StoreError(
    `Airflow's DAGs folder ${folder} ${found === undefined ? "does not exist" : "is not a directory"}`,
    {
      hint: airflow?.dags === undefined ? `Create it: mkdir -p '${folder}'. Or: ${NAME_IT}` : "Check `airflow.dags`.",
    },
  );
}

async function askAirflow(host: Pick<Host, "env">): Promise<string> {
  const program = await findProgram("airflow", host.env["PATH"]).catch((error) => {
    if (!(error instanceof SchedError) || error.exitCode !== EXIT.notFound) throw error;
    throw new StoreError(`there is no \`airflow\` on the PATH to ask for its DAGs folder`, { hint: NAME_IT });
  });
  const words = ["config", "get-value", "core", "dags_folder"];
  const { stdout } = await promisify(execFile)(program, words, { env: host.env, timeout: PATIENCE_MS }).catch(
    (error) => {
      throw new StoreError(`\`airflow ${words.join(" ")}\` failed: ${lastLine(error.stderr) ?? errorMessage(error)}`, {
        cause: error,
        hint: NAME_IT,
      });
    },
  );
  // What it has to say of itself comes before.
  const answer = lastLine(stdout) ?? "";
  if (isAbsolute(answer)) return answer;
  throw new StoreError(
    `\`airflow ${words.join(" ")}\` printed ${JSON.stringify(answer)}, which is not an absolute path`,
    {
      hint: NAME_IT,
    },
  );
}

const lastLine = (text: unknown): string | undefined =>
  typeof text === "string" ? text.trim().split("\n").at(-1)?.trim() || undefined : undefined;

/** What stands at the path of a DAG file; `not-a-file`: a link, a folder. */
export type FoundFile = { readonly kind: "absent" | "not-a-file" } | { readonly kind: "file"; readonly text: string };

export async function readFound(path: string): Promise<FoundFile> {
  try {
    if (!(await lstat(path)).isFile()) return { kind: "not-a-file" };
    return { kind: "file", text: await readFile(path, "utf8") };
  } catch (error) {
    if (errorCode(error) === "ENOENT") return { kind: "absent" };
    throw storeFault("read", path, error);
  }
}

const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
/** Airflow's parts may run as another user than ours. */
const MODE = 0o644;

/**
 * Writes a file that Airflow may read at any moment: it finds the old text or the new one. Meanwhile the new one lies in
 * the same folder, by a name that Airflow passes over.
 */
export async function writeWhole(path: string, text: string, { name, pid }: Pick<Host, "name" | "pid">): Promise<void> {
  const beside = join(dirname(path), `.${basename(path)}.${name}.${pid}.tmp`);
  try {
    const file = await open(beside, FLAGS, MODE);
    try {
      await file.writeFile(text);
      // Whatever the umask is.
      await file.chmod(MODE);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true }).catch(() => {});
    throw storeFault("write", path, error);
  }
  // The file stands: what a power cut takes away now, the next install brings back.
  await syncFolder(dirname(path)).catch(() => {});
}

export async function removeWhole(path: string): Promise<void> {
  await rm(path, { force: true }).catch((error) => {
    throw storeFault("remove", path, error);
  });
}
