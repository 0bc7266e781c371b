import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { findPipelineProcesses } from "../../src/lock/processes.ts";
import { runLocksOf } from "../../src/pipeline-id.ts";
import { openPipelineStore } from "../../src/run/pipeline-store.ts";
import { pipelineStateFile, type StatePaths, stateCopiesDir } from "../../src/storage/paths.ts";
import { relayWakeSignal, testHost } from "../support/host.ts";
import { PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { poll, until, untilFile } from "../support/wait.ts";

const STATE = '{"bookmarks": {}}';

/** Shell command that waits for a file in HOME. With a FIFO, the test would wait for ever if the command has not begun. */
const waitFor = (name: string): string => `while [ -d "$HOME" ] && [ ! -e "$HOME/${name}" ]; do sleep 0.05; done`;

/** A config directory with two pipelines that have a state, and a project that defines both. */
function project(script: string) {
  const box = sandbox(script);
  const taps = [{ id: "microserv_1" }, { id: "microserv_2" }];
  writeFileSync(join(box.paths.configDir, "config.json"), JSON.stringify({ targets: [{ id: "redshift", taps }] }));
  const states = taps.map(({ id }) => pipelineStateFile(box.paths, { tap: id, target: "redshift" }));
  for (const path of states) {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, STATE);
  }
  const directory = join(box.home, "project");
  mkdirSync(directory);
  const define = (tap: string, text = `---\nid: "${tap}"  # the tap\ntarget: redshift\n`) =>
    writeFileSync(join(directory, `tap_${tap}.yml`), text);
  for (const { id } of taps) define(id);
  return { ...box, directory, define, words: ["import", "--dir", directory] };
}

const filesIn = (directory: string): readonly string[] =>
  existsSync(directory)
    ? readdirSync(directory, { recursive: true, withFileTypes: true }).flatMap((one) => (one.isFile() ? one.name : []))
    : [];

/** The names of the locks that are held. */
const locksLeft = ({ root }: StatePaths): readonly string[] =>
  readdirSync(join(root, "locks", "redshift")).filter((name) => name.endsWith(".lock"));

describe("import", () => {
  test("calls import_config with the given arguments, passes its output through and ends with its code", async () => {
    const { host, words, directory, paths } = project(
      'echo "$*"; echo careful >&2; echo "$PIPELINEWISE_CONFIG_DIRECTORY"; exit 3',
    );
    expect(await main([...words, "--taps", "microserv_1", "--", "--secret", "/s"], host)).toBe(3);
    expect(host.out()).toBe(`import_config --dir ${directory} --taps microserv_1 --secret /s\n${paths.configDir}\n`);
    expect(host.err()).toBe("careful\n");
  });

  test("holds the locks of all pipelines until PipelineWise has ended, and then releases them", async () => {
    const { host, words, paths } = project('ls "$HOME"/.pipelinewise/.sched/locks/redshift | grep "[.]lock$"');
    expect(await main(words, host)).toBe(0);
    expect(host.out().split("\n").filter(Boolean)).toEqual([
      "microserv_1.lock",
      "microserv_1@data_diff.lock",
      "microserv_2.lock",
      "microserv_2@data_diff.lock",
    ]);
    expect(locksLeft(paths)).toEqual([]);
  });

  test("uses the command and the environment of the installed schedule", async () => {
    const { host, words, install, program } = project('echo "$0 $MOOD"');
    install([], { env: { MOOD: "calm" } });
    expect(await main(words, { ...host, env: { ...host.env, PATH: "/usr/bin:/bin" } })).toBe(0);
    expect(host.out()).toBe(`${program} calm\n`);
  });

  test("copies the state files first", async () => {
    const { host, words, paths } = project('rm -r "$HOME"/.pipelinewise/redshift');
    expect(await main(words, host)).toBe(0);
    for (const tap of ["microserv_1", "microserv_2"]) {
      const directory = stateCopiesDir(paths, { tap, target: "redshift" });
      expect(readdirSync(directory).map((name) => readFileSync(join(directory, name), "utf8"))).toEqual([STATE]);
    }
  });

  test("waits for a running pipeline, and starts that come due during the import are skipped", async () => {
    const { host, words, home } = project(
      `if [ "$1" = import_config ]; then echo importing; ${waitFor("go")}; else ${waitFor("run-go")}; fi`,
    );
    const run = runMain([...PAIR_WORDS], host);
    await untilFile(join(home, ".pipelinewise/.sched/locks/redshift/microserv_1.lock"));
    const importing = main(words, host);
    await until("waiting: microserv_1 → redshift is locked by host", () =>
      host.err().includes("waiting: microserv_1 → redshift is locked by host"),
    );
    writeFileSync(join(home, "run-go"), "");
    expect(await run).toBe(0);
    await until("importing", () => host.out().includes("importing"));
    expect(await runMain(PAIR_WORDS, host)).toBe(75);
    writeFileSync(join(home, "go"), "");
    expect(await importing).toBe(0);
  });

  test("imports nothing if a pipeline is still running after --wait, and says who has it", async () => {
    const { host, words, home } = project(
      `if [ "$1" = import_config ]; then touch "$HOME/imported"; else ${waitFor("go")}; fi`,
    );
    const run = runMain([...PAIR_WORDS], host);
    await untilFile(join(home, ".pipelinewise/.sched/locks/redshift/microserv_1.lock"));
    expect(await main([...words, "--wait", "0"], host)).toBe(75);
    expect(host.err()).toContain("nothing was imported: microserv_1 → redshift is locked by host");
    expect(existsSync(join(home, "imported"))).toBe(false);
    writeFileSync(join(home, "go"), "");
    await run;
  });

  test("its PipelineWise bears the tokens of all locks, so that it is found if this process is killed", async () => {
    const { host, words, paths, home } = project(`touch "$HOME/began"; ${waitFor("go")}`);
    const importing = main(words, host);
    await untilFile(join(home, "began"));
    onTestFinished(() => importing.then(() => {}));
    onTestFinished(() => writeFileSync(join(home, "go"), ""));
    for (const pipeline of ["microserv_1", "microserv_2"].flatMap((tap) => runLocksOf({ tap, target: "redshift" }))) {
      const { lock } = openPipelineStore(pipeline, { paths, host });
      const { tokens } = await lock.inspect();
      const found = tokens.map(({ token }) => findPipelineProcesses(token, lock.kernelLockFile));
      expect((await Promise.all(found)).flat()).not.toEqual([]);
    }
  });

  test("status shows the PipelineWise of an import that was killed, until it has ended", async () => {
    const { host, words, home, install, file } = project(
      `[ "$1" = status ] && exit 1; touch "$HOME/began"; ${waitFor("go")}`,
    );
    install();
    const importing = spawn(process.execPath, [host.program, ...words], {
      env: { ...host.env, PIPELINEWISE_SCHED_HOST: host.name },
      cwd: home,
      stdio: "ignore",
    });
    onTestFinished(() => writeFileSync(file("go"), ""));
    await untilFile(file("began"));
    importing.kill("SIGKILL");
    await once(importing, "exit");
    const status = async () => {
      const [json, table] = [testHost({ env: host.env }), testHost({ env: host.env })];
      expect([await main(["status", "--json"], json), await main(["status"], table)]).toEqual([0, 0]);
      const [{ running, lockedBy, lastRun }] = JSON.parse(json.out()).pipelines;
      return { running, lockedBy, lastRun, table: table.out() };
    };
    const lockedBy = { command: "import_config", host: "testhost", pid: importing.pid };
    const shown = await status();
    expect(shown).toMatchObject({ running: null, lockedBy, lastRun: null });
    expect(shown.table).toContain("locked by import_config");
    writeFileSync(file("go"), "");
    const after = await poll(status, (one) => one.lockedBy === null);
    expect(after).toMatchObject({ running: null, lastRun: null });
    expect(after.table).not.toContain("locked by");
  });

  test("a program whose interpreter is missing is named, with exit code 127", async () => {
    const { host, words, program } = project("exit 0");
    writeFileSync(program, "#!/nonexistent/python\n");
    expect(await main(words, host)).toBe(127);
    expect(host.err()).toContain(`cannot start ${program}: the interpreter named in its first line is missing`);
  });

  test("a stop signal stops PipelineWise, and the locks are released", async () => {
    const { host, words, paths } = project(
      "trap 'echo ending; exit 9' TERM; echo importing; while :; do sleep 0.1; done",
    );
    const importing = main(words, host);
    await until("importing", () => host.out().includes("importing"));
    host.signals.emit("SIGTERM");
    expect(await importing).toBe(143);
    expect(host.err()).toBe(
      "stopping the import: SIGTERM; press Ctrl-C again to force\nthe import was stopped by SIGTERM\n  Import again: PipelineWise may have imported a part of the project.\n",
    );
    expect(locksLeft(paths)).toEqual([]);
  });

  test("a second signal ends also the processes that ignore SIGTERM", async () => {
    const { host, words, paths } = project("trap '' TERM; echo importing; while :; do sleep 0.1; done");
    const importing = main(words, host);
    await until("importing", () => host.out().includes("importing"));
    host.signals.emit("SIGTERM");
    await until("stopping", () => host.err().includes("stopping the import"));
    // Each signal ends one grace period.
    const hurry = setInterval(() => host.signals.emit("SIGTERM"), 50);
    onTestFinished(() => clearInterval(hurry));
    expect(await importing).toBe(143);
    expect(locksLeft(paths)).toEqual([]);
  });

  test.each([
    { what: "one of its pipelines", selected: ["--tap", "microserv_2", "--target", "redshift"] },
    { what: "all pipelines", selected: ["--all"] },
  ])("a stop of $what stops PipelineWise, and the locks are released", async ({ selected }) => {
    const { host, words, paths } = project(
      "trap 'echo ending; exit 0' TERM; echo importing; while :; do sleep 0.1; done",
    );
    relayWakeSignal(host);
    const importing = main(words, host);
    await until("importing", () => host.out().includes("importing"));
    const other = testHost({ env: host.env, cwd: host.cwd, name: host.name });
    const stopping = main(["stop", ...selected, "--reason", "wrong project"], other);
    expect(await importing).toBe(143);
    expect(host.out()).toContain("ending");
    expect(host.err()).toMatch(/^stopping the import: .* \(wrong project\)\nthe import was stopped by .* \(wrong/);
    expect(await stopping).toBe(0);
    expect(other.err()).toMatch(/microserv_2 → redshift: asked pid \d+ on host testhost to stop import_config/);
    expect(other.err()).toContain("microserv_2 → redshift: sent SIGTERM to the pipeline process");
    expect(other.out()).toContain("microserv_2 → redshift is no longer locked: import_config has ended");
    expect(locksLeft(paths)).toEqual([]);
    expect(filesIn(join(paths.root, "requests"))).toEqual([]);
  });

  test("a stop during the wait for a running pipeline ends the wait, and the run goes on", async () => {
    const { host, words, paths, file } = project(`touch "$HOME/began"; ${waitFor("go")}; echo "$1"`);
    relayWakeSignal(host);
    const run = runMain(["--tap", "microserv_2", "--target", "redshift"], host);
    await untilFile(file("began"));
    const importing = main(words, host);
    await until("waiting", () => host.err().includes("waiting: microserv_2 → redshift is locked by host"));
    const other = testHost({ env: host.env, cwd: host.cwd, name: host.name });
    expect(await main(["stop", ...PAIR_WORDS], other)).toBe(0);
    expect(await importing).toBe(143);
    expect(host.err()).toMatch(/nothing was imported: the import was stopped by .* on host testhost\n$/);
    expect(locksLeft(paths)).toEqual(["microserv_2.lock"]);
    writeFileSync(file("go"), "");
    expect(await run).toBe(0);
    expect(host.out()).not.toContain("import_config");
  });
});

describe("pipelines that the project no longer defines", () => {
  test("are not deleted if they have a state", async () => {
    const { host, words, directory, home } = project('touch "$HOME/imported"');
    execFileSync("rm", [join(directory, "tap_microserv_2.yml")]);
    expect(await main(words, host)).toBe(65);
    expect(host.err()).toContain("the import would delete a pipeline that has a state: redshift/microserv_2");
    expect(host.err()).toContain("--allow-delete redshift/microserv_2");
    expect(existsSync(join(home, "imported"))).toBe(false);
    expect(await main([...words, "--allow-delete", "redshift/microserv_2"], host)).toBe(0);
    expect(existsSync(join(home, "imported"))).toBe(true);
  });

  test("are deleted if they have no state", async () => {
    const { host, words, directory, paths } = project("exit 0");
    execFileSync("rm", [
      join(directory, "tap_microserv_2.yml"),
      pipelineStateFile(paths, { tap: "microserv_2", target: "redshift" }),
    ]);
    expect(await main(words, host)).toBe(0);
  });

  test("--allow-delete of a pipeline that stays is an error", async () => {
    const { host, words } = project("exit 0");
    expect(await main([...words, "--allow-delete", "redshift/microserv_1"], host)).toBe(64);
    expect(host.err()).toContain("the import would not delete redshift/microserv_1");
  });

  test("an id that is a template is an error, because it hides what would be deleted", async () => {
    const { host, words, define } = project("exit 0");
    define("x", "id: {{ env_var['ID'] }}\ntarget: redshift\n");
    expect(await main(words, host)).toBe(65);
    expect(host.err()).toContain("tap_x.yml has no plain `id: ID` at its top level");
  });
});

describe("import refuses", () => {
  test("a project directory that does not exist", async () => {
    const { host } = project("exit 0");
    expect(await main(["import", "--dir", "nosuch"], host)).toBe(66);
    expect(host.err()).toMatch(/no such directory: .*nosuch\n {2}Name the directory/);
  });

  test("a directory without a project, before it speaks of deletions", async () => {
    const { host, paths, home } = project("exit 0");
    const empty = join(home, "empty");
    mkdirSync(empty);
    expect(await main(["import", "--dir", empty], host)).toBe(66);
    expect(host.err()).toBe(
      `pipelinewise-sched: ${empty} is not the directory of a PipelineWise project: it has no tap_*.yml\n  Name the directory with the tap_*.yml and target_*.yml of the project with --dir.\n`,
    );
    expect(existsSync(pipelineStateFile(paths, { tap: "microserv_1", target: "redshift" }))).toBe(true);
  });

  test("a call without --dir", async () => {
    const { host } = project("exit 0");
    expect(await main(["import"], host)).toBe(64);
    expect(host.err()).toBe(
      "pipelinewise-sched: --dir is missing\n  Name the directory with the tap_*.yml and target_*.yml of the PipelineWise project: --dir DIR\n",
    );
  });

  test.each(["", "orders", "redshift/orders,", "redshift/orders/", "/orders"])("--allow-delete %j", async (value) => {
    const { host, words } = project("exit 0");
    expect(await main([...words, "--allow-delete", value], host)).toBe(64);
    expect(host.err()).toMatch(
      /^pipelinewise-sched: --allow-delete: ".*" is not of the form TARGET\/TAP\n {2}Write the target and the tap/,
    );
  });

  test.each(["5 minutes", "-1m", "400d"])("a --wait of %j", async (wait) => {
    const { host, words } = project("exit 0");
    expect(await main([...words, `--wait=${wait}`], host)).toBe(64);
    expect(host.err()).toContain("--wait: ");
  });

  test("a config.json that cannot be read", async () => {
    const { host, words, paths } = project("exit 0");
    writeFileSync(join(paths.configDir, "config.json"), '{"targets"');
    expect(await main(words, host)).toBe(74);
    expect(host.err()).toContain("config.json cannot be read");
  });
});

test.skipIf(process.getuid?.() !== 0)(
  "import warns root in another user's config directory, and names import",
  async () => {
    const { host, words, paths } = project("exit 0");
    chownSync(paths.configDir, 65_534, 65_534);
    await main(words, host);
    expect(host.err()).toContain(`pipelinewise-sched import --config-dir ${paths.configDir} …`);
  },
);
