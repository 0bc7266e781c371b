import { expect, test } from "vitest";
import { waitFor } from "../../test/support/wait.ts";
import { QUICK } from "../rig/lock-timing.ts";
import { type Cluster, makeCluster } from "./cluster.ts";
import type { Guest } from "./guest.ts";
import { describeInLaboratory } from "./suite.ts";

const WITHIN_MS = 120_000;

const ORDERS = "--tap orders --target dwh";

/** Entries that run after one and after both of two predecessors. */
const AFTER = `pipelines:
  - {tap: orders, target: dwh, cron: "0 0 1 1 *"}
  - {tap: invoices, target: dwh, cron: "0 0 1 1 *"}
  - {tap: stock, target: dwh, after: {tap: orders, target: dwh}}
  - {tap: marts, target: dwh, after: [{tap: orders, target: dwh}, {tap: invoices, target: dwh}]}
`;
const PREDECESSORS = ["orders", "invoices"] as const;
const ROUNDS = 4;
/** The predecessor that ends first; `undefined` if both end at once. */
const firstIn = (round: number) => (round < 2 ? "orders" : undefined);

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

  test(`starts the entry after it on its own host, and in ${ROUNDS} rounds the last of two starts their entry once`, async () => {
    const cluster = await makeCluster(laboratory(), "after");
    const { clients } = laboratory();
    await cluster.install(AFTER, clients);
    for (const tap of PREDECESSORS) cluster.hold(tap);
    for (let round = 0; round < ROUNDS; round += 1) {
      const [one, two] = round % 2 === 0 ? clients : [clients[1], clients[0]];
      const starts = {
        orders: cluster.start(one, ORDERS),
        invoices: cluster.start(two, "--tap invoices --target dwh"),
      };
      await waitFor("both predecessors are running", WITHIN_MS, () => {
        const notes = cluster.notes();
        return PREDECESSORS.every((tap) => notes.filter((note) => note === tap).length > round) || undefined;
      });
      const first = firstIn(round);
      if (first !== undefined) {
        cluster.end(first);
        expect(await starts[first].ended, starts[first].said()).toBe(0);
      }
      for (const tap of PREDECESSORS) if (tap !== first) cluster.end(tap);
      for (const start of Object.values(starts)) expect(await start.ended, start.said()).toBe(0);
    }
    const records = await cluster.history(clients[0]);
    // Oldest first.
    const runsOf = (tap: string) => records.filter((run) => run.tap === tap && run.outcome === "succeeded").reverse();
    const asTriggers = (tap: string) => runsOf(tap).map(({ id, host }) => ({ triggeredBy: id, host }));
    const triggersOf = (tap: string) => runsOf(tap).map(({ triggeredBy, host }) => ({ triggeredBy, host }));
    expect(asTriggers("orders")).toHaveLength(ROUNDS);
    expect(triggersOf("stock")).toEqual(asTriggers("orders"));
    expect(triggersOf("marts")).toHaveLength(ROUNDS);
    for (const [round, trigger] of triggersOf("marts").entries()) {
      const last = PREDECESSORS.filter((tap) => tap !== firstIn(round));
      expect(last.map((tap) => asTriggers(tap)[round])).toContainEqual(trigger);
    }
    expect(cluster.notes()).toHaveLength(4 * ROUNDS);
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
