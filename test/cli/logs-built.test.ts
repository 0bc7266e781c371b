import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { newRunId, renderRecordLine } from "../../src/history/record.ts";
import { runLogFile, runsFile } from "../../src/storage/paths.ts";
import { ended, runToEnd } from "../support/run-program.ts";
import { PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { until, untilFile } from "../support/wait.ts";

const PROGRAM = resolve("bin/pipelinewise-sched.cjs");

type Box = ReturnType<typeof sandbox>;

function start(box: Box, ...words: readonly string[]): { child: ChildProcess; out: () => string; err: () => string } {
  const { HOME = "", PATH = "" } = box.host.env;
  const child = spawn(process.execPath, [PROGRAM, ...words], {
    env: { HOME, PATH },
    stdio: ["ignore", "pipe", "pipe"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const said = { out: "", err: "" };
  child.stdout?.setEncoding("utf8").on("data", (text: string) => (said.out += text));
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (said.err += text));
  return { child, out: () => said.out, err: () => said.err };
}

describe.skipIf(!existsSync("dist/main.cjs"))("the built program", () => {
  test("logs --follow ends quietly at Ctrl-C, and the run goes on", async () => {
    const box = sandbox("echo begun; touch $HOME/begun; while [ -e $HOME/hold ]; do sleep 0.05; done");
    writeFileSync(box.file("hold"), "");
    const run = start(box, "run", ...PAIR_WORDS);
    const runEnded = ended(run.child);
    await untilFile(box.file("begun"));
    const logs = start(box, "logs", "--follow");
    const logsEnded = ended(logs.child);
    await until("the log is shown", () => logs.out() === "begun\n");
    const before = logs.err();
    logs.child.kill("SIGINT");
    // A shell shows this as 130.
    expect(await logsEnded).toEqual({ code: null, signal: "SIGINT" });
    expect(logs.err()).toBe(before);
    rmSync(box.file("hold"));
    expect(await runEnded).toEqual({ code: 0, signal: null });
  });

  test("history --csv has no character that the program shows as a code", async () => {
    const box = sandbox("exit 3");
    expect(await ended(start(box, "run", ...PAIR_WORDS).child)).toMatchObject({ code: 3 });
    const history = start(box, "history", "--csv");
    expect(await ended(history.child)).toEqual({ code: 0, signal: null });
    expect(history.out()).toMatch(/^id,.*,triggeredBy\n\w{14},microserv_1,redshift,run_tap,,failed,.*,3,\S+,,\n$/);
  });

  test("logs ends with 0 and without a message if its reader ends early", async () => {
    const box = sandbox();
    const startedAt = new Date("2026-11-23T08:00:00.000Z");
    const pipeline = { tap: "microserv_1", target: "redshift" };
    const id = newRunId(startedAt);
    const log = runLogFile(box.paths, pipeline, { id, startedAt });
    const at = { startedAt: startedAt.toISOString(), endedAt: "2026-11-23T08:01:00.000Z" };
    const records = runsFile(box.paths, "2026-11", "testhost");
    for (const path of [log, records]) mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    writeFileSync(log, "line\n".repeat(1_000_000), { mode: 0o600 });
    const run = { id, ...pipeline, command: "run_tap", host: "testhost", scheduled: true, ...at, log };
    writeFileSync(records, renderRecordLine({ ...run, outcome: "succeeded" }), { mode: 0o600 });
    const script = `("$0" "$1" logs 2> err; echo $? > code) | head -n 1`;
    const { HOME = "", PATH = "" } = box.host.env;
    const { stdout } = await runToEnd(["sh", "-c", script, process.execPath, PROGRAM], {
      cwd: box.home,
      env: { HOME, PATH },
    });
    expect(stdout).toBe("line\n");
    expect(readFileSync(box.file("code"), "utf8")).toBe("0\n");
    expect(readFileSync(box.file("err"), "utf8").trimEnd().split("\n")).toHaveLength(2);
  });
});
