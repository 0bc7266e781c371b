import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test, vi } from "vitest";
import { runMain } from "../../src/cli/run-command.ts";
import { openHistory } from "../../src/history/store.ts";
import { argvOf, commandFor, endsWith, findForeignProcess, startArguments } from "../../src/run/checks/foreign-runs.ts";
import { findFileEvidence } from "../../src/run/checks/leftovers.ts";
import { startForeign } from "../support/foreign-run.ts";
import { tempDirectory } from "../support/host.ts";
import { sendSignal } from "../support/processes.ts";
import { PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { freezeTimers, until, untilFrozen } from "../support/wait.ts";
import { DEAD_RUN, LAST_BEAT, leaveDeadLock } from "./dead-run.ts";

const PAIR = { tap: "microserv_1", target: "redshift" };
const LOCK = { ...PAIR, dataDiff: false };

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
    ["docker run acme/pipelinewise-sched:2 run --command fast_sync --tap microserv_1 --target redshift", undefined],
    ["pipelinewise run_tap --tap microserv_2 --target redshift", undefined],
    ["pipelinewise run_tap --tap microserv_1 --target snowflake", undefined],
    ["pipelinewise status --tap microserv_1 --target redshift", undefined],
    ["node /x/bin/pipelinewise-sched.cjs run --command run_tap --tap microserv_1 --target redshift", undefined],
    ["", undefined],
  ])("%s: %s", (line, command) => {
    expect(commandFor(line.split(" "), LOCK)).toBe(command);
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

test("a launcher of this start is known by its arguments, although it is not an ancestor", () => {
  const start = ["run", "--tap", "microserv_1", "--target", "redshift", "--command", "fast_sync"];
  const launcher = ["systemd-run", "--unit", "pipelinewise", "--wait", "sched", ...start];
  expect(commandFor(launcher, LOCK)).toBeDefined();
  expect(endsWith(launcher, startArguments(["node", "/x/sched", ...start]))).toBe(true);
  expect(endsWith(["pipelinewise", ...start.slice(1)], startArguments(["node", "/x/sched", ...start]))).toBe(false);
  expect(endsWith(launcher, startArguments(["node", "/x/sched"]))).toBe(false);
});

test("all arguments of a process are read, also if a long list of tables precedes the ids", async () => {
  const tables = Array.from({ length: 3000 }, (_, index) => `public.table_${index}`).join(",");
  const words = ["/bin/sh", "-c", "sleep 600; :", "fast_sync", "--tables", tables, "--tap", "é"];
  const child = spawn("/bin/sh", words.slice(1), { stdio: "ignore", detached: true });
  onTestFinished(() => sendSignal(-(child.pid ?? 0), "SIGKILL"));
  await until("the child runs its program", () => argvOf(child.pid ?? 0).at(-1) === "é");
  expect(argvOf(child.pid ?? 0).map((word) => word.length)).toEqual(words.map((word) => word.length));
});

describe("a foreign run", () => {
  test.each([
    ["--tap", "microserv_1", "--target", "redshift"],
    ["--target=redshift", "--tap=microserv_1"],
  ])("is found by its arguments, and the start is skipped: %s %s", async (...words) => {
    const { host, file, paths, records } = sandbox("touch $HOME/ran");
    const external = await startForeign(paths.configDir, words);
    expect(await runMain(PAIR_WORDS, host)).toBe(75);
    expect(host.err()).toContain(
      `skipped (external): microserv_1 → redshift is run by pid ${external} (run_tap), which this program did not start`,
    );
    expect(existsSync(file("ran"))).toBe(false);
    expect(await records()).toMatchObject([{ outcome: "skipped", reason: "external" }]);
  });

  test.each(["fast_sync", "a_command_of_a_later_release"])(
    "with the command %s is found, and the start is skipped",
    async (command) => {
      const { host, file, paths } = sandbox("touch $HOME/ran");
      const external = await startForeign(paths.configDir, PAIR_WORDS, command);
      expect(await runMain(PAIR_WORDS, host)).toBe(75);
      expect(host.err()).toContain(`is run by pid ${external} (${command}), which this program did not start`);
      expect(existsSync(file("ran"))).toBe(false);
    },
  );

  test("of data-diff checks does not stop replication", async () => {
    const { host, file, paths } = sandbox("touch $HOME/ran");
    await startForeign(paths.configDir, PAIR_WORDS, "run_data_diff_checks");
    expect(await runMain(PAIR_WORDS, host)).toBe(0);
    expect(existsSync(file("ran"))).toBe(true);
  });

  test("in another config directory does not count", async () => {
    const { host, file } = sandbox("touch $HOME/ran");
    await startForeign(tempDirectory(), PAIR_WORDS);
    expect(await runMain(PAIR_WORDS, host)).toBe(0);
    expect(existsSync(file("ran"))).toBe(true);
  });

  test("in another config directory does not count while it starts its program and has no environment", async () => {
    const { paths } = sandbox();
    const lock = { tap: "only_here", target: "redshift", dataDiff: false };
    const program = join(tempDirectory(), "pipelinewise");
    const other = `PIPELINEWISE_CONFIG_DIRECTORY=${tempDirectory()}`;
    writeFileSync(program, `read go; export ${other}; exec /bin/sh "$0" "$@"\n`);
    const words = ["run_tap", "--tap", lock.tap, "--target", lock.target];
    const child = spawn("/bin/sh", [program, ...words], { env: {}, stdio: ["pipe", "ignore", "ignore"] });
    onTestFinished(() => void child.kill("SIGKILL"));
    const pid = child.pid ?? 0;
    await until("the child runs its program", () => argvOf(pid).includes("run_tap"));
    freezeTimers();
    let isOver = false;
    const search = findForeignProcess(paths.configDir, lock, process.pid).finally(() => {
      isOver = true;
    });
    await untilFrozen(() => isOver || vi.getTimerCount() > 0);
    child.stdin.write("go\n");
    await untilFrozen(() => readFileSync(`/proc/${pid}/environ`, "utf8").includes(other));
    await untilFrozen(() => {
      vi.advanceTimersByTime(5);
      return isOver;
    });
    expect(await search).toBeUndefined();
  });

  test("counts if PipelineWise's pidfile names it, with any environment", async () => {
    const { host, paths } = sandbox("touch $HOME/ran");
    const external = await startForeign(tempDirectory(), PAIR_WORDS);
    const { pidfile } = tapDirectory(paths.configDir);
    writeFileSync(pidfile, String(external));
    expect(await runMain(PAIR_WORDS, host)).toBe(75);
    expect(host.err()).toContain(`pid ${external}`);
    expect(existsSync(pidfile)).toBe(true);
  });

  test("counts if the pidfile names a running process that is older than the pidfile", async () => {
    const { host, paths, file } = sandbox("touch $HOME/ran");
    const child = spawn("sleep", ["600"], { stdio: "ignore" });
    onTestFinished(() => void child.kill("SIGKILL"));
    const { pidfile } = tapDirectory(paths.configDir);
    writeFileSync(pidfile, `${child.pid}\n`);
    expect(await runMain(PAIR_WORDS, host)).toBe(75);
    expect(host.err()).toContain(
      `skipped (external): microserv_1 → redshift is run by pid ${child.pid} (sleep), which this program did not start: ${pidfile} names that process`,
    );
    expect(existsSync(file("ran"))).toBe(false);
    expect(readFileSync(pidfile, "utf8")).toBe(`${child.pid}\n`);
  });
});

/** PipelineWise's directory of the pipeline. */
function tapDirectory(configDir: string) {
  const directory = join(configDir, "redshift", "microserv_1");
  mkdirSync(join(directory, "log"), { recursive: true });
  const logs = () => readdirSync(join(directory, "log"));
  const log = (stamp: string) => {
    writeFileSync(join(directory, "log", `redshift-microserv_1-${stamp}.singer.log.running`), "rows\n");
  };
  return { pidfile: join(directory, "pipelinewise.pid"), state: join(directory, "state.json"), log, logs };
}

/** A pid namespace of its own, where pids are given out one after the other and to nobody else. */
const OWN_PIDS = ["--pid", "--fork", "--mount-proc", "--kill-child", "bash", "-c"];
const canUnshare = existsSync("dist/run.cjs") && spawnSync("unshare", [...OWN_PIDS, "true"]).status === 0;

/** Writes the pidfile, and a second later starts a process that gets the pid in it; then starts our program. */
const REUSE_PID = `
  echo 200 >"$1"; sleep 1.5
  while :; do sleep 600 & [ $! -eq 200 ] && break; kill $!; wait $! 2>/dev/null; done
  exec "$2" "$3" run --tap microserv_1 --target redshift`;

test.skipIf(!canUnshare)("a pidfile is a leftover if the process with its pid started after it was written", () => {
  const { host, home, paths } = sandbox();
  const { pidfile } = tapDirectory(paths.configDir);
  const words = [...OWN_PIDS, REUSE_PID, "", pidfile, process.execPath, host.program];
  const { status, stderr } = spawnSync("unshare", words, { env: { ...host.env }, cwd: home, encoding: "utf8" });
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(existsSync(pidfile)).toBe(false);
});

describe("leftovers of a dead run:", () => {
  test.each(["4194999", "4294967296", "not a pid", String(process.pid), ""])(
    "a pidfile that contains %j is removed",
    async (text) => {
      const { host, paths } = sandbox();
      const { pidfile } = tapDirectory(paths.configDir);
      writeFileSync(pidfile, text);
      expect(await runMain(PAIR_WORDS, host)).toBe(0);
      expect(existsSync(pidfile)).toBe(false);
    },
  );

  test("the log is renamed to .terminated, and state.json does not change", async () => {
    const { host, paths } = sandbox();
    leaveDeadLock(paths);
    const { log, logs, state } = tapDirectory(paths.configDir);
    writeFileSync(state, '{"bookmarks": {}}');
    log("20261123_090001");
    expect(await runMain(PAIR_WORDS, host)).toBe(0);
    expect(logs()).toEqual(["redshift-microserv_1-20261123_090001.singer.log.terminated"]);
    expect(readFileSync(state, "utf8")).toBe('{"bookmarks": {}}');
  });

  test("a new log of an unknown run may belong to another host, so the start is skipped and the log is not touched", async () => {
    const { host, paths, records } = sandbox("touch $HOME/ran");
    leaveDeadLock(paths);
    const { log, logs } = tapDirectory(paths.configDir);
    log("20261123_113000");
    expect(await runMain(PAIR_WORDS, host)).toBe(75);
    expect(host.err()).toContain("may be running on another host");
    expect(logs()).toEqual(["redshift-microserv_1-20261123_113000.singer.log.running"]);
    expect((await records()).map(({ reason }) => reason)).toContain("external");
  });

  /**
   * Makes `/` of the host look as on a machine whose processes are all visible. @param mounts of /proc/self/mountinfo
   */
  function wholeMachine(machine: string, mounts = "22 1 8:1 / / rw shared:1 - ext4 /dev/sda1 rw\n") {
    mkdirSync(join(machine, "proc/self/ns"), { recursive: true });
    mkdirSync(join(machine, "proc/1"));
    symlinkSync("pid:[4026531836]", join(machine, "proc/self/ns/pid"));
    writeFileSync(join(machine, "proc/1/stat"), "");
    writeFileSync(join(machine, "proc/self/mountinfo"), mounts);
  }

  test("a new log of an unknown run is a leftover if every process that could write it is visible", async () => {
    const { host, paths } = sandbox();
    wholeMachine(host.root);
    const { log, logs } = tapDirectory(paths.configDir);
    log("20261123_113000");
    expect(await runMain(PAIR_WORDS, host)).toBe(0);
    expect(logs()).toEqual(["redshift-microserv_1-20261123_113000.singer.log.terminated"]);
  });

  test.each<[string, (machine: string, root: string) => void]>([
    ["there is a network file system", (machine) => wholeMachine(machine, "22 1 0:5 / /srv rw - nfs4 nas:/srv rw\n")],
    [
      "another host has a history here",
      (machine, root) => {
        wholeMachine(machine);
        mkdirSync(join(root, "runs/2026-11"), { recursive: true, mode: 0o700 });
        writeFileSync(join(root, "runs/2026-11/etl-2.jsonl"), "");
      },
    ],
    [
      "this host is an NFS server",
      (machine) => wholeMachine(machine, "33 22 0:40 / /proc/fs/nfsd rw - nfsd nfsd rw\n"),
    ],
    [
      "this is a container",
      (machine) => {
        wholeMachine(machine);
        rmSync(join(machine, "proc/self/ns/pid"));
        symlinkSync("pid:[4026532200]", join(machine, "proc/self/ns/pid"));
      },
    ],
  ])("a new log of an unknown run counts if %s", async (_why, prepare) => {
    const { host, paths } = sandbox();
    mkdirSync(paths.root, { mode: 0o700 });
    prepare(host.root, paths.root);
    tapDirectory(paths.configDir).log("20261123_113000");
    const found = await findFileEvidence({ paths, lock: LOCK, host, ourRuns: [] });
    expect(found.kind).toBe("log");
  });

  test("a log that was restored from a backup is as old as its content", async () => {
    const { host, paths } = sandbox();
    const { log, logs } = tapDirectory(paths.configDir);
    log("20261123_113000");
    const [name = ""] = logs();
    const old = new Date(Date.now() - 3_600_000);
    utimesSync(join(paths.configDir, "redshift/microserv_1/log", name), old, old);
    expect(await runMain(PAIR_WORDS, host)).toBe(0);
    expect(logs()).toEqual(["redshift-microserv_1-20261123_113000.singer.log.terminated"]);
  });

  test("an old log of an unknown run is a leftover", async () => {
    const { host, paths } = sandbox();
    mkdirSync(paths.root, { mode: 0o700 });
    tapDirectory(paths.configDir).log("20261123_113000");
    const found = await findFileEvidence({ paths, lock: LOCK, host, ourRuns: [], foreignMs: -1 });
    expect(found).toMatchObject({ kind: "none", leftovers: { logs: [expect.stringContaining("113000")] } });
    expect(readdirSync(paths.root)).toEqual([]);
  });

  test("a run that was killed removes its own leftovers", async () => {
    const { host, paths } = sandbox(`
      directory=$PIPELINEWISE_CONFIG_DIRECTORY/redshift/microserv_1
      mkdir -p $directory/log; echo $$ > $directory/pipelinewise.pid
      touch $directory/log/redshift-microserv_1-20261123_120000.fastsync.log.running
      kill -9 $$`);
    expect(await runMain(PAIR_WORDS, host)).toBe(137);
    const { pidfile, logs } = tapDirectory(paths.configDir);
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
    "a config.json that does not disable the tap does not stop the run: %s",
    async (text) => {
      const { host, paths } = sandbox();
      writeFileSync(join(paths.configDir, "config.json"), text);
      expect(await runMain(PAIR_WORDS, host)).toBe(0);
    },
  );
});

describe("a run whose process died", () => {
  test("is recorded as lost by the next start, with its last heartbeat", async () => {
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
    expect(host.err()).toBe(
      `pipelinewise-sched: microserv_1 → redshift (sync_tables weekly): the run of ${DEAD_RUN.startedAt} on host testhost was lost: ${lost?.detail}; log: ${lost?.log}\n`,
    );
  });

  test("is recorded once, also if many starts find it at once", async () => {
    const { host, paths, records } = sandbox();
    leaveDeadLock(paths);
    await Promise.all(Array.from({ length: 8 }, () => runMain(PAIR_WORDS, host)));
    expect((await records()).filter(({ outcome }) => outcome === "lost")).toHaveLength(1);
  });

  test.each([
    ["succeeded", 0],
    ["failed", 3],
  ])(
    "that %s and could not be recorded says so, keeps its exit code, and is recorded by the next start",
    async (outcome, code) => {
      const { host, paths, records, file } = sandbox(`
      cd $HOME/.pipelinewise/.sched
      [ -e $HOME/second ] && exit
      mv runs away; touch runs $HOME/second; exit ${code}`);
      expect(await runMain(PAIR_WORDS, host)).toBe(code);
      expect(host.err()).toMatch(
        new RegExp(
          `${outcome}[^,\\n]*, but this could not be recorded: .*The next start of this pipeline records it\\.`,
        ),
      );
      rmSync(join(paths.root, "runs"));
      renameSync(join(paths.root, "away"), join(paths.root, "runs"));
      expect(existsSync(file("second"))).toBe(true);
      expect(await runMain(PAIR_WORDS, host)).toBe(0);
      const detail = "its end could not be recorded when it ended; found by the next start, on host testhost";
      expect(await records()).toMatchObject([{ outcome: "succeeded" }, { outcome, exitCode: code, detail }]);
      expect(readdirSync(join(paths.root, "locks", PAIR.target)).filter((name) => name.endsWith(".gone"))).toEqual([]);
    },
  );

  test("is not recorded again if it died after it wrote its record", async () => {
    const { host, paths, records } = sandbox();
    leaveDeadLock(paths);
    await openHistory(paths, host).append({
      ...{ ...PAIR, ...DEAD_RUN, command: "run_tap", outcome: "failed", exitCode: 1, host: "testhost" },
      ...{ scheduled: false, endedAt: "2026-11-23T09:10:05.000Z" },
    });
    expect(await runMain(PAIR_WORDS, host)).toBe(0);
    expect((await records()).map(({ outcome }) => outcome)).toEqual(["succeeded", "failed"]);
  });
});
