import { beforeAll, expect, test } from "vitest";
import type { LockTiming } from "../../src/lock/timing.ts";
import { QUICK } from "../rig/lock-timing.ts";
import { type Actor, type Actors, type Answer, prepareActors } from "./actors.ts";
import { SERVER_LEASE_SECONDS } from "./laboratory.ts";
import { describeInLaboratory } from "./suite.ts";

/** The file server keeps the locks of a silent client for this time; between two starts a minute passes. */
const FAILOVER_MS = SERVER_LEASE_SECONDS * 1000 + QUICK.leaseMs;
const TICK_MS = 1_000;
/** Everything here runs on borrowed processors. */
const SLACK_MS = 20_000;

/** Starts again and again until a start gets the lock. @returns its output and the time that passed */
async function startUntilAcquired(actor: Actor, tap: string): Promise<{ answer: Answer; afterMs: number }> {
  const begun = performance.now();
  for (;;) {
    const answer = await actor.ask("take", tap, { withinMs: FAILOVER_MS + SLACK_MS });
    const afterMs = performance.now() - begun;
    if (answer.kind === "acquired") return { answer, afterMs };
    expect(answer.kind, JSON.stringify(answer)).toBe("held");
    expect(afterMs).toBeLessThan(FAILOVER_MS + TICK_MS + SLACK_MS);
    await new Promise((resolve) => setTimeout(resolve, TICK_MS));
  }
}

describeInLaboratory("what may happen to hosts that share a lock over NFSv4", (laboratory) => {
  let actors: Actors;
  const start = (at: 0 | 1, timing: LockTiming = QUICK) => actors.start(laboratory().clients[at], "failures", timing);

  beforeAll(async () => {
    actors = await prepareActors(laboratory());
  }, 60_000);

  test("a killed holder on a running host is replaced after a lease, whatever the clocks show", async () => {
    const [one, two] = await Promise.all([start(0), start(1)]);
    await one.guest.run("date -s '-1 hour'");
    await two.guest.run("date -s '+10 minutes'");
    expect(await one.ask("take", "killed")).toMatchObject({ kind: "acquired" });
    // Longer than a lease by either clock; nobody looks at those.
    expect(await two.ask("take", "killed")).toMatchObject({ kind: "held", by: "etl-1" });
    await one.kill();
    const { answer, afterMs } = await startUntilAcquired(two, "killed");
    expect(answer).toMatchObject({ from: "etl-1" });
    expect(afterMs).toBeGreaterThan(QUICK.leaseMs);
    for (const { guest } of [one, two]) await guest.run(`date -s @${Date.now() / 1000}`);
    await two.kill();
  });

  test("a client that is suspended for longer than the lease has lost the lock when it resumes, and does no harm", async () => {
    const [one, two, third] = await Promise.all([start(0), start(1), start(1)]);
    expect(await one.ask("take", "frozen")).toMatchObject({ kind: "acquired" });
    await one.guest.freeze();
    const { answer, afterMs } = await startUntilAcquired(two, "frozen");
    expect(answer).toMatchObject({ from: "etl-1" });
    expect(afterMs).toBeGreaterThan(QUICK.leaseMs);
    await one.guest.thaw();
    expect(await one.ask("await-loss", "frozen")).toMatchObject({
      kind: "lost",
      why: expect.stringMatching(/took over the lock/),
    });
    expect(await one.ask("release", "frozen")).toMatchObject({ kind: "released" });
    expect(await third.ask("take", "frozen")).toMatchObject({ kind: "held", by: "etl-2", state: "alive" });
    expect(await one.ask("take", "frozen")).toMatchObject({ kind: "held", by: "etl-2" });
    expect(await two.ask("release", "frozen")).toMatchObject({ kind: "released" });
    expect(await one.ask("take", "frozen")).toMatchObject({ kind: "acquired" });
    await Promise.all([one.kill(), two.kill(), third.kill()]);
  });

  test("a server that is suspended for less than the self-fence time takes the lock from nobody", async () => {
    const [one, two] = await Promise.all([start(0), start(1)]);
    expect(await one.ask("take", "hangs")).toMatchObject({ kind: "acquired" });
    await laboratory().server.freeze();
    const asked = two.ask("take", "hangs", { withinMs: 120_000 });
    await new Promise((resolve) => setTimeout(resolve, QUICK.selfFenceMs - 3 * QUICK.heartbeatMs));
    await laboratory().server.thaw();
    expect(await asked).toMatchObject({ kind: "held", by: "etl-1" });
    expect(await one.ask("release", "hangs")).toMatchObject({ kind: "released" });
    expect(await two.ask("take", "hangs")).toEqual(expect.not.objectContaining({ from: expect.anything() }));
    await Promise.all([one.kill(), two.kill()]);
  });

  test("a server that is suspended for longer makes the holder stop before another host may take over", async () => {
    const [one, two] = await Promise.all([start(0), start(1)]);
    expect(await one.ask("take", "stands")).toMatchObject({ kind: "acquired" });
    await laboratory().server.freeze();
    const begun = performance.now();
    expect(await one.ask("await-loss", "stands")).toMatchObject({
      why: expect.stringMatching(/no heartbeat could be confirmed/),
    });
    expect(performance.now() - begun).toBeGreaterThan(QUICK.selfFenceMs - QUICK.heartbeatMs);
    const asked = two.ask("take", "stands", { withinMs: 120_000 });
    await laboratory().server.thaw();
    expect(["held", "acquired"]).toContain((await asked).kind);
    await Promise.all([one.kill(), two.kill()]);
  });

  test("a server whose power was cut comes back with every lock as it was", async () => {
    const [one, two] = await Promise.all(
      [0, 1].map((at) => actors.start(laboratory().clients[at as 0 | 1], "restart")),
    );
    if (one === undefined || two === undefined) throw new Error("no actors");
    expect(await one.ask("take", "restart")).toMatchObject({ kind: "acquired" });
    await laboratory().restartServer();
    expect(await two.ask("take", "restart", { withinMs: 120_000 })).toMatchObject({ kind: "held", by: "etl-1" });
    expect(await one.ask("release", "restart")).toMatchObject({ kind: "released" });
    expect(await two.ask("take", "restart")).toMatchObject({ kind: "acquired" });
    await Promise.all([one.kill(), two.kill()]);
  });

  test("a host that loses power is replaced by the other one, and learns that when it is back", async () => {
    const [one, two] = await Promise.all([start(0), start(1)]);
    expect(await one.ask("take", "power")).toMatchObject({ kind: "acquired" });
    await one.guest.cutPower();
    const { answer, afterMs } = await startUntilAcquired(two, "power");
    expect(answer).toMatchObject({ from: "etl-1" });
    expect(afterMs).toBeGreaterThan(QUICK.leaseMs);
    const again = await actors.start(await laboratory().reboot(one.guest), "failures", QUICK);
    expect(await again.ask("take", "power")).toMatchObject({ kind: "held", by: "etl-2" });
    expect(await two.ask("release", "power")).toMatchObject({ kind: "released" });
    expect(await again.ask("take", "power")).toMatchObject({ kind: "acquired" });
  });
});
