import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { until } from "../support/wait.ts";
import { findPostgres, Postgres } from "./postgres.ts";
import { findPipelineWise, WITHOUT_PIPELINEWISE } from "./real.ts";
import { Warehouse } from "./warehouse.ts";

const pipelinewise = findPipelineWise();
const server = findPostgres();
const missing =
  pipelinewise === undefined ? WITHOUT_PIPELINEWISE : "skipped: no PostgreSQL server below /usr/lib/postgresql";

describe.skipIf(pipelinewise === undefined || server === undefined)(
  pipelinewise === undefined || server === undefined ? missing : `run policies with ${pipelinewise}`,
  () => {
    let postgres: Postgres;
    let warehouse: Warehouse;

    beforeAll(async () => {
      postgres = await Postgres.start(server ?? "");
      warehouse = new Warehouse(postgres, pipelinewise ?? "");
      warehouse.insert("shop", 10);
      expect((await warehouse.run("shop")).code).toBe(0);
    });
    afterAll(async () => {
      await warehouse?.close();
      await postgres?.stop();
    });

    const isArriving = () =>
      postgres.query("postgres", "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory'") !== "0";

    /** Lets the target wait for an advisory lock before it writes a row with a higher id. */
    function stopArrivalsAfter(id: number): void {
      postgres.query(
        "warehouse",
        `CREATE FUNCTION wait_for_test() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
           IF NEW.id > ${id} THEN PERFORM pg_advisory_xact_lock_shared(1); END IF;
           RETURN NEW;
         END $$;
         CREATE TRIGGER wait_for_test BEFORE INSERT OR UPDATE ON copy.orders
           FOR EACH ROW EXECUTE FUNCTION wait_for_test();`,
      );
    }

    async function newest(tap = "shop") {
      const { stdout } = await warehouse.start("history", "--tap", tap, "--limit", "1", "--json").ended;
      return JSON.parse(stdout).runs[0];
    }

    test("a timeout in the middle of a transfer leaves no process, and after the next run the rows are right", async () => {
      // The target writes in batches of 20,000 rows: the first arrives, and the second waits.
      stopArrivalsAfter(30_000);
      const release = await postgres.hold("warehouse", "SELECT pg_advisory_xact_lock(1)");
      warehouse.insert("shop", 50_000);
      const run = warehouse.startRunWith("shop", "timeout: 45s");
      await until("the second batch waits", isArriving);
      expect(warehouse.arrived("shop")).toBeGreaterThan(10);
      expect((await run.ended).code).toBe(124);
      expect(warehouse.living()).toEqual([]);
      const pipeline = join(warehouse.config, "dwh", "shop");
      expect(existsSync(join(pipeline, "pipelinewise.pid"))).toBe(false);
      expect(readdirSync(join(pipeline, "log")).filter((name) => name.endsWith(".running"))).toEqual([]);
      expect(await newest()).toMatchObject({ outcome: "timed-out", exitCode: 124, detail: "timed out (limit 45 s)" });
      expect(warehouse.arrived("shop")).toBeLessThan(50_010);
      await release();
      expect((await warehouse.run("shop")).code).toBe(0);
      expect(warehouse.rowsIn("warehouse", "shop")).toBe(warehouse.rowsIn("source", "shop"));
      expect(warehouse.arrived("shop")).toBe(50_010);
    });

    test("a run that fails because its database restarts is repeated, and the rows are right", async () => {
      warehouse.insert("shop", 500);
      const release = await postgres.holdTable("source", "orders");
      const run = warehouse.startRunWith("shop", "retries: {max: 10, delay: 1s, backoff: 1}");
      await until("the tap waits for its table", () => warehouse.isBlocked("shop"));
      await postgres.restart();
      await release();
      expect((await run.ended).code).toBe(0);
      expect(warehouse.living()).toEqual([]);
      const { outcome, attempts } = await newest();
      expect(outcome).toBe("succeeded");
      expect(attempts.length).toBeGreaterThan(1);
      expect(attempts[0]).toMatchObject({ outcome: "failed", exitCode: 1 });
      expect(attempts.at(-1)).toMatchObject({ outcome: "succeeded", exitCode: 0 });
      expect(warehouse.rowsIn("warehouse", "shop")).toBe(warehouse.rowsIn("source", "shop"));
      expect(warehouse.arrived("shop")).toBe(50_510);
    });

    test("a run of a tap that PipelineWise does not know fails with a hint that names `import`", async () => {
      const { code, stderr } = await warehouse.start("run", "--tap", "nowhere", "--target", "dwh").ended;
      expect(code).toBe(1);
      expect(stderr).toMatch(/PipelineWise does not know the tap nowhere in the target dwh\. .*`pipelinewise import`/);
    });

    test("a run starts the entry after it, and the rows of both arrive", async () => {
      const after = "{tap: billing, target: dwh, after: {tap: shop, target: dwh}}";
      const installed = await warehouse.install(`[{tap: shop, target: dwh, cron: "0 0 1 1 *"}, ${after}]`);
      expect(installed).toMatchObject({ code: 0 });
      warehouse.insert("shop", 100);
      warehouse.insert("billing", 200);
      expect(await warehouse.run("shop")).toMatchObject({ code: 0 });
      const { id, endedAt } = await newest("shop");
      const follower = await newest("billing");
      expect(follower).toMatchObject({ outcome: "succeeded", triggeredBy: id });
      expect(follower.startedAt >= endedAt).toBe(true);
      for (const tap of ["shop", "billing"] as const) {
        expect(warehouse.rowsIn("warehouse", tap)).toBe(warehouse.rowsIn("source", tap));
      }
    });
  },
);
