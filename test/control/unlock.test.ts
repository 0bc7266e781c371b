import { spawn } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { RUN_TOKEN_ENV } from "../../src/lock/lock.ts";
import { flockFile, lockDirectory, wrapperLogFile } from "../../src/storage/paths.ts";
import { DEAD_RUN, LAST_BEAT, leaveDeadLock, leaveLockedProcess } from "../run/dead-run.ts";
import { testHost } from "../support/host.ts";
import { PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { pidIn } from "../support/wait.ts";

const PAIR = { tap: "microserv_1", target: "redshift", dataDiff: false };
const OTHER_BOOT = "ffffffff-0000-0000-0000-000000000000";

const rows = (out: string): { running: unknown; lastRun: unknown }[] => JSON.parse(out).pipelines;

describe("unlock", () => {
  test("clears the lock of a run that is proved dead, explains it, and records the run as lost", async () => {
    const { host, paths, records } = sandbox();
    leaveDeadLock(paths);
    expect(await main(["unlock"], host)).toBe(0);
    expect(host.out()).toContain(`held by host testhost, pid `);
    expect(host.out()).toContain(`run ${DEAD_RUN.id} since ${DEAD_RUN.startedAt}`);
    expect(host.out()).toContain("microserv_1 → redshift: DEAD: process ");
    expect(host.out()).toContain("microserv_1 → redshift: free\n");
    expect(existsSync(lockDirectory(paths, PAIR))).toBe(false);
    expect(await records()).toMatchObject([{ id: DEAD_RUN.id, outcome: "lost", endedAt: LAST_BEAT }]);
    expect(await main(["unlock"], host)).toBe(0);
    expect(host.out()).toMatch(/No lock is held\.\n$/);
  });

  describe.each(["import_config", "restore_state"])("clears the lock of a dead %s", (task) => {
    test.each([
      { by: "unlock", words: ["unlock"], says: "cleared\n" },
      { by: "stop", words: ["stop", ...PAIR_WORDS], says: "its wrapper had died, and its lock was removed\n" },
      { by: "a start", words: ["run", ...PAIR_WORDS], says: "" },
    ])("by $by, which records no lost run", async ({ words, says }) => {
      const { host, paths, records, install } = sandbox();
      install();
      leaveDeadLock(paths, { task });
      expect(await main(["status", "--json"], host)).toBe(0);
      expect(rows(host.out())).toMatchObject([{ running: null, lastRun: null }]);
      await (words[0] === "run" ? runMain(words.slice(1), host) : main(words, host));
      expect(existsSync(lockDirectory(paths, PAIR))).toBe(false);
      expect(host.out()).toContain(says);
      expect(host.err()).not.toContain("was lost");
      expect((await records()).filter(({ outcome }) => outcome === "lost")).toEqual([]);
    });
  });

  test.each([
    { title: "unlock", command: "unlock", more: () => [], code: 75 },
    { title: "unlock --force", command: "unlock", more: (token: string) => ["--force", "--token", token], code: 75 },
    { title: "stop", command: "stop", more: () => [], code: 74 },
  ])(
    "$title does not clear the lock of a dead run while a process has its kernel lock",
    async ({ command, more, code }) => {
      const { host, paths, records } = sandbox();
      const { token } = leaveDeadLock(paths);
      const end = await leaveLockedProcess(paths);
      const words = [command, ...PAIR_WORDS, ...more(token)];
      expect(await main(words, host)).toBe(code);
      const said = `other processes hold its lock. Find and end them as root: fuser -v ${flockFile(paths, PAIR)}`;
      expect(host.out() + host.err()).toContain(said);
      expect(readdirSync(lockDirectory(paths, PAIR))).toHaveLength(1);
      expect(await records()).toEqual([]);
      await end();
      expect(await main(words, host)).toBe(0);
      expect(existsSync(lockDirectory(paths, PAIR))).toBe(false);
      expect(await records()).toMatchObject([{ id: DEAD_RUN.id, outcome: "lost" }]);
    },
  );

  test("ends with 66 for a pipeline that nothing names, and says that a known one is free", async () => {
    const { host, install } = sandbox();
    expect(await main(["unlock", "--tap", "nosuch", "--target", "redshift"], host)).toBe(66);
    install();
    expect(await main(["unlock", "--tap", "nosuch", "--target", "redshift"], host)).toBe(66);
    expect(host.err()).toMatch(
      /nosuch → redshift is not in an installed schedule, in \S+config.json or in the history\n/,
    );
    expect(host.out()).toBe("");
    expect(await main(["unlock", ...PAIR_WORDS], host)).toBe(0);
    expect(host.out()).toBe("microserv_1 → redshift: free\n");
  });

  test("does not remove the lock of a run that is running here, not even by force, and points to stop", async () => {
    const { host, file, paths } = sandbox("echo $$ > $HOME/leader; exec sleep 600");
    const running = runMain(PAIR_WORDS, host);
    await pidIn(file("leader"));
    expect(await main(["unlock", ...PAIR_WORDS], host)).toBe(75);
    expect(host.out()).toContain(`ALIVE: process ${process.pid} runs on this host`);
    expect(host.out()).toContain("pipelinewise-sched stop --tap microserv_1 --target redshift");
    const [token = ""] = readdirSync(lockDirectory(paths, PAIR)).map((name) => name.replace(/^owner\.|\.json$/g, ""));
    expect(await main(["unlock", ...PAIR_WORDS, "--token", token, "--force"], host)).toBe(75);
    expect(readdirSync(lockDirectory(paths, PAIR))).toHaveLength(1);
    host.signals.emit("SIGTERM");
    await running;
  });

  test("reports a run in another container as alive if its pipeline is visible here, as a start does", async () => {
    const { host, paths } = sandbox();
    const { token } = leaveDeadLock(paths, { pidNamespace: "1" });
    const child = spawn("sleep", ["600"], { env: { [RUN_TOKEN_ENV]: token, PATH: "/usr/bin:/bin" }, stdio: "ignore" });
    onTestFinished(() => void child.kill("SIGKILL"));
    const said = `it is in another container of this machine, and its pipeline is running: sleep (pid ${child.pid})`;
    expect(await main(["unlock", ...PAIR_WORDS, "--token", token, "--force"], host)).toBe(75);
    expect(host.err()).toContain(`ALIVE: ${said}`);
    expect(await runMain(PAIR_WORDS, host)).toBe(75);
    expect(host.err()).toContain(said);
  });

  test("clears another host's lock only by force, and records that in the history and in the wrapper log", async () => {
    const { host, paths, records } = sandbox();
    const { token } = leaveDeadLock(paths, { bootId: OTHER_BOOT, host: "far" });
    expect(await main(["unlock", ...PAIR_WORDS], host)).toBe(75);
    expect(host.out()).toContain("UNKNOWN");
    expect(host.out()).toContain(`--token ${token} --force`);
    expect(await records()).toEqual([]);
    const force = ["unlock", ...PAIR_WORDS, "--token", token.slice(0, 12), "--force", "--reason", "its disk burnt"];
    expect(await main(force, host)).toBe(0);
    expect(existsSync(lockDirectory(paths, PAIR))).toBe(false);
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
  test("shows a dead run as lost and changes nothing; the next start records and reports it once", async () => {
    const { host, paths, records, install } = sandbox();
    install();
    leaveDeadLock(paths);
    const before = readdirSync(paths.root, { recursive: true }).sort();
    expect(await main(["status", "--json"], host)).toBe(0);
    const detail = expect.stringContaining("found by status, on host testhost; the next start records it");
    const lost = { id: DEAD_RUN.id, outcome: "lost", endedAt: LAST_BEAT, detail };
    expect(rows(host.out())).toMatchObject([{ running: null, lastRun: lost }]);
    expect(readdirSync(paths.root, { recursive: true }).sort()).toEqual(before);
    expect(await records()).toEqual([]);
    const start = testHost({ env: host.env, cwd: host.cwd });
    expect(await runMain([...PAIR_WORDS, "--scheduled"], start)).toBe(0);
    expect(start.err()).toMatch(
      /^pipelinewise-sched: microserv_1 → redshift: the run of \S+ on host testhost was lost: /,
    );
    expect((await records()).map(({ outcome }) => outcome).sort()).toEqual(["lost", "succeeded"]);
  });

  test("shows how a dead run ended, if it has a record, and the newest run, if a dead one is older", async () => {
    const { host, paths, install } = sandbox();
    install();
    expect(await runMain(PAIR_WORDS, host)).toBe(0);
    leaveDeadLock(paths);
    await main(["status", "--json"], host);
    expect(rows(host.out())).toMatchObject([{ lastRun: { outcome: "succeeded" } }]);
  });

  test("shows a run of another host as running", async () => {
    const { host, paths, install } = sandbox();
    install();
    leaveDeadLock(paths, { bootId: OTHER_BOOT, host: "far" });
    await main(["status", "--json"], host);
    expect(rows(host.out())[0]).toMatchObject({ running: { host: "far", runId: DEAD_RUN.id }, lastRun: null });
  });
});
