import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, onTestFinished, test } from "vitest";
import { PAIR_WORDS, sandbox, works } from "../test/run/sandbox.ts";
import { tempFolder } from "../test/support/host.ts";
import { type Finished, runToEnd, runWell } from "./rig/child.ts";
import { SHORTEST } from "./rig/lock-timing.ts";
import { sendSignal } from "./rig/processes.ts";
import { buildQuickRun } from "./rig/quick-run.ts";
import { waitFor } from "./rig/wait.ts";

const canMount = process.getuid?.() === 0 && spawnSync("unshare", ["-m", "true"]).status === 0;

/** Stands for PipelineWise: says who it is, and works until it may end. */
const PIPELINE = 'cd "$(dirname "$0")"; echo $$ >>began; until test -e may-end; do sleep 0.05; done';

/** A run at work on a share that only this run and the next ones see. */
async function runOnShare() {
  const box = sandbox(PIPELINE);
  const share = box.paths.configDir;
  const keeper = spawn("unshare", ["-m", "--propagation", "private", "sleep", "600"], { stdio: "ignore" });
  onTestFinished(() => void keeper.kill("SIGKILL"));
  await waitFor("a mount namespace of its own", 10_000, () =>
    readFileSync(`/proc/${keeper.pid}/comm`, "utf8") === "sleep\n" ? true : undefined,
  );
  const inside = ["nsenter", `--target=${keeper.pid}`, "--mount", "--"];
  const words = [...inside, ...(await buildQuickRun(tempFolder(), SHORTEST)), ...PAIR_WORDS];
  const env = { ...box.host.env, PIPELINEWISE_SCHED_HOST: "testhost" };
  const run = (): Promise<Finished> => runToEnd(words, { env, cwd: box.home });
  const began = join(box.bin, "began");
  /** The pipelines so far, by their leaders' pids. */
  const pipelines = () => (existsSync(began) ? readFileSync(began, "utf8").trim().split("\n").map(Number) : []);
  onTestFinished(() => {
    for (const pid of pipelines()) if (works(pid)) sendSignal(-pid, "SIGKILL");
  });
  const end = run();
  await waitFor("its pipeline", 60_000, () => pipelines()[0]);
  return {
    box,
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
    expect(pipelines().filter(works)).toEqual([]);
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
