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
import { RUN_MARK } from "../../src/lock/lock.ts";
import { LOCK_TIMING } from "../../src/lock/timing.ts";
import { flockFile, lockFolder, requestsDir, wrapperLogFile } from "../../src/storage/paths.ts";
import { leaveDeadLock } from "../run/dead-run.ts";
import { PAIR_WORDS, pidIn, sandbox, until, works } from "../run/sandbox.ts";

const PAIR = { tap: "microserv_1", target: "redshift" };
/** Looks for requests all the time; is never in a hurry. */
const TIMING = { graceMs: 600_000, killGraceMs: 600_000, heartbeatMs: 20 };

const STUBBORN = `
  trap '' TERM
  (while :; do sleep 0.2; done) & echo $! > $HOME/child
  echo $$ > $HOME/leader
  while :; do sleep 0.2; done`;

describe("stop", () => {
  test("ends a run by the hand of its wrapper, tells each step, and leaves by whom and why in the history", async () => {
    const { host, file, records, paths } = sandbox("echo $$ > $HOME/leader; exec sleep 600");
    const running = runMain(PAIR_WORDS, host, { timing: TIMING });
    const leader = await pidIn(file("leader"));
    await until(() => existsSync(requestsDir(paths, PAIR)));
    writeFileSync(join(requestsDir(paths, PAIR), "0.1.2.3.4.answer"), "left by a stop that was killed\n");
    expect(await main(["stop", ...PAIR_WORDS, "--why", "the source\n is moved"], host)).toBe(0);
    expect(await running).toBe(143);
    expect(works(leader)).toBe(false);
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

  test("--now kills at once what would not go, children included", async () => {
    const { host, file } = sandbox(STUBBORN);
    const running = runMain(PAIR_WORDS, host, { timing: TIMING });
    const [leader, child] = [await pidIn(file("leader")), await pidIn(file("child"))];
    expect(await main(["stop", ...PAIR_WORDS, "--now"], host)).toBe(0);
    expect(await running).toBe(143);
    expect([leader, child].filter(works)).toEqual([]);
    expect(host.err()).toContain("sent SIGKILL to the remaining processes");
  });

  test("a second one without patience hastens the first", async () => {
    const { host, file } = sandbox(STUBBORN);
    const running = runMain(PAIR_WORDS, host, { timing: TIMING });
    await pidIn(file("leader"));
    const first = main(["stop", ...PAIR_WORDS], host);
    await until(() => host.err().includes("sent SIGTERM to the pipeline process"));
    expect(await main(["stop", ...PAIR_WORDS, "--now"], host)).toBe(0);
    expect(await first).toBe(0);
    expect(await running).toBe(143);
  });

  test("ends a daemon too that left the process group", async () => {
    const { host, file } = sandbox(`
      setsid sh -c 'trap "" TERM; echo $$ > $HOME/daemon; while :; do sleep 0.2; done' &
      echo $$ > $HOME/leader; exec sleep 600`);
    const running = runMain(PAIR_WORDS, host, { timing: { ...TIMING, killGraceMs: 20 } });
    const daemon = await pidIn(file("daemon"));
    await pidIn(file("leader"));
    expect(await main(["stop", ...PAIR_WORDS], host)).toBe(0);
    await running;
    expect(works(daemon)).toBe(false);
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

  test("of what does not run is no error", async () => {
    const { host } = sandbox();
    expect(await main(["stop", ...PAIR_WORDS], host)).toBe(0);
    expect(await main(["stop", "--all"], host)).toBe(0);
    expect(host.out()).toBe("microserv_1 → redshift is not running\nNo pipeline is running.\n");
  });

  test.each([
    [[]],
    [["--tap", "microserv_1"]],
    [["--all", "--tap", "microserv_1"]],
    [["--tap", "a b", "--target", "c"]],
  ])("%j is 64", async (words) => {
    const { host } = sandbox();
    expect(await main(["stop", ...words], host)).toBe(64);
  });

  test("ends what a dead wrapper left, and the run is recorded as lost", async () => {
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
    const marked = start({ [RUN_MARK]: token }, "ignore");
    const locking = start({}, flock);
    closeSync(flock);
    const stranger = start({ [RUN_MARK]: "another token" }, "ignore");
    expect(await main(["stop", ...PAIR_WORDS, "--why", "it hung"], host)).toBe(0);
    expect([marked, locking].filter(works)).toEqual([]);
    expect(works(stranger)).toBe(true);
    expect(existsSync(lockFolder(paths, PAIR))).toBe(false);
    const [record] = await records();
    expect(record).toMatchObject({ outcome: "lost" });
    expect(record?.detail).toMatch(/its remaining processes were stopped by \S+ on host testhost \(it hung\)$/);
  });

  test("says when another host gives no answer, and takes its request back", async () => {
    const { host, paths } = sandbox();
    leaveDeadLock(paths, { bootId: "ffffffff-0000-0000-0000-000000000000", host: "far" });
    const said: string[] = [];
    const control = { paths, host, say: (text: string) => said.push(text) };
    const timing = { ...LOCK_TIMING, heartbeatMs: 5 };
    const stopped = await stopRun(control, PAIR, { by: "ada", why: undefined, now: false, timing });
    expect(stopped.kind).toBe("alive");
    expect(stopped.words).toContain("was not stopped: far did not answer; its last heartbeat was");
    expect(said).toEqual([expect.stringMatching(/^asked pid \d+ on host far to stop the pipeline$/)]);
    expect(readdirSync(requestsDir(paths, PAIR))).toEqual([]);
  });

  test.each([
    ["that others may write", '{"by": "mallory", "now": true}', 0o666],
    ["that is garbled", '{"by": 4}', 0o600],
  ])("a request %s stops nothing, and that is noted", async (_, text, mode) => {
    const { host, file, paths } = sandbox("echo $$ > $HOME/leader; while [ ! -e $HOME/go ]; do sleep 0.05; done");
    const running = runMain(PAIR_WORDS, host, { timing: TIMING });
    await pidIn(file("leader"));
    const [token = ""] = readdirSync(lockFolder(paths, PAIR)).map((name) => name.replace(/^owner\.|\.json$/g, ""));
    await until(() => existsSync(requestsDir(paths, PAIR)));
    const request = join(requestsDir(paths, PAIR), `${token}.stop.json`);
    writeFileSync(request, text);
    // The umask may have taken bits away.
    chmodSync(request, mode);
    const notes = () => readFileSync(wrapperLogFile(paths, host.name), "utf8");
    await until(() => notes().includes("ignored a stop request"));
    writeFileSync(file("go"), "");
    expect(await running).toBe(0);
  });
});
