import { expect, test } from "vitest";
import { waitFor } from "../../test/support/wait.ts";
import { QUICK } from "../rig/lock-timing.ts";
import { type Cluster, makeCluster } from "./cluster.ts";
import type { Guest } from "./guest.ts";
import { describeInLaboratory } from "./suite.ts";

const WITHIN_MS = 120_000;

const ORDERS = "--tap orders --target dwh";

/** Starts a run in the background of a host and waits until its pipeline is running. */
async function begin(cluster: Cluster, host: Guest, program: string, output: string): Promise<void> {
  const before = cluster.notes().length;
  await cluster.run(host, `${program} ${ORDERS} >${output} 2>&1 &`);
  await waitFor("the pipeline is running", WITHIN_MS, () => cluster.notes().length > before || undefined);
}

describeInLaboratory("a run that the other host of a cluster has to do with", (laboratory) => {
  test("is skipped while it runs there, and stopped from here", async () => {
    const cluster = await makeCluster(laboratory(), "stop");
    const [one, two] = laboratory().clients;
    cluster.slow("orders", 600);
    await begin(cluster, one, `${cluster.program} run`, "/tmp/stop-said");
    await expect(cluster.run(two, `${cluster.program} run ${ORDERS}`)).rejects.toThrow(
      /ended with 75[\s\S]*skipped \(overlap\): orders → dwh is locked by host etl-1/,
    );
    const said = await cluster.run(two, `${cluster.program} stop ${ORDERS} --reason maintenance`);
    expect(said).toContain("orders → dwh");
    expect(cluster.notes()).toEqual(["orders", "stopped: orders"]);
    const [record] = (await cluster.history(two)).filter(({ outcome }) => outcome !== "skipped");
    expect(record).toMatchObject({ outcome: "stopped", host: "etl-1", detail: expect.stringContaining("maintenance") });
    expect(record?.detail).toContain("etl-2");
  });

  test("ends by itself where its host has lost the share, before the other host runs it", async () => {
    const cluster = await makeCluster(laboratory(), "cut");
    const [one, two] = laboratory().clients;
    const quickly = await cluster.quickRun(QUICK);
    cluster.slow("orders", 600);
    await begin(cluster, one, quickly, "/tmp/cut-said");
    await one.run("ip link set eth0 down");
    try {
      cluster.slow("orders", 0);
      await waitFor("the other host's turn", WITHIN_MS, async () => {
        const code = (await cluster.run(two, `${quickly} ${ORDERS} >/dev/null 2>&1 || echo $?`)).trim();
        expect(["", "75"]).toContain(code);
        return code === "" || undefined;
      });
      // In this order, and never two at once.
      expect(cluster.notesOf(one)).toEqual(["orders", "stopped: orders"]);
      expect(cluster.notesOf(two)).toEqual(["orders"]);
    } finally {
      await one.run("ip link set eth0 up");
    }
    await waitFor(
      "the word of the run that was cut off",
      WITHIN_MS,
      async () => /its lock was lost/.test(await one.run("cat /tmp/cut-said")) || undefined,
    );
    const outcomes = (await cluster.history(two)).map(({ host, outcome }) => `${host} ${outcome}`);
    expect(outcomes).toContain("etl-2 succeeded");
  });

  test("is recorded as lost after its host lost power", async () => {
    const cluster = await makeCluster(laboratory(), "power");
    const [one, two] = laboratory().clients;
    const quickly = await cluster.quickRun(QUICK);
    cluster.slow("orders", 600);
    await begin(cluster, one, quickly, "/tmp/power-said");
    await one.cutPower();
    cluster.powerWasCut("orders");
    cluster.slow("orders", 0);
    await waitFor("the other host's turn", WITHIN_MS, async () => {
      const code = (await cluster.run(two, `${quickly} ${ORDERS} >/dev/null 2>&1 || echo $?`)).trim();
      expect(["", "75"]).toContain(code);
      return code === "" || undefined;
    });
    expect(cluster.notesOf(two)).toEqual(["orders"]);
    const ends = (await cluster.history(two)).filter(({ outcome }) => outcome !== "skipped");
    expect(ends.map(({ host, outcome }) => `${host} ${outcome}`).sort()).toEqual(["etl-1 lost", "etl-2 succeeded"]);
  });
});
