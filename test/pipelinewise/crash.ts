import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { until } from "../support/wait.ts";
import type { Started } from "./processes.ts";
import { Sandbox } from "./sandbox.ts";

const PAIR = ["--tap", "orders", "--target", "dwh"];

/** Into a pid namespace of its own: what is started so can neither be seen nor signalled by its pid. */
const ELSEWHERE = ["/usr/bin/unshare", "--pid", "--fork", "--mount-proc", "--kill-child"];
const canUnshare = spawnSync(ELSEWHERE[0] ?? "", [...ELSEWHERE.slice(1), "true"]).status === 0;

interface Row {
  readonly host: string;
  readonly outcome: string;
  readonly detail: string | null;
}

/**
 * Tests after a kill of PipelineWise, of the wrapper, or of both: this program must find and clear what they leave.
 *
 * @param program the PipelineWise that it starts
 */
export function crashFacts(program: string): void {
  const run = (sandbox: Sandbox) => sandbox.startOurs(["run", ...PAIR]);

  async function history(sandbox: Sandbox): Promise<Row[]> {
    const { stdout } = await sandbox.startOurs(["history", "--json"]).ended;
    return JSON.parse(stdout).runs;
  }

  /** Waits until the connectors of the run are running. @returns the process that the pidfile names */
  async function leaderOf(sandbox: Sandbox): Promise<number> {
    await until(
      "the connectors work",
      () => existsSync(sandbox.pidfile) && sandbox.logText(".running").includes("begins"),
    );
    return Number(readFileSync(sandbox.pidfile, "utf8"));
  }

  /** PipelineWise first, because the death of the wrapper would end it. */
  async function killBoth(sandbox: Sandbox, wrapper: Started): Promise<void> {
    process.kill(await leaderOf(sandbox), "SIGKILL");
    process.kill(wrapper.pid, "SIGKILL");
    await wrapper.ended;
  }

  const nothingLives = (sandbox: Sandbox) =>
    until("all of its processes have ended", () => sandbox.living().length === 0);

  test("kill -9 of wrapper and PipelineWise: the next start waits for the orphaned pipe, and then all is as it should be", async () => {
    const sandbox = new Sandbox(program, { hang: true });
    await killBoth(sandbox, run(sandbox));
    const second = await run(sandbox).ended;
    expect(second.code).toBe(75);
    expect(second.stderr).toMatch(
      /skipped \(overlap\): .* that process has ended, but its pipeline is still running: \w+ \(pid \d+\)/,
    );
    expect(sandbox.living().length).toBeGreaterThan(0);
    await sandbox.killAll();
    sandbox.tell({ rows: 7 });
    expect(await run(sandbox).ended).toMatchObject({ code: 0 });
    expect((await history(sandbox)).map(({ outcome }) => outcome).sort()).toEqual(["lost", "skipped", "succeeded"]);
    // Names are in order of their stamps, and both may be of one second.
    expect(sandbox.logNames().toSorted()).toEqual([
      "dwh-orders-<stamp>.singer.log.success",
      "dwh-orders-<stamp>.singer.log.terminated",
    ]);
    expect(sandbox.state()).toMatch(/"replication_key_value": ?107\b/);
    expect(existsSync(sandbox.pidfile)).toBe(false);
  });

  test("the same in Fastsync, whose orphans go on to their end", async () => {
    const sandbox = new Sandbox(program, { seconds: 6 });
    writeFileSync(join(sandbox.tapDirectory, "state.json"), '{"bookmarks": {}}');
    await killBoth(sandbox, run(sandbox));
    const second = await run(sandbox).ended;
    expect(second.code).toBe(75);
    await nothingLives(sandbox);
    sandbox.tell({});
    expect(await run(sandbox).ended).toMatchObject({ code: 0 });
    expect(sandbox.logNames().filter((name) => name.endsWith(".running"))).toEqual([]);
    expect((await history(sandbox)).map(({ outcome }) => outcome).sort()).toEqual(["lost", "skipped", "succeeded"]);
  });

  test.skipIf(!existsSync("/usr/bin/setpriv"))(
    "kill -9 of the wrapper alone ends PipelineWise too, and status finds the run lost",
    async () => {
      const sandbox = new Sandbox(program, { hang: true });
      const wrapper = run(sandbox);
      const leader = await leaderOf(sandbox);
      process.kill(wrapper.pid, "SIGKILL");
      await wrapper.ended;
      await until("PipelineWise has ended", () => !sandbox.living().includes(leader));
      await sandbox.startOurs(["status", "--json"]).ended;
      // By hand its reader died with the wrapper: the real one now and then ends of that before its tap has ended.
      expect(await sandbox.startOurs(["stop", ...PAIR, "--now"]).ended).toMatchObject({ code: 0 });
      await nothingLives(sandbox);
      const [lost, ...others] = await history(sandbox);
      expect(others).toEqual([]);
      expect(lost).toMatchObject({ outcome: "lost" });
      expect(lost?.detail).toContain("its process ended without writing a record");
    },
  );

  test("kill -9 of PipelineWise alone is a failure, and the wrapper waits for the orphaned pipe", async () => {
    const sandbox = new Sandbox(program, { seconds: 6 });
    const wrapper = run(sandbox);
    const leader = await leaderOf(sandbox);
    process.kill(leader, "SIGKILL");
    expect(await wrapper.ended).toMatchObject({ code: 137 });
    expect(sandbox.living()).toEqual([]);
    expect(existsSync(sandbox.pidfile)).toBe(false);
    expect(sandbox.logNames()).toEqual(["dwh-orders-<stamp>.singer.log.terminated"]);
    expect(await history(sandbox)).toMatchObject([{ outcome: "failed" }]);
  });

  test("a run that someone started by hand is skipped, before PipelineWise starts once more", async () => {
    const sandbox = new Sandbox(program, { hang: true });
    const byHand = await sandbox.startBusy();
    const { code, stderr, stdout } = await run(sandbox).ended;
    expect(code).toBe(75);
    expect(stdout).toBe("");
    expect(stderr).toContain(`skipped (external): orders → dwh is run by pid ${byHand.pid} (run_tap)`);
    expect(sandbox.living()).toContain(byHand.pid);
    await sandbox.killAll();
    await byHand.ended;
  });

  test("a disabled tap is skipped", async () => {
    const sandbox = new Sandbox(program);
    sandbox.disable("orders");
    const { code, stdout } = await run(sandbox).ended;
    expect(code).toBe(75);
    expect(stdout).toBe("");
  });

  test("stop ends a run, its pipe and a tap that does not hear SIGTERM, and says by whom", async () => {
    const sandbox = new Sandbox(program, { hang: true, ignore_term: true });
    const wrapper = run(sandbox);
    await leaderOf(sandbox);
    const stop = await sandbox.startOurs(["stop", ...PAIR, "--reason", "the test says so"]).ended;
    expect(stop).toMatchObject({ code: 0 });
    expect(stop.stdout).toMatch(/^orders → dwh has ended: it was stopped after /);
    expect((await wrapper.ended).code).toBe(143);
    expect(sandbox.living()).toEqual([]);
    expect(readdirSync(join(sandbox.tapDirectory, "log"))).toEqual([expect.stringMatching(/\.terminated$/)]);
    const [stopped] = await history(sandbox);
    expect(stopped).toMatchObject({ outcome: "stopped" });
    expect(stopped?.detail).toMatch(/\(the test says so\)$/);
  });

  test.skipIf(!canUnshare)("stop reaches a run that no process here can be seen of, as on another host", async () => {
    const sandbox = new Sandbox(program, { hang: true });
    const wrapper = sandbox.startOurs(["run", ...PAIR], [...ELSEWHERE, "env", "PIPELINEWISE_SCHED_HOST=elsewhere"]);
    await leaderOf(sandbox);
    const stop = await sandbox.startOurs(["stop", ...PAIR]).ended;
    expect(stop).toMatchObject({ code: 0 });
    expect(stop.stderr).toMatch(
      /asked pid \d+ on host elsewhere to stop the pipeline\n.*sent SIGTERM to the pipeline process/,
    );
    await wrapper.ended;
    expect(sandbox.living()).toEqual([]);
    expect(await history(sandbox)).toMatchObject([{ outcome: "stopped", host: "elsewhere" }]);
  });

  test("stop ends what a dead wrapper left", async () => {
    const sandbox = new Sandbox(program, { hang: true });
    await killBoth(sandbox, run(sandbox));
    const stop = await sandbox.startOurs(["stop", ...PAIR]).ended;
    expect(stop).toMatchObject({ code: 0 });
    expect(sandbox.living()).toEqual([]);
    expect(await history(sandbox)).toMatchObject([{ outcome: "lost" }]);
    sandbox.tell({});
    expect((await run(sandbox).ended).code).toBe(0);
  });
}
