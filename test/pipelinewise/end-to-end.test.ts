import { existsSync, readdirSync, readFileSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { DAY_MS } from "../../src/time-units.ts";
import { until } from "../support/wait.ts";
import { findPostgres, Postgres } from "./postgres.ts";
import { findPipelineWise, WITHOUT_PIPELINEWISE } from "./real.ts";
import { Warehouse } from "./warehouse.ts";

const pipelinewise = findPipelineWise();
const server = findPostgres();
const missing =
  pipelinewise === undefined ? WITHOUT_PIPELINEWISE : "skipped: no PostgreSQL server below /usr/lib/postgresql";

describe.skipIf(pipelinewise === undefined || server === undefined)(
  pipelinewise === undefined || server === undefined
    ? missing
    : `our run with ${pipelinewise}, from PostgreSQL to PostgreSQL`,
  () => {
    let postgres: Postgres;
    let warehouse: Warehouse;

    beforeAll(async () => {
      postgres = await Postgres.start(server ?? "");
      warehouse = new Warehouse(postgres, pipelinewise ?? "");
    });
    afterAll(async () => {
      await warehouse?.close();
      await postgres?.stop();
    });

    test("moves rows, by fastsync first and by singer after", async () => {
      warehouse.insert("shop", 1000);
      expect(await warehouse.run("shop")).toMatchObject({ code: 0 });
      expect(warehouse.arrived("shop")).toBe(1000);
      warehouse.insert("shop", 234);
      const { code, stdout } = await warehouse.run("shop");
      expect(code).toBe(0);
      expect(stdout).toContain("    Status  : SUCCESS\n");
      expect(warehouse.arrived("shop")).toBe(1234);
      expect(await newest("shop")).toMatchObject({ outcome: "succeeded", exitCode: 0 });
    });

    test("logs --pipelinewise shows the logs of fastsync and singer that belong to a run", async () => {
      const runs = (await history("shop")).filter(({ outcome }) => outcome === "succeeded");
      const kinds = runs.map(async ({ id }) => {
        const { code, stdout } = await warehouse.start("logs", "--run", id, "--pipelinewise").ended;
        expect(code).toBe(0);
        expect(stdout).toMatch(/Loading into copy\."orders\w*": \{"inserts": \d+, "updates": \d+/);
        return [...stdout.matchAll(/^==> .*\.(fastsync|singer)\.log\.success <==$/gm)].map(([, kind]) => kind);
      });
      // The newest first.
      expect(await Promise.all(kinds)).toEqual([["singer"], ["fastsync", "singer"]]);
    });

    test("a second run meanwhile is skipped with 75, before PipelineWise starts", async () => {
      const release = await postgres.holdTable("source", "orders");
      const first = warehouse.startRun("shop");
      await until("the tap waits for its table", () => warehouse.isBlocked("shop"));
      const starts = warehouse.startsOfPipelineWise();
      const second = await warehouse.run("shop");
      expect(second).toMatchObject({ code: 75, stdout: "" });
      expect(second.stderr).toContain(String(first.pid));
      expect(warehouse.startsOfPipelineWise()).toEqual(starts);
      await release();
      expect((await first.ended).code).toBe(0);
      expect(await outcomes("shop")).toEqual(["succeeded", "skipped", "succeeded", "succeeded"]);
    });

    test("prune removes what a killed run has left in tmp, and no file of a running one", async () => {
      const directory = join(warehouse.config, "tmp");
      const settings = () => readdirSync(directory).filter((name) => /^target_config_.+\.json$/.test(name));
      const releaseFirst = await postgres.holdTable("source", "orders");
      const killed = warehouse.startRun("shop");
      await until("the tap waits for its table", () => warehouse.isBlocked("shop"));
      process.kill(
        Number(readFileSync(join(dirname(warehouse.stateFile("shop")), "pipelinewise.pid"), "utf8")),
        "SIGKILL",
      );
      // The tap is running until it gets its rows, and the run waits for it.
      await releaseFirst();
      expect((await killed.ended).code).not.toBe(0);
      const left = settings();
      expect(left).toHaveLength(1);
      expect(readFileSync(join(directory, left[0] ?? ""), "utf8")).toContain('"password"');
      const old = new Date(Date.now() - 2 * DAY_MS);
      for (const name of readdirSync(directory)) utimesSync(join(directory, name), old, old);
      const release = await postgres.holdTable("source", "orders");
      const running = warehouse.startRun("shop");
      await until("the tap waits for its table", () => warehouse.isBlocked("shop"));
      expect(settings()).toHaveLength(2);
      expect(await warehouse.start("prune").ended).toMatchObject({ code: 0, stderr: "" });
      expect(settings()).toHaveLength(1);
      expect(settings()).not.toEqual(left);
      await release();
      expect((await running.ended).code).toBe(0);
    });

    test("a failing tap is 'failed' with PipelineWise's code 1", async () => {
      warehouse.insert("billing", 10);
      expect((await warehouse.run("billing")).code).toBe(0);
      postgres.query("source", "ALTER TABLE bills RENAME TO bills_of_old");
      const { code, stdout } = await warehouse.run("billing");
      expect(code).toBe(1);
      expect(stdout).toContain("    Status  : FAILED\n");
      expect(await newest("billing")).toMatchObject({ outcome: "failed", exitCode: 1 });
    });

    test("our status agrees with PipelineWise's", async () => {
      const ours = await warehouse.start("status", "--json").ended;
      const theirs = await warehouse.pipelinewise("status");
      const rows = theirs.stdout.split("\n").filter((line) => / target-postgres /.test(line));
      expect(rows).toHaveLength(2);
      const pipelines: { tap: string }[] = JSON.parse(ours.stdout).pipelines;
      for (const row of rows) {
        const [tap, tapType, target, targetType, enabled, status, lastSync, lastSyncResult] = row.trim().split(/ {2,}/);
        expect(pipelines.find((pipeline) => pipeline.tap === tap)).toMatchObject({
          tap,
          tapType,
          target,
          targetType,
          enabled: enabled === "True",
          status,
          lastSync,
          lastSyncResult,
        });
      }
    });

    test("Ctrl-C stops the whole tree and leaves no process", async () => {
      const log = join(warehouse.config, "dwh", "shop", "log");
      const terminated = () => readdirSync(log).filter((name) => name.endsWith(".terminated")).length;
      const before = terminated();
      const release = await postgres.holdTable("source", "orders");
      const run = warehouse.startRun("shop");
      await until("the tap waits for its table", () => warehouse.isBlocked("shop"));
      process.kill(-run.pid, "SIGINT");
      expect((await run.ended).code).toBe(130);
      expect(warehouse.living()).toEqual([]);
      await release();
      expect(existsSync(join(warehouse.config, "dwh", "shop", "pipelinewise.pid"))).toBe(false);
      expect(terminated()).toBe(before + 1);
      expect(await newest("shop")).toMatchObject({ outcome: "stopped" });
      expect((await warehouse.run("shop")).code).toBe(0);
    });

    test("import waits for a running tap, then imports the project and leaves the state alone", async () => {
      const before = readFileSync(warehouse.stateFile("shop"), "utf8");
      const release = await postgres.holdTable("source", "orders");
      const run = warehouse.startRun("shop");
      await until("the tap waits for its table", () => warehouse.isBlocked("shop"));
      const starts = warehouse.startsOfPipelineWise();
      const importing = warehouse.start("import", "--dir", warehouse.project);
      await until("the import waits for the tap", () => importing.stderr().includes("waiting: shop → dwh"));
      expect(warehouse.startsOfPipelineWise()).toEqual(starts);
      await release();
      expect((await run.ended).code).toBe(0);
      // The discovery of the tap `billing` fails, because its table was renamed; the project is imported nevertheless.
      expect((await importing.ended).stdout).toContain("IMPORTING YAML CONFIGS FINISHED");
      expect(warehouse.startsOfPipelineWise()).toEqual([...starts, "import_config"]);
      expect(JSON.parse(readFileSync(warehouse.stateFile("shop"), "utf8"))).toEqual(JSON.parse(before));
      warehouse.insert("shop", 6);
      expect((await warehouse.run("shop")).code).toBe(0);
      expect(warehouse.arrived("shop")).toBe(1240);
    });

    test("a torn state.json keeps PipelineWise from starting; after state restore the rows are right", async () => {
      const path = warehouse.stateFile("shop");
      writeFileSync(path, readFileSync(path, "utf8").slice(0, 30));
      const starts = warehouse.startsOfPipelineWise();
      expect(await warehouse.run("shop")).toMatchObject({ code: 1 });
      expect(warehouse.startsOfPipelineWise()).toEqual(starts);
      expect(await newest("shop")).toMatchObject({ outcome: "failed", reason: "state" });
      const restored = await warehouse.start("state", "restore", "--tap", "shop", "--target", "dwh").ended;
      expect(restored).toMatchObject({ code: 0 });
      warehouse.insert("shop", 10);
      const { code, stdout } = await warehouse.run("shop");
      expect(code).toBe(0);
      expect(stdout).not.toContain("by fastsync/partialsync: ['public-orders']");
      expect(warehouse.arrived("shop")).toBe(1250);
    });

    interface Row {
      readonly id: string;
      readonly outcome: string;
      readonly exitCode?: number;
    }

    async function history(tap: string): Promise<Row[]> {
      const { stdout } = await warehouse.start("history", "--tap", tap, "--json").ended;
      return JSON.parse(stdout).runs;
    }
    const newest = async (tap: string) => (await history(tap))[0];
    const outcomes = async (tap: string) => (await history(tap)).map(({ outcome }) => outcome);
  },
);
