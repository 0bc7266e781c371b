import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { RUN_MARK } from "../../src/lock/lock.ts";
import { lockFolder, wrapperLogFile } from "../../src/storage/paths.ts";
import { DEAD_RUN, LAST_BEAT, leaveDeadLock } from "../run/dead-run.ts";
import { PAIR_WORDS, pidIn, sandbox } from "../run/sandbox.ts";

const PAIR = { tap: "microserv_1", target: "redshift" };
const OTHER_BOOT = "ffffffff-0000-0000-0000-000000000000";

describe("unlock", () => {
  test("clears what is proved dead, says why, and has it recorded as lost", async () => {
    const { host, paths, records } = sandbox();
    leaveDeadLock(paths);
    expect(await main(["unlock"], host)).toBe(0);
    expect(host.out()).toContain(`held by host testhost, pid `);
    expect(host.out()).toContain(`run ${DEAD_RUN.id} since ${DEAD_RUN.startedAt}`);
    expect(host.out()).toContain("microserv_1 → redshift: DEAD: process ");
    expect(host.out()).toContain("microserv_1 → redshift: free\n");
    expect(existsSync(lockFolder(paths, PAIR))).toBe(false);
    expect(await records()).toMatchObject([{ id: DEAD_RUN.id, outcome: "lost", endedAt: LAST_BEAT }]);
    expect(await main(["unlock"], host)).toBe(0);
    expect(host.out()).toMatch(/No lock is held\.\n$/);
  });

  test("leaves alone who lives here, also by force, and names stop", async () => {
    const { host, file, paths } = sandbox("echo $$ > $HOME/leader; exec sleep 600");
    const running = runMain(PAIR_WORDS, host);
    await pidIn(file("leader"));
    expect(await main(["unlock", ...PAIR_WORDS], host)).toBe(75);
    expect(host.out()).toContain(`ALIVE: process ${process.pid} runs on this host`);
    expect(host.out()).toContain("pipelinewise-sched stop --tap microserv_1 --target redshift");
    const [token = ""] = readdirSync(lockFolder(paths, PAIR)).map((name) => name.replace(/^owner\.|\.json$/g, ""));
    expect(await main(["unlock", ...PAIR_WORDS, "--token", token, "--force"], host)).toBe(75);
    expect(readdirSync(lockFolder(paths, PAIR))).toHaveLength(1);
    host.signals.emit("SIGTERM");
    await running;
  });

  test("says of a run in another container whose pipeline is seen here that it is alive, as a start does", async () => {
    const { host, paths } = sandbox();
    const { token } = leaveDeadLock(paths, { pidNamespace: "1" });
    const child = spawn("sleep", ["600"], { env: { [RUN_MARK]: token, PATH: "/usr/bin:/bin" }, stdio: "ignore" });
    onTestFinished(() => void child.kill("SIGKILL"));
    const said = `it is in another container of this machine, and its pipeline is running: ${child.pid}`;
    expect(await main(["unlock", ...PAIR_WORDS, "--token", token, "--force"], host)).toBe(75);
    expect(host.err()).toContain(`ALIVE: ${said}`);
    expect(await runMain(PAIR_WORDS, host)).toBe(75);
    expect(host.err()).toContain(said);
  });

  test("clears another host's lock by force only, and that is in the history and in the wrapper's log", async () => {
    const { host, paths, records } = sandbox();
    const { token } = leaveDeadLock(paths, { bootId: OTHER_BOOT, host: "far" });
    expect(await main(["unlock", ...PAIR_WORDS], host)).toBe(75);
    expect(host.out()).toContain("UNKNOWN");
    expect(host.out()).toContain(`--token ${token} --force`);
    expect(await records()).toEqual([]);
    const force = ["unlock", ...PAIR_WORDS, "--token", token.slice(0, 12), "--force", "--why", "its disk burnt"];
    expect(await main(force, host)).toBe(0);
    expect(existsSync(lockFolder(paths, PAIR))).toBe(false);
    const [record] = await records();
    expect(record).toMatchObject({ id: DEAD_RUN.id, outcome: "lost", host: "far" });
    expect(record?.detail).toMatch(/its lock was removed by force by \S+ on host testhost \(its disk burnt\)$/);
    expect(readFileSync(wrapperLogFile(paths, "testhost"), "utf8")).toContain('"msg":"lock removed by force"');
  });

  test.each([
    [["--token", "0123456789", "--force"], "--tap and --target are missing", 64],
    [[...PAIR_WORDS, "--force"], "--force needs --token PREFIX", 64],
    [[...PAIR_WORDS, "--token", "0123456789"], "--token needs --force", 64],
    [[...PAIR_WORDS, "--token", "012", "--force"], "--token 012 is too short", 64],
    [["--tap", "microserv_1"], "--target is missing", 64],
    [[...PAIR_WORDS, "--token", "0123456789", "--force"], "no token in this lock begins with 0123456789", 66],
  ])("%j: %s", async (words, said, code) => {
    const { host, paths } = sandbox();
    leaveDeadLock(paths, { bootId: OTHER_BOOT, host: "far" });
    expect(await main(["unlock", ...words], host)).toBe(code);
    expect(host.err()).toContain(said);
  });
});

describe("status", () => {
  const rows = (out: string): { running: unknown; lastRun: unknown }[] => JSON.parse(out).pipelines;

  test("records a run whose process died as lost, once, however many ask at once", async () => {
    const { host, paths, records, install } = sandbox();
    install();
    leaveDeadLock(paths);
    expect(await Promise.all(Array.from({ length: 5 }, () => main(["status"], host)))).toEqual([0, 0, 0, 0, 0]);
    expect(await records()).toMatchObject([{ id: DEAD_RUN.id, outcome: "lost" }]);
    expect((await records())[0]?.detail).toContain("found by status, on host testhost");
  });

  test("shows a run of another host as running", async () => {
    const { host, paths, install } = sandbox();
    install();
    leaveDeadLock(paths, { bootId: OTHER_BOOT, host: "far" });
    await main(["status", "--json"], host);
    expect(rows(host.out())[0]).toMatchObject({ running: { host: "far", runId: DEAD_RUN.id }, lastRun: null });
  });
});
