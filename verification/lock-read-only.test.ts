import { spawn, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { lockDirectory } from "../src/storage/paths.ts";
import { tempDirectory } from "../test/support/host.ts";
import { isRunning, sendSignal } from "../test/support/processes.ts";
import { type Finished, runToEnd, runWell } from "../test/support/run-program.ts";
import { PAIR_WORDS, sandbox } from "../test/support/sandbox.ts";
import { waitFor } from "../test/support/wait.ts";
import { SHORTEST } from "./rig/lock-timing.ts";
import { buildQuickRun } from "./rig/quick-run.ts";

const canMount = process.getuid?.() === 0 && spawnSync("unshare", ["-m", "true"]).status === 0;

/** Stands for PipelineWise: says who it is, and works until it may end. */
const PIPELINE =
  '[ "$1" != status ] || exit 1; cd "$(dirname "$0")"; echo $$ >>began; until test -e may-end; do sleep 0.05; done';

/** A run on a private mount that only this run and the next ones see. */
async function runOnShare() {
  const box = sandbox(PIPELINE);
  const share = box.paths.configDir;
  const keeper = spawn("unshare", ["-m", "--propagation", "private", "sleep", "600"], { stdio: "ignore" });
  onTestFinished(() => void keeper.kill("SIGKILL"));
  await waitFor("a mount namespace of its own", 10_000, () =>
    readFileSync(`/proc/${keeper.pid}/comm`, "utf8") === "sleep\n" ? true : undefined,
  );
  const inside = ["nsenter", `--target=${keeper.pid}`, "--mount", "--"];
  const words = [...inside, ...(await buildQuickRun(tempDirectory(), SHORTEST)), ...PAIR_WORDS];
  const env = { ...box.host.env, PIPELINEWISE_SCHED_HOST: "testhost" };
  const program = resolve("bin/pipelinewise-sched.cjs");
  const run = (): Promise<Finished> => runToEnd(words, { env, cwd: box.home });
  const began = join(box.bin, "began");
  /** The pipelines so far, by their leaders' pids. */
  const pipelines = () => (existsSync(began) ? readFileSync(began, "utf8").trim().split("\n").map(Number) : []);
  onTestFinished(() => {
    for (const pid of pipelines()) if (isRunning(pid)) sendSignal(-pid, "SIGKILL");
  });
  const end = run();
  await waitFor("its pipeline", 60_000, () => pipelines()[0]);
  return {
    box,
    /** Runs a command of this program on the mount. */
    call: (...args: string[]) => runToEnd([...inside, process.execPath, program, ...args], { env, cwd: box.home }),
    end,
    run,
    pipelines,
    letEnd: () => writeFileSync(join(box.bin, "may-end"), ""),
    /** As a server does that exports it read-only from now on: what is open stays open. */
    makeReadOnly: () =>
      runWell([...inside, "sh", "-ec", 'mount -B "$1" "$1"; mount -o remount,ro,bind "$1"', "", share]),
    makeWritable: () => runWell([...inside, "mount", "-o", "remount,rw,bind", share]),
  };
}

describe.skipIf(!canMount)("a share that is made read-only beneath a run", () => {
  test("for longer than a holder goes without a heartbeat: it stops its pipeline; nothing runs; then the next start does", async () => {
    const { box, end, run, pipelines, letEnd, makeReadOnly, makeWritable } = await runOnShare();
    await makeReadOnly();
    const refused = { code: 74, stderr: expect.stringContaining("the file system is read-only") };
    expect(await run()).toMatchObject(refused);
    const { code, stderr } = await end;
    expect(pipelines().filter(isRunning)).toEqual([]);
    expect({ code, stderr }).toMatchObject(refused);
    expect(stderr).toMatch(/was stopped because its lock was lost: no heartbeat could be confirmed for \d+ s: EROFS/);
    expect(stderr).toMatch(/cannot release the lock .*microserv_1\.lock: the file system is read-only/);
    expect(stderr).not.toContain("bug");
    expect(await run()).toMatchObject(refused);
    expect(pipelines()).toHaveLength(1);

    await makeWritable();
    letEnd();
    expect(await run()).toMatchObject({ code: 0 });
    expect(pipelines()).toHaveLength(2);
    // It could not write its own end.
    const outcomes = (await box.records()).map(({ outcome }) => outcome);
    expect(outcomes.sort()).toEqual(["lost", "succeeded"]);
  });

  test("after a crash: status and history read it, and unlock says what it cannot change", async () => {
    const { box, call, end, pipelines, makeReadOnly } = await runOnShare();
    box.install();
    const [wrapper] = readdirSync(
      lockDirectory(box.paths, { tap: "microserv_1", target: "redshift", dataDiff: false }),
    );
    const pid = Number(wrapper?.split(".")[3]);
    await makeReadOnly();
    const shown = async () => JSON.parse((await call("status", "--json")).stdout).pipelines;
    expect(await shown()).toMatchObject([{ running: { pid, host: "testhost" }, lastRun: null }]);
    sendSignal(pid, "SIGKILL");
    await end;
    for (const leader of pipelines()) sendSignal(-leader, "SIGKILL");
    await waitFor("the end of the pipeline", 60_000, () => (pipelines().some(isRunning) ? undefined : true));
    expect(await shown()).toMatchObject([{ running: null, lastRun: { outcome: "lost" } }]);
    const { code, stderr } = await call("status");
    expect({ code, faults: stderr.split("\n").filter((line) => /cannot|read-only/.test(line)) }).toEqual({
      code: 0,
      faults: [],
    });
    expect(await call("history")).toMatchObject({ code: 0 });
    expect(await call("unlock")).toMatchObject({
      code: 74,
      stdout: expect.stringMatching(/last heartbeat at \S+ by the clock of its host; token/),
      stderr: expect.stringContaining("the file system is read-only"),
    });
  });

  test("for a moment: it goes on, and nobody takes its lock", async () => {
    const { box, end, run, pipelines, letEnd, makeReadOnly, makeWritable } = await runOnShare();
    await makeReadOnly();
    await sleep(3 * SHORTEST.heartbeatMs);
    await makeWritable();
    expect(await run()).toMatchObject({ code: 75, stderr: expect.stringContaining("skipped (overlap)") });
    letEnd();
    expect(await end).toMatchObject({ code: 0, stderr: "" });
    expect(pipelines()).toHaveLength(1);
    expect((await box.records()).map(({ outcome }) => outcome).sort()).toEqual(["skipped", "succeeded"]);
  });
});
