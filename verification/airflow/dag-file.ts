import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runWell } from "../../test/support/run-program.ts";
import type { Airflow } from "./install.ts";

const SCRIPT = join(import.meta.dirname, "dag_file.py");

/**
 * A DAG's starts in a span of time. Each takes an Airflow 0.1 to 0.2 ms of computing: a year of every five minutes some
 * twenty seconds, a year of every hour one.
 */
export interface Ask {
  readonly dag: string;
  readonly from: Date;
  /** Exclusive. */
  readonly to: Date;
}

/** A run of a DAG's only task. */
export interface Run {
  readonly dag: string;
  readonly runType: "scheduled" | "manual";
  /** From 1. */
  readonly tryNumber: number;
  /** The instant that it is scheduled for, as Airflow writes it. */
  readonly ts?: string;
}

/** The DAGs that Airflow reads in a file. */
export interface DagFile {
  /** Ids, sorted. */
  readonly dags: readonly string[];
  /** Every warning of Python's while the file was imported, with file and line, be its category shown or not. */
  readonly warnings: readonly string[];
  /** Tracebacks: a file with one has no DAGs. */
  readonly errors: readonly string[];
  /** For every ask its starts, as the timetable of that DAG has them: ISO 8601, UTC, in their order. */
  readonly starts: readonly (readonly string[])[];
  /** For every run what its bash operator hands to the shell. */
  readonly commands: readonly string[];
}

/** Has an Airflow import a DAG file, without a scheduler or a database. The time of this machine plays no part. */
export async function readDagFile(
  airflow: Airflow,
  file: string,
  { asks = [], runs = [] }: { readonly asks?: readonly Ask[]; readonly runs?: readonly Run[] } = {},
): Promise<DagFile> {
  const home = mkdtempSync(join(tmpdir(), "pws-airflow-"));
  try {
    const env = { HOME: home, AIRFLOW_HOME: home };
    const said = await runWell([airflow.python, SCRIPT, JSON.stringify({ file, asks, runs })], {
      env,
      timeoutMs: 300_000,
    });
    return JSON.parse(said.trimEnd().split("\n").at(-1) ?? "");
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}
