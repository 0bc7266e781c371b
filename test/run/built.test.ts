import { spawn, spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  closeSync,
  cpSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readHistory } from "../../src/history/read.ts";
import { statePaths } from "../../src/storage/paths.ts";
import { isRunning } from "../support/processes.ts";
import { anEntry, PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { pidIn, until } from "../support/wait.ts";

const built = existsSync("dist/run.cjs");
const hasSetpriv = existsSync("/usr/bin/setpriv");

const RETRIES = { max: 1, delayMs: 1, backoff: 1, maxDelayMs: 1, on: ["failed"] } as const;

/** The program as it is installed, in a process of its own. */
function program(box: ReturnType<typeof sandbox>, words: readonly string[]) {
  return spawn(process.execPath, [box.host.program, "run", ...words], {
    env: { ...box.host.env, PIPELINEWISE_SCHED_HOST: "testhost" },
    cwd: box.home,
    stdio: ["ignore", "pipe", "pipe"],
  });
}

const ended = (child: ReturnType<typeof program>): Promise<number | null> =>
  new Promise((resolve) => child.once("close", (code) => resolve(code)));

describe.skipIf(!built)("the built program", () => {
  test("Ctrl-C in a terminal ends the pipeline, and the exit code is 130", async () => {
    const box = sandbox("echo $$ > $HOME/leader; exec sleep 600");
    const child = program(box, PAIR_WORDS);
    const leader = await pidIn(box.file("leader"));
    child.kill("SIGINT");
    expect(await ended(child)).toBe(130);
    expect(isRunning(leader)).toBe(false);
  });

  test("a scheduled start that is skipped loads one chunk, which contains no package", () => {
    const [, chunk = "none"] =
      /require\("\.\/(chunks\/start-[\w-]+\.cjs)"\)/.exec(readFileSync("dist/run.cjs", "utf8")) ?? [];
    const { sources }: { sources: readonly string[] } = JSON.parse(readFileSync(`dist/${chunk}.map`, "utf8"));
    expect(sources.filter((source) => source.includes("node_modules/"))).toEqual([]);
    expect(statSync(`dist/${chunk}`).size).toBeLessThan(116_000);
  });

  test("the stack trace of a bug names our source files and lines", () => {
    // No user can make this call: arguments that are no list.
    const script = 'require("./dist/run.cjs").open({ slice: () => null }, "/x/bin/pipelinewise-sched.cjs")';
    const { status, stderr } = spawnSync(process.execPath, ["-e", script], { encoding: "utf8" });
    expect(status).toBe(70);
    expect(stderr).toContain("this is a bug in pipelinewise-sched");
    expect(stderr).toMatch(/^ {4}at .*src\/cli\/run-arguments\.ts:\d+:\d+\)$/m);
    expect(stderr).not.toContain(".cjs:");
  });

  test("an upgrade that replaces the program during a run takes nothing from the end of the run", async () => {
    const box = sandbox('echo $$ > "$HOME/leader-$3"; while [ ! -e "$HOME/gate" ]; do sleep 0.05; done; exit 0');
    const copy = box.file("program");
    for (const part of ["bin", "dist"]) cpSync(part, join(copy, part), { recursive: true });
    const hook = { command: ["/bin/sh", "-c", 'touch "$HOME/hooked"'], timeoutMs: 60_000 };
    const follower = { tap: "marts", target: "redshift" };
    box.install([
      anEntry({ policies: { hooks: { afterSuccess: hook }, retries: RETRIES } }),
      anEntry({ ...follower, crons: [], after: [{ tap: "microserv_1", target: "redshift" }] }),
    ]);
    const child = spawn(process.execPath, [join(copy, "bin/pipelinewise-sched.cjs"), "run", ...PAIR_WORDS], {
      env: { ...box.host.env, PIPELINEWISE_SCHED_HOST: "testhost" },
      cwd: box.home,
      stdio: ["ignore", "pipe", "pipe"],
    });
    await pidIn(box.file("leader-microserv_1"));
    rmSync(copy, { recursive: true });
    writeFileSync(box.file("gate"), "");
    expect(await ended(child)).toBe(0);
    expect(existsSync(box.file("hooked"))).toBe(true);
    expect((await box.records()).map(({ tap, outcome }) => `${tap} ${outcome}`)).toEqual([
      "marts succeeded",
      "microserv_1 succeeded",
    ]);
  });

  test.each([
    ["run", "--scheduled", ...PAIR_WORDS],
    ["run", ...PAIR_WORDS],
    ["status"],
    ["validate"],
    ["install", "/schedule.yml"],
    ["--help"],
  ])("in a deleted working directory, %s ends with one clear error", (...words) => {
    const box = sandbox();
    const script = 'cd "$HOME"; mkdir gone; cd gone; rmdir ../gone; exec "$@"';
    const { status, stdout, stderr } = spawnSync(
      "/bin/sh",
      ["-c", script, "sh", process.execPath, box.host.program, ...words],
      { env: { ...box.host.env }, encoding: "utf8" },
    );
    expect({ status, stdout, stderr }).toEqual({
      status: 66,
      stdout: "",
      stderr:
        "pipelinewise-sched: the working directory cannot be found: ENOENT; was it deleted?\n  Change to a directory that exists, then try again: cd\n",
    });
  });

  test.skipIf(process.getuid?.() !== 0)("a working directory that the user cannot enter does not stop a run", () => {
    const box = sandbox("pwd");
    const closed = box.file("closed");
    mkdirSync(closed, { mode: 0o700 });
    chownSync(box.paths.configDir, 65_534, 65_534);
    chmodSync(box.home, 0o711);
    const words = ["--reuid", "65534", "--regid", "65534", "--clear-groups", process.execPath, box.host.program];
    const { status, stdout, stderr } = spawnSync("setpriv", [...words, "run", ...PAIR_WORDS], {
      env: { ...box.host.env },
      cwd: closed,
      encoding: "utf8",
    });
    expect({ status, stdout, stderr }).toEqual({ status: 0, stdout: `${closed}\n`, stderr: "" });
  });

  test("a reader that closes the pipe early does not disturb the run", async () => {
    const box = sandbox("seq 100000; echo end >&2");
    const child = program(box, PAIR_WORDS);
    child.stdout?.once("data", () => child.stdout?.destroy());
    let stderr = "";
    child.stderr?.on("data", (chunk) => {
      stderr += chunk;
    });
    expect(await ended(child)).toBe(0);
    expect(stderr).toBe("end\n");
    expect(box.logText()).toContain("\n100000\n");
  });

  test.skipIf(!existsSync("/dev/full"))("a full disk behind stdout and stderr does not disturb the run", async () => {
    const box = sandbox("echo begins; sleep 0.2; echo middle >&2; sleep 0.2; echo ends");
    const full = openSync("/dev/full", "w");
    const { status } = spawnSync(process.execPath, [box.host.program, "run", ...PAIR_WORDS], {
      env: { ...box.host.env, PIPELINEWISE_SCHED_HOST: "testhost" },
      cwd: box.home,
      stdio: ["ignore", full, full],
    });
    closeSync(full);
    expect(status).toBe(0);
    expect(box.logText()).toBe("begins\nmiddle\nends\n");
    expect(await box.records()).toMatchObject([{ outcome: "succeeded", exitCode: 0 }]);
  });

  test.skipIf(!existsSync("/dev/full"))("a full disk behind stdout does not change the exit code of an import", () => {
    const box = sandbox("echo imported; exit 3");
    writeFileSync(box.file("tap_a.yml"), "id: a\ntarget: b\n");
    const full = openSync("/dev/full", "w");
    const { status } = spawnSync(process.execPath, [box.host.program, "import", "--dir", box.home], {
      env: { ...box.host.env },
      cwd: box.home,
      stdio: ["ignore", full, full],
    });
    closeSync(full);
    expect(status).toBe(3);
  });

  test.skipIf(!existsSync("/dev/full"))("a command that prints to a full disk ends with 74 and one line", () => {
    const box = sandbox();
    writeFileSync(box.file("schedule.yml"), 'pipelines: [{tap: a, target: b, cron: "0 1 * * *"}]\n');
    const full = openSync("/dev/full", "w");
    const { status, stderr } = spawnSync(
      process.execPath,
      [box.host.program, "preview", "--from", "2026-11-23T12:00Z"],
      {
        env: { ...box.host.env },
        cwd: box.home,
        stdio: ["ignore", full, "pipe"],
        encoding: "utf8",
      },
    );
    closeSync(full);
    expect(status).toBe(74);
    expect(stderr).toMatch(/^pipelinewise-sched: cannot write to stdout: ENOSPC: .*\n$/);
  });

  test.skipIf(!hasSetpriv)("kill -9 of the wrapper ends the pipeline", async () => {
    const box = sandbox("echo $$ > $HOME/leader; exec sleep 600");
    const child = program(box, PAIR_WORDS);
    const leader = await pidIn(box.file("leader"));
    const end = ended(child);
    child.kill("SIGKILL");
    await until("PipelineWise has ended", () => !isRunning(leader));
    expect(await end).toBe(null);
  });

  // A mount needs root; everyone else sees this test skipped.
  const canMount = process.getuid?.() === 0 && spawnSync("unshare", ["-m", "true"]).status === 0;
  test.skipIf(!canMount)(
    "on a full disk nothing runs, the exit code is 74, and existing files stay whole",
    async () => {
      const box = sandbox("touch $HOME/ran");
      writeFileSync(
        box.file("fill.sh"),
        `mount -t tmpfs -o size=256k none "$HOME/.pipelinewise" && chmod 700 "$HOME/.pipelinewise" || exit 99
      mkdir -m 700 "$HOME/.pipelinewise/.sched"
      "$@" run ${PAIR_WORDS.join(" ")} || exit 98
      rm "$HOME/ran"
      cat /dev/zero > "$HOME/.pipelinewise/full" 2>/dev/null
      "$@" run ${PAIR_WORDS.join(" ")}
      code=$?
      cp -r "$HOME/.pipelinewise/.sched" "$HOME/seen"
      exit $code`,
      );
      const words = ["-m", "--propagation", "private", "sh", box.file("fill.sh"), process.execPath, box.host.program];
      const { status, stderr } = spawnSync("unshare", words, {
        env: { ...box.host.env, PIPELINEWISE_SCHED_HOST: "testhost" },
        cwd: box.home,
        encoding: "utf8",
      });
      expect(stderr).toContain("the disk is full");
      expect(status).toBe(74);
      expect(existsSync(box.file("ran"))).toBe(false);
      const { runs, faults } = await readHistory({ ...statePaths(box.home), root: box.file("seen") });
      expect(runs.map(({ outcome }) => outcome)).toEqual(["succeeded"]);
      expect(faults).toEqual([]);
    },
  );
});
