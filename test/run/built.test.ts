import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { readHistory } from "../../src/history/read.ts";
import { statePaths } from "../../src/storage/paths.ts";
import { PAIR_WORDS, pidIn, sandbox, until, works } from "./sandbox.ts";

const built = existsSync("dist/run.cjs");
const hasSetpriv = existsSync("/usr/bin/setpriv");

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
  test("Ctrl-C, as a terminal sends it, ends the pipeline and says 130", async () => {
    const box = sandbox("echo $$ > $HOME/leader; exec sleep 600");
    const child = program(box, PAIR_WORDS);
    const leader = await pidIn(box.file("leader"));
    child.kill("SIGINT");
    expect(await ended(child)).toBe(130);
    expect(works(leader)).toBe(false);
  });

  test("a scheduled start that is skipped loads one chunk, which contains no package", () => {
    const [, chunk = "none"] =
      /require\("\.\/(chunks\/start-[\w-]+\.cjs)"\)/.exec(readFileSync("dist/run.cjs", "utf8")) ?? [];
    const { sources }: { sources: readonly string[] } = JSON.parse(readFileSync(`dist/${chunk}.map`, "utf8"));
    expect(sources.filter((source) => source.includes("node_modules/"))).toEqual([]);
    expect(statSync(`dist/${chunk}`).size).toBeLessThan(100_000);
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

  test("a reader that goes away early hurts nobody", async () => {
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

  test.skipIf(!hasSetpriv)("kill -9 of the wrapper ends the pipeline", async () => {
    const box = sandbox("echo $$ > $HOME/leader; exec sleep 600");
    const child = program(box, PAIR_WORDS);
    const leader = await pidIn(box.file("leader"));
    const end = ended(child);
    child.kill("SIGKILL");
    await until(() => !works(leader));
    expect(await end).toBe(null);
  });

  // A mount needs root; everyone else sees this test skipped.
  const canMount = process.getuid?.() === 0 && spawnSync("unshare", ["-m", "true"]).status === 0;
  test.skipIf(!canMount)("a full disk is 74, nothing runs, and what stood there is whole", async () => {
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
  });
});
