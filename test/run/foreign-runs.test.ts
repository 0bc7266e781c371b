import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { runMain } from "../../src/cli/run-command.ts";
import { appendRecord } from "../../src/history/store.ts";
import { argvOf, commandFor } from "../../src/run/checks/foreign-runs.ts";
import { findTraces } from "../../src/run/checks/leftovers.ts";
import { wasRefused } from "../../src/run/checks/preflight.ts";
import { tempFolder } from "../support/host.ts";
import { DEAD_RUN, LAST_BEAT, leaveDeadLock } from "./dead-run.ts";
import { PAIR_WORDS, sandbox, until } from "./sandbox.ts";

const PAIR = { tap: "microserv_1", target: "redshift" };

describe("a process's arguments", () => {
  test.each([
    ["python /opt/pw/bin/pipelinewise run_tap --tap microserv_1 --target redshift", "run_tap"],
    ["pipelinewise sync_tables --target=redshift --tap=microserv_1 --tables a.b", "sync_tables"],
    ["docker run --rm image partial_sync_table --tap microserv_1 --target redshift", "partial_sync_table"],
    ["docker run --rm wise/pipelinewise:0.81.1 fast_sync --tap microserv_1 --target redshift", "fast_sync"],
    ["python3 -u -m pipelinewise fast_sync --tap microserv_1 --target redshift", "fast_sync"],
    ["pipelinewise full-resync --tap microserv_1 --target redshift", "full-resync"],
    ["python3 -X dev -m pipelinewise fast_sync --tap microserv_1 --target redshift", "fast_sync"],
    ["python3 -c code pipelinewise fast_sync --tap microserv_1 --target redshift", "fast_sync"],
    ["watch -n 600 /bin/true pipelinewise run_tap --tap microserv_1 --target redshift", undefined],
    ["python3 /opt/elt/loader reset_state --tap microserv_1 --target redshift", "reset_state"],
    [
      "pipelinewise --table a --col status --tap microserv_1 --target redshift partial_sync_table",
      "partial_sync_table",
    ],
    ["pipelinewise --mode validate --tap microserv_1 --target redshift fast_sync", "fast_sync"],
    ["docker exec pipelinewise pipelinewise fast_sync --tap microserv_1 --target redshift", "fast_sync"],
    ["docker exec pipelinewise pipelinewise status --tap microserv_1 --target redshift", undefined],
    // Launchers: what they have started is a process of its own.
    ["timeout 3h pipelinewise run_tap --tap microserv_1 --target redshift", undefined],
    ["tmux new-session -d pipelinewise run_tap --tap microserv_1 --target redshift", undefined],
    // Our own starts, also where other arguments have that name.
    [
      "node /x/pipelinewise-sched.cjs run --config-dir /srv/pipelinewise --tap microserv_1 --target redshift --command fast_sync",
      undefined,
    ],
    ["sudo -u pipelinewise pipelinewise-sched run --tap microserv_1 --target redshift", undefined],
    ["pipelinewise --tap microserv_1 --targ redshift reset_state", "reset_state"],
    ["pipelinewise --debug a_later_command --later 5 --tap microserv_1 --target redshift", "a_later_command"],
    ["pipelinewise --tap status --tap microserv_1 --target redshift later_command", "later_command"],
    ["pipelinewise run_data_diff_checks --tap microserv_1 --target redshift", undefined],
    ["pipelinewise discover_tap --tap microserv_1 --target redshift", undefined],
    ["tail -f --tap microserv_1 --target redshift", undefined],
    ["timeout 3h pipelinewise-sched run --command fast_sync --tap microserv_1 --target redshift", undefined],
    ["pipelinewise run_tap --tap microserv_2 --target redshift", undefined],
    ["pipelinewise run_tap --tap microserv_1 --target snowflake", undefined],
    ["pipelinewise status --tap microserv_1 --target redshift", undefined],
    ["node /x/bin/pipelinewise-sched.cjs run --command run_tap --tap microserv_1 --target redshift", undefined],
    ["", undefined],
  ])("%s: %s", (line, command) => {
    expect(commandFor(line.split(" "), PAIR)).toBe(command);
  });
});

test("a process that runs data-diff checks needs the lock of the checks, and no other process does", () => {
  const words = (command: string) => ["pipelinewise", command, "--tap", "microserv_1", "--target", "redshift"];
  const checks = { ...PAIR, dataDiff: true };
  expect(commandFor(words("run_data_diff_checks"), checks)).toBe("run_data_diff_checks");
  expect(commandFor(words("list_data_diff_checks"), checks)).toBeUndefined();
  expect(commandFor(words("run_tap"), checks)).toBeUndefined();
  const covering = (line: string) => commandFor(`pipelinewise run_data_diff_checks ${line}`.split(" "), checks);
  expect(covering("--all")).toBe("run_data_diff_checks");
  expect(covering("--target redshift")).toBe("run_data_diff_checks");
  expect(covering("--target snowflake")).toBeUndefined();
  expect(covering("--target redshift --tap microserv_2")).toBeUndefined();
});

test("a process's arguments are read whole, however many tables precede the ids", async () => {
  const tables = Array.from({ length: 3000 }, (_, index) => `public.table_${index}`).join(",");
  const words = ["/bin/sh", "-c", "sleep 600; :", "fast_sync", "--tables", tables, "--tap", "é"];
  const child = spawn("/bin/sh", words.slice(1), { stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  await until(() => argvOf(child.pid ?? 0).at(-1) === "é");
  expect(argvOf(child.pid ?? 0).map((word) => word.length)).toEqual(words.map((word) => word.length));
});

/** A process that looks like a run of PipelineWise, in a config directory. */
async function startExternal(
  program: string,
  configDir: string,
  words: readonly string[],
  command = "run_tap",
): Promise<ChildProcess> {
  const child = spawn("/bin/sh", [program, command, ...words], {
    env: { PATH: "/usr/bin:/bin", PIPELINEWISE_CONFIG_DIRECTORY: configDir },
    stdio: "ignore",
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  // A fork has its parent's words until it has become the program.
  await until(() => readFileSync(`/proc/${child.pid}/cmdline`, "utf8").includes(command));
  return child;
}

/** Stands for a hand-started PipelineWise that goes on. */
function slowProgram(): string {
  const path = join(tempFolder(), "pipelinewise");
  writeFileSync(path, "while :; do sleep 0.2; done\n");
  return path;
}

describe("a run that others started", () => {
  test.each([
    ["--tap", "microserv_1", "--target", "redshift"],
    ["--target=redshift", "--tap=microserv_1"],
  ])("is seen by its words, and skips ours: %s %s", async (...words) => {
    const { host, file, paths, records } = sandbox("touch $HOME/ran");
    const external = await startExternal(slowProgram(), paths.configDir, words);
    expect(await runMain(PAIR_WORDS, host)).toBe(75);
    expect(host.err()).toContain(
      `skipped (external): microserv_1 → redshift is run by pid ${external.pid} (run_tap), which this program did not start`,
    );
    expect(existsSync(file("ran"))).toBe(false);
    expect(await records()).toMatchObject([{ outcome: "skipped", reason: "external" }]);
  });

  test.each(["fast_sync", "a_command_of_a_later_release"])("by the command %s skips ours", async (command) => {
    const { host, file, paths } = sandbox("touch $HOME/ran");
    const external = await startExternal(slowProgram(), paths.configDir, PAIR_WORDS, command);
    expect(await runMain(PAIR_WORDS, host)).toBe(75);
    expect(host.err()).toContain(`is run by pid ${external.pid} (${command}), which this program did not start`);
    expect(existsSync(file("ran"))).toBe(false);
  });

  test("of data-diff checks does not stop replication", async () => {
    const { host, file, paths } = sandbox("touch $HOME/ran");
    await startExternal(slowProgram(), paths.configDir, PAIR_WORDS, "run_data_diff_checks");
    expect(await runMain(PAIR_WORDS, host)).toBe(0);
    expect(existsSync(file("ran"))).toBe(true);
  });

  test("in another config directory is another pipeline", async () => {
    const { host, file } = sandbox("touch $HOME/ran");
    await startExternal(slowProgram(), tempFolder(), PAIR_WORDS);
    expect(await runMain(PAIR_WORDS, host)).toBe(0);
    expect(existsSync(file("ran"))).toBe(true);
  });

  test("is believed when PipelineWise's pidfile names it, whatever its environment", async () => {
    const { host, paths } = sandbox("touch $HOME/ran");
    const external = await startExternal(slowProgram(), tempFolder(), PAIR_WORDS);
    const { pidfile } = tapFolder(paths.configDir);
    writeFileSync(pidfile, String(external.pid));
    expect(await runMain(PAIR_WORDS, host)).toBe(75);
    expect(host.err()).toContain(`pid ${external.pid}`);
    expect(existsSync(pidfile)).toBe(true);
  });

  test("is believed when the pidfile names any live process that is older than the pidfile", async () => {
    const { host, paths, file } = sandbox("touch $HOME/ran");
    const child = spawn("sleep", ["600"], { stdio: "ignore" });
    onTestFinished(() => void child.kill("SIGKILL"));
    const { pidfile } = tapFolder(paths.configDir);
    writeFileSync(pidfile, `${child.pid}\n`);
    expect(await runMain(PAIR_WORDS, host)).toBe(75);
    expect(host.err()).toContain(
      `skipped (external): microserv_1 → redshift is run by pid ${child.pid} (sleep), which this program did not start: ${pidfile} names that process`,
    );
    expect(existsSync(file("ran"))).toBe(false);
    expect(readFileSync(pidfile, "utf8")).toBe(`${child.pid}\n`);
  });

  test("that PipelineWise itself met is a skip, not a failure", async () => {
    const { host, records } = sandbox(
      'echo "time=2026-11-23 10:50:48 logger_name=pipelinewise.cli.pipelinewise log_level=ERROR message=Another instance of the tap is already running."; exit 1',
    );
    expect(await runMain(PAIR_WORDS, host)).toBe(75);
    expect(await records()).toMatchObject([{ outcome: "skipped", reason: "external" }]);
  });

  test("only PipelineWise's own last words count", () => {
    expect(wasRefused(1, "Another instance of the tap is already running.\n")).toBe(true);
    expect(wasRefused(1, "Another instance of the tap is already running.\nand more\n")).toBe(false);
    expect(wasRefused(2, "Another instance of the tap is already running.\n")).toBe(false);
    expect(wasRefused(1, undefined)).toBe(false);
  });
});

/** PipelineWise's folder of the pipeline. */
function tapFolder(configDir: string) {
  const folder = join(configDir, "redshift", "microserv_1");
  mkdirSync(join(folder, "log"), { recursive: true });
  const logs = () => readdirSync(join(folder, "log"));
  const log = (stamp: string) => {
    writeFileSync(join(folder, "log", `redshift-microserv_1-${stamp}.singer.log.running`), "rows\n");
  };
  return { pidfile: join(folder, "pipelinewise.pid"), state: join(folder, "state.json"), log, logs };
}

/** A pid namespace of its own, where pids are given out one after the other and to nobody else. */
const OWN_PIDS = ["--pid", "--fork", "--mount-proc", "--kill-child", "bash", "-c"];
const canUnshare = existsSync("dist/run.cjs") && spawnSync("unshare", [...OWN_PIDS, "true"]).status === 0;

/** Writes the pidfile, and a second later starts a process that gets the pid in it; then starts our program. */
const REUSE_PID = `
  echo 200 >"$1"; sleep 1.5
  while :; do sleep 600 & [ $! -eq 200 ] && break; kill $!; wait $! 2>/dev/null; done
  exec "$2" "$3" run --tap microserv_1 --target redshift`;

test.skipIf(!canUnshare)(
  "a pid that was used again names no run: its process started after the pidfile was written",
  () => {
    const { host, home, paths } = sandbox();
    const { pidfile } = tapFolder(paths.configDir);
    const words = [...OWN_PIDS, REUSE_PID, "", pidfile, process.execPath, host.program];
    const { status, stderr } = spawnSync("unshare", words, { env: { ...host.env }, cwd: home, encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
    expect(existsSync(pidfile)).toBe(false);
  },
);

describe("what a dead run left", () => {
  test.each(["4194999", "4294967296", "not a pid", String(process.pid), ""])(
    "a pidfile that says %j goes",
    async (text) => {
      const { host, paths } = sandbox();
      const { pidfile } = tapFolder(paths.configDir);
      writeFileSync(pidfile, text);
      expect(await runMain(PAIR_WORDS, host)).toBe(0);
      expect(existsSync(pidfile)).toBe(false);
    },
  );

  test("its log is called .terminated, and state.json stays as it was", async () => {
    const { host, paths } = sandbox();
    leaveDeadLock(paths);
    const { log, logs, state } = tapFolder(paths.configDir);
    writeFileSync(state, "half a sta");
    log("20261123_090001");
    expect(await runMain(PAIR_WORDS, host)).toBe(0);
    expect(logs()).toEqual(["redshift-microserv_1-20261123_090001.singer.log.terminated"]);
    expect(readFileSync(state, "utf8")).toBe("half a sta");
  });

  test("a log that no run of ours wrote, and that is young, may be another host's: skipped, and not touched", async () => {
    const { host, paths, records } = sandbox("touch $HOME/ran");
    leaveDeadLock(paths);
    const { log, logs } = tapFolder(paths.configDir);
    log("20261123_113000");
    expect(await runMain(PAIR_WORDS, host)).toBe(75);
    expect(host.err()).toContain("may be running on another host");
    expect(logs()).toEqual(["redshift-microserv_1-20261123_113000.singer.log.running"]);
    expect((await records()).map(({ reason }) => reason)).toContain("external");
  });

  test("a log that nobody has written for long is nobody's", async () => {
    const { host, paths } = sandbox();
    mkdirSync(paths.root, { mode: 0o700 });
    tapFolder(paths.configDir).log("20261123_113000");
    const found = await findTraces(paths, PAIR, host, { ourRuns: [], foreignMs: -1 });
    expect(found).toMatchObject({ kind: "leftovers", leftovers: { logs: [expect.stringContaining("113000")] } });
    expect(readdirSync(paths.root)).toEqual([]);
  });

  test("a run of ours that was killed puts its own things away", async () => {
    const { host, paths } = sandbox(`
      folder=$PIPELINEWISE_CONFIG_DIRECTORY/redshift/microserv_1
      mkdir -p $folder/log; echo $$ > $folder/pipelinewise.pid
      touch $folder/log/redshift-microserv_1-20261123_120000.fastsync.log.running
      kill -9 $$`);
    expect(await runMain(PAIR_WORDS, host)).toBe(137);
    const { pidfile, logs } = tapFolder(paths.configDir);
    expect(existsSync(pidfile)).toBe(false);
    expect(logs()).toEqual(["redshift-microserv_1-20261123_120000.fastsync.log.terminated"]);
  });
});

describe("a disabled tap", () => {
  const config = (enabled: unknown) => ({ targets: [{ id: "redshift", taps: [{ id: "microserv_1", enabled }] }] });

  test("is skipped before PipelineWise starts", async () => {
    const { host, paths, file, records } = sandbox("touch $HOME/ran");
    writeFileSync(join(paths.configDir, "config.json"), JSON.stringify(config(false)));
    expect(await runMain(PAIR_WORDS, host)).toBe(75);
    expect(host.err()).toContain("skipped (disabled): microserv_1 → redshift is disabled in");
    expect(existsSync(file("ran"))).toBe(false);
    expect(await records()).toMatchObject([{ outcome: "skipped", reason: "disabled" }]);
  });

  test.each([JSON.stringify(config(true)), JSON.stringify(config(undefined)), "{", "null", "[]", '{"targets": 4}'])(
    "nothing else keeps a tap from running: %s",
    async (text) => {
      const { host, paths } = sandbox();
      writeFileSync(join(paths.configDir, "config.json"), text);
      expect(await runMain(PAIR_WORDS, host)).toBe(0);
    },
  );
});

describe("a run whose process died", () => {
  test("is recorded as lost by the next start, with its last sign of life", async () => {
    const { host, paths, records } = sandbox();
    leaveDeadLock(paths, { task: "sync_tables#weekly 2026-11-23T09:00:00.000Z" });
    expect(await runMain(PAIR_WORDS, host)).toBe(0);
    const lost = (await records()).find(({ outcome }) => outcome === "lost");
    expect(lost).toMatchObject({
      id: DEAD_RUN.id,
      command: "sync_tables",
      entry: "weekly",
      slot: "2026-11-23T09:00:00.000Z",
      scheduled: true,
      host: "testhost",
      startedAt: DEAD_RUN.startedAt,
      endedAt: LAST_BEAT,
    });
    expect(lost?.detail).toContain("found by the next start, on host testhost");
  });

  test("is recorded once, however many find it at once", async () => {
    const { host, paths, records } = sandbox();
    leaveDeadLock(paths);
    await Promise.all(Array.from({ length: 8 }, () => runMain(PAIR_WORDS, host)));
    expect((await records()).filter(({ outcome }) => outcome === "lost")).toHaveLength(1);
  });

  test("is not recorded once more when it died behind its own last word", async () => {
    const { host, paths, records } = sandbox();
    leaveDeadLock(paths);
    await appendRecord(paths, host, {
      ...{ ...PAIR, ...DEAD_RUN, command: "run_tap", outcome: "failed", exitCode: 1, host: "testhost" },
      ...{ scheduled: false, endedAt: "2026-11-23T09:10:05.000Z" },
    });
    expect(await runMain(PAIR_WORDS, host)).toBe(0);
    expect((await records()).map(({ outcome }) => outcome)).toEqual(["succeeded", "failed"]);
  });
});
