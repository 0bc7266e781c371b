import { expect, test } from "vitest";
import { type Cluster, makeCluster } from "./cluster.ts";
import type { Guest } from "./guest.ts";
import { describeInLaboratory } from "./suite.ts";

const MINUTE = 60;
const BEGIN = Date.UTC(2026, 11, 1) / 1000;
const MINUTES = 15;

const SCHEDULE = `pipelines:
  - {tap: orders, target: dwh, cron: "* * * * *"}
  - {tap: stock, target: dwh, cron: "*/5 * * * *"}
`;

interface CronHost {
  readonly guest: Guest;
  /** Seconds by which its clock is ahead of the true time. */
  readonly ahead: number;
}

/** Sets a host's clock, and does what its cron does at that minute. @returns what cron would mail */
async function tick(cluster: Cluster, { guest, ahead }: CronHost, trueTime: number): Promise<string> {
  const clock = trueTime + ahead;
  const taps = ((clock - BEGIN) / MINUTE) % 5 === 0 ? ["orders", "stock"] : ["orders"];
  const starts = taps.map((tap) => `${cluster.commandOf(guest, tap)} &`).join("\n");
  return cluster.run(guest, `date -s @${clock} >/dev/null\n${starts}\nwait`);
}

/** Both crons for so many minutes of their own clocks: what is at the same true time happens at the same time. */
async function passTime(cluster: Cluster, hosts: readonly CronHost[], minutes: number): Promise<readonly string[]> {
  const ticks = hosts.flatMap((host) =>
    Array.from({ length: minutes }, (_, at) => ({ host, at: BEGIN + (at + 1) * MINUTE - host.ahead })),
  );
  const times = [...new Set(ticks.map(({ at }) => at))].sort((a, b) => a - b);
  const mails: string[] = [];
  for (const time of times) {
    const now = ticks.filter(({ at }) => at === time);
    mails.push(...(await Promise.all(now.map(({ host }) => tick(cluster, host, time)))));
  }
  return mails.filter((mail) => mail !== "");
}

const slotAt = (minute: number): string => new Date((BEGIN + minute * MINUTE) * 1000).toISOString();

describeInLaboratory("the same crontab on two hosts", (laboratory) => {
  async function installed(name: string, [first, second]: readonly [number, number]) {
    const cluster = await makeCluster(laboratory(), name);
    const [one, two] = laboratory().clients;
    const hosts: readonly CronHost[] = [
      { guest: one, ahead: first },
      { guest: two, ahead: second },
    ];
    for (const { guest, ahead } of hosts) await guest.run(`date -s @${BEGIN - 30 * MINUTE + ahead} >/dev/null`);
    await cluster.install(SCHEDULE, [one, two]);
    return { cluster, hosts, one, two };
  }

  test.each([
    { name: "in-step", ahead: 0 },
    { name: "skewed", ahead: 90 },
  ])("runs each slot once in 15 minutes of clocks that are $ahead s apart", async ({ name, ahead }) => {
    const { cluster, hosts, one } = await installed(name, [0, ahead]);
    expect(await passTime(cluster, hosts, MINUTES)).toEqual([]);

    expect(cluster.notes().filter((note) => note !== "orders" && note !== "stock")).toEqual([]);
    const records = await cluster.history(one);
    const slotsOf = (tap: string) =>
      records
        .filter((record) => record.tap === tap && record.outcome === "succeeded")
        .map(({ slot }) => slot)
        .sort();
    const minutes = Array.from({ length: MINUTES }, (_, at) => at + 1);
    expect(slotsOf("orders")).toEqual(minutes.map(slotAt));
    expect(slotsOf("stock")).toEqual(minutes.filter((minute) => minute % 5 === 0).map(slotAt));
    expect(cluster.notes()).toHaveLength(MINUTES + 3);
    // Each of the other starts is told of too: whose slot it came for, and that it was done. Now and then a share keeps the
    // other host's word back for longer than is waited for it; such a start says that it cannot tell who has the lock.
    const others = records.filter(({ outcome }) => outcome !== "succeeded");
    expect(others).toHaveLength(MINUTES + 3);
    const unsaid = others.filter(({ detail }) => detail === "is locked by a run that has no owner record");
    expect(unsaid.length).toBeLessThan(MINUTES / 3);
    expect(others.filter((one) => one.reason !== "slot-done" && !unsaid.includes(one))).toEqual([]);
  });

  test("a clock that is ten minutes ahead is an error on the other host, never a skip", async () => {
    const { cluster, one, two } = await installed("ahead", [0, 600]);
    await tick(cluster, { guest: two, ahead: 600 }, BEGIN);
    const start = tick(cluster, { guest: one, ahead: 0 }, BEGIN + MINUTE);
    await expect(start).resolves.toMatch(
      /orders → dwh: the slot 2026-12-01T00:10:00.000Z is recorded as handled by host etl-2, but it is in the future: it is 2026-12-01T00:01/,
    );
    expect(cluster.notes().toSorted()).toEqual(["orders", "stock"]);
  });
});
