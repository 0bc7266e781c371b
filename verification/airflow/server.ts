import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type Ended, Starter } from "../../test/pipelinewise/processes.ts";
import { SYSTEM_PATH } from "../../test/support/run-program.ts";
import { waitFor } from "../../test/support/wait.ts";
import { type AirflowApi, connectApi, isHealthy } from "./api.ts";
import type { Airflow } from "./install.ts";

/** A private, running Airflow 3: a scheduler with two workers, a DAG processor and the API, on loopback. */
export interface AirflowServer extends AirflowApi {
  /** The directory of its DAG files. What is renamed into it is read within seconds, and so is what changes. */
  readonly dags: string;
  /** Its whole environment, for programs that are to meet this Airflow. */
  readonly env: Readonly<Record<string, string>>;
  /** Every living process of it: its own, and whatever its tasks have started, whoever the parent is now. */
  readonly living: () => readonly number[];
  /** Ends them all, by their pids, and takes the directory away. */
  readonly stop: () => Promise<void>;
}

const PARTS = [["api-server"], ["dag-processor"], ["scheduler", "--skip-serve-logs"]];

/**
 * Takes some twenty seconds of computing, and 0.7 GB.
 *
 * @param env what tasks find in their environment besides; a PATH goes before the system's
 */
export async function startAirflow(
  { python }: Airflow,
  { PATH, ...others }: Readonly<Record<string, string>> = {},
): Promise<AirflowServer> {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "pws-airflow-")));
  const dags = join(home, "dags");
  mkdirSync(dags);
  const base = `http://127.0.0.1:${await freePort()}`;
  const path = [dirname(python), ...(PATH === undefined ? [] : [PATH]), SYSTEM_PATH].join(":");
  const env = { ...others, ...settings({ home, dags, base }), PATH: path };
  const starter = new Starter(home);
  const run = (words: readonly string[]): Promise<Ended> =>
    starter.start(python, ["-m", "airflow", ...words], { env }).ended;
  const stop = async (): Promise<void> => {
    await starter.killAll();
    rmSync(home, { recursive: true, force: true });
  };
  try {
    const migrated = await run(["db", "migrate"]);
    if (migrated.code !== 0) throw new Error(describeEnd(["db", "migrate"], migrated));
    const broken = PARTS.map(async (words) => Promise.reject(new Error(describeEnd(words, await run(words)))));
    const ready = waitFor("Airflow's health", 150_000, async () => (await isHealthy(base)) || undefined);
    await Promise.race([ready, ...broken]);
    return { dags, env, living: () => starter.living(), stop, ...(await connectApi(base)) };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Airflow's own settings, as environment variables: they win over any file. */
function settings({ home, dags, base }: { readonly home: string; readonly dags: string; readonly base: string }) {
  const sections = {
    core: {
      load_examples: "False",
      dags_folder: dags,
      dags_are_paused_at_creation: "False",
      executor: "LocalExecutor",
      // The default starts 32 workers of 140 MB each.
      parallelism: "2",
      execution_api_server_url: `${base}/execution/`,
      simple_auth_manager_all_admins: "True",
    },
    // Its parts write into one file; by default none of them waits longer than 5 s for another.
    database: { sql_alchemy_conn: `sqlite:///${join(home, "airflow.db")}?timeout=60` },
    api: { host: "127.0.0.1", port: new URL(base).port, base_url: base, workers: "1" },
    // The parts know each other by it; without it each has one of its own.
    api_auth: { jwt_secret: randomBytes(48).toString("hex") },
    dag_processor: { refresh_interval: "1", bundle_refresh_check_interval: "1", parsing_processes: "1" },
    usage_data_collection: { enabled: "False" },
  };
  const named = Object.entries(sections).flatMap(([section, values]) =>
    Object.entries(values).map(([name, value]) => [`AIRFLOW__${section}__${name}`.toUpperCase(), value]),
  );
  // Airflow renames its processes, and would wipe out the environment by which they are found. Of a task that it kills it
  // leaves the working directory behind.
  return { ...Object.fromEntries(named), AIRFLOW_HOME: home, HOME: home, TMPDIR: home, SPT_NOENV: "1" };
}

const describeEnd = (words: readonly string[], { code, signal, stdout, stderr }: Ended): string =>
  `airflow ${words.join(" ")} ended with ${signal ?? code}:\n${stdout.slice(-3000)}${stderr.slice(-3000)}`;

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  if (address === null || typeof address === "string") throw new Error("a server on a port has none");
  return address.port;
}
