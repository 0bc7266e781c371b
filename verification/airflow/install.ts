import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type RunOptions, runWell } from "../../test/support/run-program.ts";

/** An Airflow of the test's own, installed from PyPI by its name and version. */
export interface Airflow {
  readonly version: string;
  /** Absolute path of the Python that has it. */
  readonly python: string;
}

const UV = "uv==0.13.9";
const RUFF = "ruff@0.17.6";

/** Airflow, and the packages that compute its times and run its commands. */
const PINNED = {
  "3.3.2": ["apache-airflow==3.3.2", "apache-airflow-providers-standard==1.21.0", "croniter==7.0.0", "pendulum==3.3.0"],
  "2.11.2": ["apache-airflow==2.11.2", "croniter==7.0.0", "pendulum==3.3.0"],
} as const;

export type AirflowVersion = keyof typeof PINNED;

/** Newest first. */
export const AIRFLOW_VERSIONS: readonly AirflowVersion[] = ["3.3.2", "2.11.2"];

/** Pythons that every version here runs on. uv takes the first that it finds on the PATH. */
const PYTHONS = ">=3.10,<3.13";

const CACHE = resolve("node_modules/.cache/pipelinewise-sched/airflow");

/**
 * Gives an Airflow; installs it first when it is not here yet, in a cache beside the dependencies.
 *
 * @throws where there is no Python with venv, or PyPI is out of reach
 */
export async function installAirflow(version: AirflowVersion): Promise<Airflow> {
  const directory = join(CACHE, version);
  const python = join(directory, "bin", "python");
  const wanted = PINNED[version].join("\n");
  const complete = join(directory, "complete");
  if (existsSync(complete) && readFileSync(complete, "utf8") === wanted) return { version, python };
  mkdirSync(CACHE, { recursive: true });
  rmSync(directory, { recursive: true, force: true });
  const uv = await installUv();
  await runWell([uv, "venv", "--quiet", "--python", PYTHONS, directory], OUTSIDE);
  await runWell([uv, "pip", "install", "--quiet", "--python", python, ...PINNED[version]], OUTSIDE);
  writeFileSync(complete, wanted);
  return { version, python };
}

/** pip alone takes minutes for an Airflow, uv some seconds. */
async function installUv(): Promise<string> {
  const directory = join(CACHE, UV);
  const program = join(directory, "bin", "uv");
  if (existsSync(program)) return program;
  await runWell(["python3", "-m", "venv", directory], OUTSIDE);
  await runWell([join(directory, "bin", "python"), "-m", "pip", "install", "--quiet", UV], OUTSIDE);
  return program;
}

/** Runs ruff, which uv installs first if it is not in uv's cache. @throws if ruff finds a fault */
export const runRuff = async (...words: readonly string[]): Promise<string> => {
  mkdirSync(CACHE, { recursive: true });
  return runWell([await installUv(), "tool", "run", RUFF, ...words], OUTSIDE);
};

/** A way out to PyPI is in the environment: proxies, certificates, an index of the house. */
const OUTSIDE: RunOptions = {
  env: Object.fromEntries(
    Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  ),
  timeoutMs: 300_000,
};
