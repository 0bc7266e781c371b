import { execFileSync } from "node:child_process";
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import type { Postgres } from "./postgres.ts";
import { type Ended, type Started, Starter } from "./processes.ts";

const PROGRAM = resolve("bin/pipelinewise-sched.cjs");
const FAKE_CRONTAB = resolve("test/support/fake-crontab");
const TABLES = { shop: "orders", billing: "bills" } as const;
type Tap = keyof typeof TABLES;

/**
 * A PipelineWise project of two taps, imported: shop (orders) and billing (bills), from the database `source` to the
 * database `warehouse`. Every start of PipelineWise through `pipelinewise` is counted.
 */
export class Warehouse {
  readonly config: string;
  readonly postgres: Postgres;
  readonly #directory = mkdtempSync(join(tmpdir(), "pws-warehouse-"));
  readonly #starter = new Starter(this.#directory);
  readonly #starts = join(this.#directory, "starts");
  /** Directory with the YAML files of the project. */
  readonly project = join(this.#directory, "project");

  constructor(postgres: Postgres, pipelinewise: string) {
    this.postgres = postgres;
    this.config = join(this.#directory, "config");
    const bin = join(this.#directory, "bin");
    mkdirSync(bin);
    appendFileSync(this.#starts, "");
    const counter = `#!/bin/sh\necho "$1" >> '${this.#starts}'\nexec '${pipelinewise}' "$@"\n`;
    writeFileSync(join(bin, "pipelinewise"), counter, { mode: 0o755 });
    for (const database of ["source", "warehouse"]) postgres.query("postgres", `CREATE DATABASE ${database}`);
    for (const table of Object.values(TABLES)) {
      postgres.query("source", `CREATE TABLE ${table} (id serial PRIMARY KEY, note text)`);
    }
    this.#writeProject();
    const words = ["import", "--dir", this.project];
    // As text: a failure shows what PipelineWise printed, not a Buffer.
    execFileSync(pipelinewise, words, { env: this.#env(), stdio: "pipe", encoding: "utf8" });
  }

  async close(): Promise<void> {
    await this.#starter.killAll();
    rmSync(this.#directory, { recursive: true, force: true });
  }

  /** Puts rows into a tap's source table. */
  insert(tap: Tap, rows: number): void {
    const sql = `INSERT INTO ${TABLES[tap]} (note) SELECT 'row ' || n FROM generate_series(1, ${rows}) n`;
    this.postgres.query("source", sql);
  }

  /**
   * Starts a run that follows run policies.
   *
   * @param policies keys of the schedule file, such as `timeout: 30s`
   */
  startRunWith(tap: Tap, policies: string): Started {
    const file = this.#writeSchedule(`[{tap: ${tap}, target: dwh, cron: "0 0 1 1 *", ${policies}}]`);
    return this.start("run", "--file", file, "--tap", tap, "--target", "dwh");
  }

  /**
   * Installs a schedule into a crontab that no daemon reads.
   *
   * @param pipelines value of that key in the schedule file
   */
  install = (pipelines: string): Promise<Ended> => this.start("install", this.#writeSchedule(pipelines)).ended;

  /** The number of a tap's rows and a digest of them. */
  rowsIn(database: "source" | "warehouse", tap: Tap): string {
    const table = `${database === "source" ? "public" : "copy"}.${TABLES[tap]}`;
    const sql = `SELECT count(*), md5(string_agg(id || ' ' || note, ',' ORDER BY id)) FROM ${table}`;
    return this.postgres.query(database, sql);
  }

  stateFile = (tap: Tap): string => join(this.config, "dwh", tap, "state.json");

  /** How many of a tap's rows have arrived. */
  arrived = (tap: Tap): number => Number(this.postgres.query("warehouse", `SELECT count(*) FROM copy.${TABLES[tap]}`));

  /** Starts our program, as the user's shell would: the leader of a process group. */
  start = (...words: readonly string[]): Started =>
    this.#starter.start(process.execPath, [PROGRAM, ...words, "--config-dir", this.config], { env: this.#env() });

  startRun = (tap: Tap): Started => this.start("run", "--tap", tap, "--target", "dwh");

  run = (tap: Tap): Promise<Ended> => this.startRun(tap).ended;

  /** PipelineWise itself. */
  pipelinewise = (...words: readonly string[]): Promise<Ended> =>
    this.#starter.start(join(this.#directory, "bin", "pipelinewise"), words, { env: this.#env() }).ended;

  /** Commands that PipelineWise was started with so far. */
  startsOfPipelineWise = (): string[] => readFileSync(this.#starts, "utf8").trim().split("\n");

  living = (): readonly number[] => this.#starter.living();

  /** Whether a tap's reading of its source table waits for somebody who holds it. */
  isBlocked = (tap: Tap): boolean =>
    this.postgres.query(
      "postgres",
      `SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%${TABLES[tap]}%'`,
    ) !== "0";

  #env(): Record<string, string> {
    const home = process.env["PIPELINEWISE_HOME"] ?? join(homedir(), "pipelinewise");
    return {
      HOME: this.#directory,
      PATH: `${join(this.#directory, "bin")}:${FAKE_CRONTAB}:${dirname(process.execPath)}:/usr/bin:/bin`,
      FAKE_CRONTAB: join(this.#directory, "crontab"),
      PIPELINEWISE_CONFIG_DIRECTORY: this.config,
      ...(existsSync(home) ? { PIPELINEWISE_HOME: home } : {}),
    };
  }

  /** @returns its path */
  #writeSchedule(pipelines: string): string {
    const file = join(this.#directory, "schedule.yml");
    writeFileSync(file, `pipelines: ${pipelines}\n`);
    return file;
  }

  #writeProject(): void {
    mkdirSync(this.project);
    const connection = (database: string) => `db_conn:
  host: 127.0.0.1
  port: ${this.postgres.port}
  user: ${this.postgres.user}
  password: ${this.postgres.password}
  dbname: ${database}
`;
    const target = `id: dwh\nname: The warehouse\ntype: target-postgres\n${connection("warehouse")}`;
    writeFileSync(join(this.project, "target_dwh.yml"), target);
    for (const [tap, table] of Object.entries(TABLES)) {
      const schema = `schemas:
  - source_schema: public
    target_schema: copy
    tables:
      - table_name: ${table}
        replication_method: INCREMENTAL
        replication_key: id
`;
      const head = `id: ${tap}\nname: The ${tap}\ntype: tap-postgres\nowner: us@example.com\ntarget: dwh\n`;
      writeFileSync(join(this.project, `tap_${tap}.yml`), `${head}${connection("source")}${schema}`);
    }
  }
}
