import { spawn } from "node:child_process";
import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { stopRun } from "../../src/control/stop.ts";
import { RUN_TOKEN_ENV } from "../../src/lock/lock.ts";
import { LOCK_TIMING } from "../../src/lock/timing.ts";
import { openPipelineStore } from "../../src/run/pipeline-store.ts";
import { flockFile, lockDirectory, requestsDir, scheduleFile, wrapperLogFile } from "../../src/storage/paths.ts";
import { leaveDeadLock } from "../run/dead-run.ts";
import { startForeign } from "../support/foreign-run.ts";
import { isRunning } from "../support/processes.ts";
import { PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { pidIn, until, untilFile } from "../support/wait.ts";

const PAIR = { tap: "microserv_1", target: "redshift", dataDiff: false };
/** Looks for requests all the time; is never in a hurry. */
const TIMING = { graceMs: 600_000, killGraceMs: 600_000, heartbeatMs: 20 };

const STUBBORN = `
  trap '' TERM
  (while :; do sleep 0.2; done) & echo $! > $HOME/child
  echo $$ > $HOME/leader
  while :; do sleep 0.2; done`;

describe("stop", () => {
  test("asks the wrapper to end its run, shows each step, and records who stopped it and why", async () => {
    const { host, file, records, paths } = sandbox("echo $$ > $HOME/leader; exec sleep 600");
    const running = runMain(PAIR_WORDS, host, { timing: TIMING });
    const leader = await pidIn(file("leader"));
    await untilFile(requestsDir(paths, PAIR));
    writeFileSync(join(requestsDir(paths, PAIR), "0.1.2.3.4.answer"), "left by a stop that was killed\n");
    expect(await main(["stop", ...PAIR_WORDS, "--reason", "the source\n is moved"], host)).toBe(0);
    expect(await running).toBe(143);
    expect(isRunning(leader)).toBe(false);
    expect(host.err()).toContain(
      `microserv_1 → redshift: asked pid ${process.pid} on host testhost to stop the pipeline`,
    );
    expect(host.err()).toContain(`microserv_1 → redshift: sent SIGTERM to the pipeline process, pid ${leader}`);
    expect(host.out()).toContain("microserv_1 → redshift has ended: it was stopped after 0 s");
    const [record] = await records();
    expect(record).toMatchObject({ outcome: "stopped", exitCode: 143 });
    expect(record?.detail).toMatch(/^was stopped by \S+ on host testhost \(the source is moved\)$/);
    expect(readdirSync(requestsDir(paths, PAIR))).toEqual([]);
    expect(host.signals.eventNames()).toEqual([]);
  });

  test("--now kills a pipeline that ignores SIGTERM at once, with its children", async () => {
    const { host, file } = sandbox(STUBBORN);
    const running = runMain(PAIR_WORDS, host, { timing: TIMING });
    const [leader, child] = [await pidIn(file("leader")), await pidIn(file("child"))];
    expect(await main(["stop", ...PAIR_WORDS, "--now"], host)).toBe(0);
    expect(await running).toBe(143);
    expect([leader, child].filter(isRunning)).toEqual([]);
    expect(host.err()).toContain("sent SIGKILL to the remaining processes");
  });

  test("a second stop with --now skips the grace periods of the first", async () => {
    const { host, file } = sandbox(STUBBORN);
    const running = runMain(PAIR_WORDS, host, { timing: TIMING });
    await pidIn(file("leader"));
    const first = main(["stop", ...PAIR_WORDS], host);
    await until("SIGTERM is sent", () => host.err().includes("sent SIGTERM to the pipeline process"));
    expect(await main(["stop", ...PAIR_WORDS, "--now"], host)).toBe(0);
    expect(await first).toBe(0);
    expect(await running).toBe(143);
  });

  test("also ends a daemon that left the process group", async () => {
    const { host, file } = sandbox(`
      setsid sh -c 'trap "" TERM; echo $$ > $HOME/daemon; while :; do sleep 0.2; done' &
      echo $$ > $HOME/leader; exec sleep 600`);
    const running = runMain(PAIR_WORDS, host, { timing: { ...TIMING, killGraceMs: 20 } });
    const daemon = await pidIn(file("daemon"));
    await pidIn(file("leader"));
    expect(await main(["stop", ...PAIR_WORDS], host)).toBe(0);
    await running;
    expect(isRunning(daemon)).toBe(false);
  });

  test("--all ends every run", async () => {
    const { host, file } = sandbox("echo $$ > $HOME/$3; exec sleep 600");
    const taps = ["one", "two"];
    const runs = taps.map((tap) => runMain(["--tap", tap, "--target", "redshift"], host, { timing: TIMING }));
    await Promise.all(taps.map((tap) => pidIn(file(tap))));
    expect(await main(["stop", "--all"], host)).toBe(0);
    expect(await Promise.all(runs)).toEqual([143, 143]);
    expect(host.out()).toMatch(/one → redshift has ended/);
    expect(host.out()).toMatch(/two → redshift has ended/);
  });

  test.each([[PAIR_WORDS], [["--all"]]])("ends a run although a stored schedule cannot be read: %s", async (words) => {
    const { host, install, file, paths } = sandbox("echo $$ > $HOME/leader; exec sleep 600");
    install();
    const running = runMain(PAIR_WORDS, host, { timing: TIMING });
    await pidIn(file("leader"));
    writeFileSync(scheduleFile(paths, "torn"), '{"version', { mode: 0o600 });
    expect(await main(["stop", ...words], host)).toBe(0);
    expect(await running).toBe(143);
    expect(host.err()).not.toMatch(/torn.*torn/s);
  });

  test("is not an error if nothing is running", async () => {
    const { host, install } = sandbox();
    install();
    expect(await main(["stop", ...PAIR_WORDS], host)).toBe(0);
    expect(await main(["stop", "--all"], host)).toBe(0);
    expect(host.out()).toBe("microserv_1 → redshift is not running\nNo pipeline is running.\n");
  });

  test.each<[string, (box: ReturnType<typeof sandbox>) => unknown]>([
    ["an installed schedule", ({ install }) => install()],
    [
      "PipelineWise's config.json",
      ({ paths }) =>
        writeFileSync(
          join(paths.configDir, "config.json"),
          JSON.stringify({ targets: [{ id: "redshift", taps: [{ id: "microserv_1" }] }] }),
        ),
    ],
    ["the history", ({ host }) => runMain(PAIR_WORDS, host)],
    ["a lock of a dead run", ({ paths }) => leaveDeadLock(paths)],
  ])("knows a pipeline by %s", async (_, prepare) => {
    const box = sandbox();
    await prepare(box);
    expect(await main(["stop", ...PAIR_WORDS], box.host)).toBe(0);
    expect(box.host.out()).toContain("microserv_1 → redshift is not running");
    expect(await main(["stop", "--tap", "microserv_l", "--target", "redshift"], box.host)).toBe(66);
  });

  test("ends with 66 if nothing names the pipeline, also if nothing is stored", async () => {
    const { host, paths } = sandbox();
    expect(await main(["stop", ...PAIR_WORDS], host)).toBe(66);
    expect(host.out()).toBe("");
    expect(host.err()).toContain(
      `microserv_1 → redshift is not in an installed schedule, in ${paths.configDir}/config.json or in the history`,
    );
    expect(existsSync(paths.root)).toBe(false);
  });

  test.each([
    [PAIR_WORDS, "microserv_1", true],
    [["--tap", "run", "--target", "redshift"], "run", false],
    [["--all"], "microserv_1", true],
    [["--all"], "microserv_1", false],
  ])("%j names a foreign run of %s and does not end it (installed: %s)", async (words, tap, isInstalled) => {
    const { host, install, paths } = sandbox();
    if (isInstalled) install();
    else {
      const config = { targets: [{ id: "redshift", taps: [{ id: tap }] }] };
      writeFileSync(join(paths.configDir, "config.json"), JSON.stringify(config));
    }
    const foreign = await startForeign(paths.configDir, ["--tap", tap, "--target", "redshift"]);
    expect(await main(["stop", ...words], host)).toBe(74);
    expect(host.out()).toBe(
      `${tap} → redshift is run by pid ${foreign} (run_tap), which this program did not start. \`stop\` ends only runs of pipelinewise-sched; to end that process: kill ${foreign}\n`,
    );
    expect(isRunning(foreign)).toBe(true);
  });

  test("names a log that a run on another host may be writing", async () => {
    const { host, install, paths } = sandbox();
    install();
    const directory = join(paths.configDir, "redshift", "microserv_1", "log");
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(directory, "redshift-microserv_1-20261123_113000.singer.log.running"), "rows\n");
    expect(await main(["stop", ...PAIR_WORDS], host)).toBe(74);
    expect(host.out()).toContain("microserv_1 → redshift may be running on another host");
  });

  test.each([
    [[]],
    [["--tap", "microserv_1"]],
    [["--all", "--tap", "microserv_1"]],
    [["--tap", "a b", "--target", "c"]],
  ])("refuses %j with exit code 64", async (words) => {
    const { host } = sandbox();
    expect(await main(["stop", ...words], host)).toBe(64);
  });

  test("ends the processes of a dead wrapper, and records the run as lost", async () => {
    const { host, paths, records } = sandbox();
    const { token } = leaveDeadLock(paths);
    mkdirSync(dirname(flockFile(paths, PAIR)), { recursive: true });
    const flock = openSync(flockFile(paths, PAIR), "w");
    const start = (env: NodeJS.ProcessEnv, stdin: number | "ignore") => {
      const child = spawn("sleep", ["600"], {
        env: { PATH: "/usr/bin:/bin", ...env },
        stdio: [stdin, "ignore", "ignore"],
      });
      onTestFinished(() => void child.kill("SIGKILL"));
      return child.pid ?? 0;
    };
    const marked = start({ [RUN_TOKEN_ENV]: token }, "ignore");
    const locking = start({}, flock);
    closeSync(flock);
    const stranger = start({ [RUN_TOKEN_ENV]: "another token" }, "ignore");
    expect(await main(["stop", ...PAIR_WORDS, "--reason", "it hung"], host)).toBe(0);
    expect([marked, locking].filter(isRunning)).toEqual([]);
    expect(isRunning(stranger)).toBe(true);
    expect(existsSync(lockDirectory(paths, PAIR))).toBe(false);
    const [record] = await records();
    expect(record).toMatchObject({ outcome: "lost" });
    expect(record?.detail).toMatch(/its remaining processes were stopped by \S+ on host testhost \(it hung\)$/);
  });

  test("reports that another host did not answer, and removes its request", async () => {
    const { host, paths } = sandbox();
    leaveDeadLock(paths, { bootId: "ffffffff-0000-0000-0000-000000000000", host: "far" });
    const said: string[] = [];
    const context = {
      store: openPipelineStore(PAIR, { paths, host }),
      host,
      report: (text: string) => said.push(text),
      warn: (text: string) => said.push(text),
    };
    const timing = { ...LOCK_TIMING, heartbeatMs: 5 };
    const stopped = await stopRun(context, { by: "ada", reason: undefined, now: false, timing });
    expect(stopped.kind).toBe("alive");
    expect(stopped.summary).toContain("was not stopped: far did not answer; its last heartbeat was");
    expect(said).toEqual([expect.stringMatching(/^asked pid \d+ on host far to stop the pipeline$/)]);
    expect(readdirSync(requestsDir(paths, PAIR))).toEqual([]);
  });

  test.each([
    ["that others may write", '{"by": "mallory", "now": true}', 0o666],
    ["that is garbled", '{"by": 4}', 0o600],
  ])("a request %s stops nothing, and the wrapper logs it", async (_, text, mode) => {
    const { host, file, paths } = sandbox("echo $$ > $HOME/leader; while [ ! -e $HOME/go ]; do sleep 0.05; done");
    const running = runMain(PAIR_WORDS, host, { timing: TIMING });
    await pidIn(file("leader"));
    const [token = ""] = readdirSync(lockDirectory(paths, PAIR)).map((name) => name.replace(/^owner\.|\.json$/g, ""));
    await untilFile(requestsDir(paths, PAIR));
    const request = join(requestsDir(paths, PAIR), `${token}.stop.json`);
    writeFileSync(request, text);
    // The umask may have taken bits away.
    chmodSync(request, mode);
    const notes = () => readFileSync(wrapperLogFile(paths, host.name), "utf8");
    await until("the request is ignored", () => notes().includes("ignored a stop request"));
    writeFileSync(file("go"), "");
    expect(await running).toBe(0);
  });
});
