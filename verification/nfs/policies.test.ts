import { beforeAll, expect, test } from "vitest";
import { waitFor } from "../../test/support/wait.ts";
import { lot } from "../rig/lot.ts";
import { type Cluster, makeCluster, type Start } from "./cluster.ts";
import type { Guest } from "./guest.ts";
import { SHARE } from "./laboratory.ts";
import { describeInLaboratory } from "./suite.ts";

/** Pipelines with a policy, side by side, because a round mostly waits for a heartbeat. */
const TAPS = ["orders", "prices", "stock", "users"];
const ROUNDS_OF_EACH = 5;
const ROUNDS = TAPS.length * ROUNDS_OF_EACH;
const WITHIN_MS = 300_000;
const TEST_MS = 1_800_000;

/** The clocks of both hosts: at the install, and in the rounds, so that the minutes between them are due. */
const INSTALLED = Date.UTC(2026, 11, 1) / 1000;
const NOW = INSTALLED + 24 * 3600;

/** The clusters `wait` and `replace`: each pipeline has a place, so a place that is lost or doubled shows. */
const scheduleOf = (policy: string): string =>
  `limits: {target: {dwh: ${TAPS.length}}, queue: 1h}
defaults: {on_overlap: ${policy}}
pipelines:
${TAPS.map((tap) => `  - {tap: ${tap}, target: dwh, cron: "* * * * *"}`).join("\n")}
`;

/** Starts a tap for one due minute after the other. */
function starter(cluster: Cluster, tap: string) {
  const slots: string[] = [];
  return {
    slots,
    start(host: Guest): Start {
      const slot = new Date((INSTALLED + 3600 + slots.length * 60) * 1000).toISOString();
      slots.push(slot);
      return cluster.start(host, `--tap ${tap} --target dwh --scheduled --output --slot ${slot}`);
    },
  };
}

const runsOf = (cluster: Cluster, tap: string): number => cluster.notes().filter((note) => note === tap).length;

/** Waits until a tap has been started so many times, and shows the start's output if that does not happen. */
async function untilRuns(cluster: Cluster, tap: string, { count, start }: { count: number; start: Start }) {
  await waitFor(`run ${count} of ${tap}`, WITHIN_MS, () => runsOf(cluster, tap) >= count || undefined).catch(
    (error: unknown) => {
      throw new Error(`${error}\n${start.said()}`);
    },
  );
  expect(runsOf(cluster, tap)).toBe(count);
}

/** No lock, no place and no queued start is left, and each pipeline starts at once. */
async function expectAllFree(cluster: Cluster, name: string, hosts: readonly Guest[]): Promise<void> {
  // The queue's directory is made by the first start that queues. Here none ever has to.
  const left = `cd ${SHARE}/${name}/.sched; ls -A limits/target/dwh; ls -A limits/queue 2>&- || true; ls locks/dwh`;
  for (const host of hosts) {
    const names = (await cluster.run(host, left)).split("\n").filter((line) => line !== "");
    expect(names.filter((file) => !file.endsWith(".flock"))).toEqual([]);
  }
  const starts = TAPS.map((tap, at) => cluster.start(hosts[at % hosts.length] as Guest, `--tap ${tap} --target dwh`));
  expect(await Promise.all(starts.map(({ ended }) => ended))).toEqual(TAPS.map(() => 0));
  for (const start of starts) expect(start.said()).not.toMatch(/waiting|queued/);
  // Otherwise the stand-in has found two runs of a pipeline, or too many runs, at once.
  expect(cluster.notes().filter((note) => !TAPS.includes(note.replace("stopped: ", "")))).toEqual([]);
}

describeInLaboratory("policies that a start on the other host follows", (laboratory) => {
  const clusters = new Map<string, Cluster>();
  const clusterOf = (name: string): Cluster => {
    const cluster = clusters.get(name);
    if (cluster === undefined) throw new Error(`no cluster ${name}`);
    return cluster;
  };

  beforeAll(async () => {
    const { clients } = laboratory();
    const setClocks = (seconds: number) => Promise.all(clients.map((host) => host.run(`date -s @${seconds}`)));
    await setClocks(INSTALLED);
    const install = async (name: string, policy: string): Promise<void> => {
      const cluster = await makeCluster(laboratory(), name);
      await cluster.install(scheduleOf(policy), clients);
      cluster.allow(TAPS.length);
      for (const tap of TAPS) cluster.hold(tap);
      clusters.set(name, cluster);
    };
    await Promise.all([
      install("wait", "{wait: 1h}"),
      install("replace", "replace"),
      makeCluster(laboratory(), "pause").then((cluster) => clusters.set("pause", cluster)),
    ]);
    await setClocks(NOW);
  }, 300_000);

  test.concurrent(`wait: in ${ROUNDS} rounds a start waits for the run on the other host, and then runs`, {
    timeout: TEST_MS,
  }, async () => {
    const cluster = clusterOf("wait");
    const { clients } = laboratory();
    const draw = lot(20261127);
    const expected: string[] = [];
    const waitForOther = async (tap: string): Promise<void> => {
      const { start, slots } = starter(cluster, tap);
      let here = draw(2);
      let running = start(clients[here] as Guest);
      await untilRuns(cluster, tap, { count: 1, start: running });
      for (let round = 1; round <= ROUNDS_OF_EACH; round += 1) {
        here = 1 - here;
        const waiting = start(clients[here] as Guest);
        await waitFor("the start waits", WITHIN_MS, () => waiting.said().includes("waiting for up to") || undefined);
        const third = start(clients[draw(2)] as Guest);
        expect(await third.ended, third.said()).toBe(0);
        expect(third.said()).toContain("skipped (overlap)");
        expect(runsOf(cluster, tap)).toBe(round);
        cluster.end(tap);
        expect(await running.ended, running.said()).toBe(0);
        await untilRuns(cluster, tap, { count: round + 1, start: waiting });
        running = waiting;
      }
      cluster.unhold(tap);
      cluster.end(tap);
      expect(await running.ended, running.said()).toBe(0);
      // After the first start, each second one is the third of its round.
      expected.push(...slots.map((slot, at) => `${tap} ${slot} ${at > 0 && at % 2 === 0 ? "overlap" : "succeeded"}`));
    };
    await Promise.all(TAPS.map(waitForOther));
    const records = (await cluster.history(clients[0])).map(
      ({ tap, slot, outcome, reason }) => `${tap} ${slot} ${reason ?? outcome}`,
    );
    expect(records.sort()).toEqual(expected.sort());
    await expectAllFree(cluster, "wait", clients);
  });

  test.concurrent(`replace: in ${ROUNDS} rounds a start stops the run on the other host, and then runs`, {
    timeout: TEST_MS,
  }, async () => {
    const cluster = clusterOf("replace");
    const { clients } = laboratory();
    const draw = lot(20261128);
    const expected: string[] = [];
    const replaceOther = async (tap: string): Promise<void> => {
      const { start, slots } = starter(cluster, tap);
      let here = draw(2);
      let running = start(clients[here] as Guest);
      await untilRuns(cluster, tap, { count: 1, start: running });
      for (let round = 1; round <= ROUNDS_OF_EACH; round += 1) {
        here = 1 - here;
        const replacing = start(clients[here] as Guest);
        expect(await running.ended, running.said() + replacing.said()).toBe(143);
        await untilRuns(cluster, tap, { count: round + 1, start: replacing });
        expect(cluster.notes().filter((note) => note === `stopped: ${tap}`)).toHaveLength(round);
        running = replacing;
      }
      cluster.unhold(tap);
      cluster.end(tap);
      expect(await running.ended, running.said()).toBe(0);
      expected.push(...slots.map((slot, at) => `${tap} ${slot} ${at < ROUNDS_OF_EACH ? "stopped" : "succeeded"}`));
    };
    await Promise.all(TAPS.map(replaceOther));
    const records = await cluster.history(clients[0]);
    expect(records.map(({ tap, slot, outcome }) => `${tap} ${slot} ${outcome}`).sort()).toEqual(expected.sort());
    const stopped = records.filter(({ outcome }) => outcome === "stopped");
    for (const { detail, host } of stopped) {
      expect(detail).toMatch(new RegExp(`on host ${host === "etl-1" ? "etl-2" : "etl-1"} \\(on_overlap: replace\\)`));
    }
    await expectAllFree(cluster, "replace", clients);
  });

  test.concurrent(`pause: in ${ROUNDS} rounds a pause on the other host holds, and its end too`, {
    timeout: TEST_MS,
  }, async () => {
    const cluster = clusterOf("pause");
    const { clients } = laboratory();
    const expected: string[] = [];
    const pauseOnOther = async (tap: string): Promise<void> => {
      const words = `--tap ${tap} --target dwh`;
      const change = (host: Guest, command: string) =>
        cluster.run(host, `${cluster.program} ${command} ${words}`, { withinMs: WITHIN_MS });
      const expectRun = async (host: Guest, code: number, outcome: string): Promise<string> => {
        const start = cluster.start(host, words);
        expect(await start.ended, start.said()).toBe(code);
        expected.push(`${tap} ${host.name} ${outcome}`);
        return start.said();
      };
      // Both hosts have cached that no pause exists.
      for (const host of clients) await expectRun(host, 0, "succeeded");
      for (let round = 0; round < ROUNDS_OF_EACH; round += 1) {
        const [here, there] = (round + TAPS.indexOf(tap)) % 2 === 0 ? clients : [clients[1], clients[0]];
        await change(here, "pause");
        expect(await expectRun(there, 75, "paused")).toContain(
          `skipped (paused): ${tap} → dwh is paused by root on host ${here.name}`,
        );
        await change(here, "resume");
        await expectRun(there, 0, "succeeded");
        expect(runsOf(cluster, tap)).toBe(round + 3);
      }
    };
    await Promise.all(TAPS.map(pauseOnOther));
    const records = (await cluster.history(clients[0])).map(
      ({ tap, host, outcome, reason }) => `${tap} ${host} ${reason ?? outcome}`,
    );
    expect(records.sort()).toEqual(expected.sort());
    expect(cluster.notes().filter((note) => !TAPS.includes(note))).toEqual([]);
  });
});
