import { spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readStored } from "../../src/installed/store.ts";
import { tendLockOf } from "../../src/pipeline-id.ts";
import { installFile, lockDirectory, tendFile } from "../../src/storage/paths.ts";
import { catchUp } from "../../src/tend/catch-up.ts";
import { leaveDeadLock } from "../run/dead-run.ts";
import { anEntry, sandbox } from "../support/sandbox.ts";
import { poll, until } from "../support/wait.ts";

/** The program as it is installed, on a host of this name. */
function start({ host, home }: ReturnType<typeof sandbox>, name: string, program = host.program) {
  const child = spawn(process.execPath, [program, "tend"], {
    env: { ...host.env, PIPELINEWISE_SCHED_HOST: name },
    cwd: home,
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (data: Buffer) => (output += data));
  const ended = new Promise<{ readonly code: number | null; readonly output: string }>((resolve) =>
    child.once("close", (code) => resolve({ code, output })),
  );
  return { child, ended };
}

/** Whether a file of the build contains the parts for lost runs. */
const isPart = (path: string): boolean => readFileSync(path, "utf8").includes("recordLostRuns");

/** A box in which two hosts have installed the schedule. */
function twoHosts() {
  const box = sandbox();
  box.install();
  const installed = readFileSync(installFile(box.paths, "pipelinewise", "testhost"), "utf8");
  const ofOther = JSON.stringify({ ...JSON.parse(installed), host: "other" });
  writeFileSync(installFile(box.paths, "pipelinewise", "other"), ofOther, { mode: 0o600 });
  return box;
}

/** A time of day 30 minutes ago, as a cron expression in UTC. */
function halfAnHourAgo(): string {
  const at = new Date(Date.now() - 1_800_000);
  return `${at.getUTCMinutes()} ${at.getUTCHours()} * * *`;
}

describe.skipIf(!existsSync("dist/tend.cjs"))("the built program", () => {
  test("is started for a missed slot, in a session of its own", async () => {
    const box = sandbox('read -r stat </proc/$PPID/stat; echo "$stat" >$HOME/wrapper; exit 0', {
      now: () => new Date(),
    });
    const env = { ...box.host.env, PIPELINEWISE_SCHED_HOST: "testhost" };
    const policies = { catchUpMs: 12 * 3_600_000 };
    box.install([
      anEntry({ crons: [halfAnHourAgo()], since: new Date(Date.now() - 7_200_000).toISOString(), policies }),
    ]);
    const stored = await readStored(box.paths, "pipelinewise", box.host);
    if (stored?.host === undefined) throw new Error("nothing is installed");
    const context = { host: { ...box.host, env }, paths: box.paths, schedule: stored.storedSchedule, at: new Date() };
    const log = { info() {}, warn() {}, error() {} };
    await catchUp({ ...context, install: stored.host, log }, { wait: async () => {} });
    expect(await poll(box.records, ({ length }) => length > 0)).toMatchObject([
      { outcome: "succeeded", scheduled: true, detail: expect.stringMatching(/^caught up on the missed due time /) },
    ]);
    // The fields after the name of the program: state, parent, process group, session.
    const [pid, , , group, session] = readFileSync(box.file("wrapper"), "utf8")
      .replace(/ \(.*\)/, "")
      .split(" ");
    expect({ group, session }).toEqual({ group: pid, session: pid });
  });

  test("is quiet with nothing to do, and records the slot", async () => {
    const box = twoHosts();
    expect(await start(box, "testhost").ended).toEqual({ code: 0, output: "" });
    const before = readFileSync(tendFile(box.paths, "pipelinewise"), "utf8");
    expect(JSON.parse(before)).toMatchObject({ host: "testhost", faults: {} });
    expect(existsSync(lockDirectory(box.paths, tendLockOf("pipelinewise")))).toBe(false);
  });

  test("two hosts at once record a lost run once", async () => {
    const box = twoHosts();
    leaveDeadLock(box.paths);
    const ended = await Promise.all(["testhost", "other", "testhost", "other"].map((name) => start(box, name).ended));
    expect(ended.map(({ code }) => code)).toEqual([0, 0, 0, 0]);
    expect(ended.filter(({ output }) => output.includes("was lost"))).toHaveLength(1);
    expect(await box.records()).toHaveLength(1);
  });

  test("the next one takes over from one that was killed half-way", async () => {
    const box = twoHosts();
    const copy = box.file("program");
    for (const part of ["bin", "dist"]) cpSync(part, join(copy, part), { recursive: true });
    // A pipe without a writer in place of a part: the first one stops when it loads the part, under its lock.
    const chunks = join(copy, "dist/chunks");
    const name = readdirSync(chunks).find((file) => /^lost-runs-[\w-]+\.cjs$/.test(file) && isPart(join(chunks, file)));
    const chunk = join(chunks, name ?? "none");
    rmSync(chunk);
    spawnSync("mkfifo", [chunk]);
    const first = start(box, "testhost", join(copy, "bin/pipelinewise-sched.cjs"));
    const lock = lockDirectory(box.paths, tendLockOf("pipelinewise"));
    await until("the first one has the lock", () => existsSync(lock) && readdirSync(lock).length > 0);
    expect(await start(box, "testhost").ended).toEqual({ code: 0, output: "" });
    first.child.kill("SIGKILL");
    await first.ended;
    expect(existsSync(tendFile(box.paths, "pipelinewise"))).toBe(false);
    leaveDeadLock(box.paths);
    expect(await start(box, "testhost").ended).toMatchObject({ code: 0 });
    expect(await box.records()).toHaveLength(1);
    expect(existsSync(lock)).toBe(false);
    expect(existsSync(tendFile(box.paths, "pipelinewise"))).toBe(true);
  });
});
