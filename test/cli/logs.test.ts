import { appendFileSync, mkdirSync, readFileSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { newRunId, type RunRecord } from "../../src/history/record.ts";
import { openHistory, openLastRuns } from "../../src/history/store.ts";
import { runLogFile } from "../../src/storage/paths.ts";
import { leaveDeadLock } from "../run/dead-run.ts";
import { testHost } from "../support/host.ts";
import { anEntry, PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { until, untilFile } from "../support/wait.ts";

type Box = ReturnType<typeof sandbox>;

const PAIR = { tap: "microserv_1", target: "redshift" } as const;

/** Records a run with its log, as a run on this host does. @param text of the log; `undefined`: it has none */
async function leaveRun(box: Box, at: string, text: string | undefined, changes: Partial<RunRecord> = {}) {
  const startedAt = new Date(at);
  const id = newRunId(startedAt, () => 0.5);
  const pipeline = { tap: changes.tap ?? PAIR.tap, target: changes.target ?? PAIR.target };
  const log = runLogFile(box.paths, pipeline, { id, startedAt });
  if (text !== undefined) {
    mkdirSync(dirname(log), { recursive: true, mode: 0o700 });
    writeFileSync(log, text, { mode: 0o600 });
  }
  const record: RunRecord = {
    id,
    ...pipeline,
    command: "run_tap",
    outcome: "succeeded",
    exitCode: 0,
    host: "testhost",
    scheduled: true,
    startedAt: startedAt.toISOString(),
    endedAt: new Date(startedAt.getTime() + 125_000).toISOString(),
    log: text === undefined ? undefined : log,
    ...changes,
  };
  await openHistory(box.paths, box.host).append(record);
  const last = openLastRuns({ paths: box.paths, lock: { ...pipeline, dataDiff: false }, host: box.host });
  await (record.outcome === "skipped" ? last.writeSkip(record) : last.writeRun(record));
  return { id, log, record };
}

/** Starts `logs` with a terminal, or without one. */
function startLogs(box: Box, options: readonly string[], { isTTY = false } = {}) {
  let out = "";
  const stdout = {
    write: (text: string | Uint8Array) => {
      out += typeof text === "string" ? text : Buffer.from(text).toString();
    },
    isTTY,
  };
  const host = testHost({ env: box.host.env, cwd: box.home, stdout });
  return { code: main(["logs", ...options], host), out: () => out, err: host.err };
}

async function logs(box: Box, options: readonly string[] = [], terminal: { readonly isTTY?: boolean } = {}) {
  const { code, out, err } = startLogs(box, options, terminal);
  return { code: await code, out: out(), err: err() };
}

describe("the run", () => {
  async function withThreeRuns() {
    const box = sandbox();
    box.install([anEntry(), anEntry({ tap: "microserv_2" }), anEntry({ tap: "microserv_3" })]);
    const failed = await leaveRun(box, "2026-11-23T08:00:00Z", "first\n", { outcome: "failed", exitCode: 1 });
    const newest = await leaveRun(box, "2026-11-23T09:00:00Z", "second\n");
    const other = await leaveRun(box, "2026-11-23T10:00:00Z", "other\n", { tap: "microserv_2" });
    await leaveRun(box, "2026-11-23T11:00:00Z", undefined, { outcome: "skipped", reason: "overlap" });
    return { box, failed, newest, other };
  }

  test("by default is the newest one of the pipeline, and stdout has nothing but its log", async () => {
    const { box, newest } = await withThreeRuns();
    expect(await logs(box, PAIR_WORDS)).toEqual({
      code: 0,
      out: "second\n",
      err: `microserv_1 → redshift: run ${newest.id} on host testhost started 2026-11-23 09:00:00Z, ended after 2 min 5 s: succeeded\n${newest.log}\n`,
    });
  });

  test.each([
    [[], "other\n"],
    [["--tap", "microserv_1"], "second\n"],
    [["--target", "redshift"], "other\n"],
    [["--failed"], "first\n"],
    [["--failed", ...PAIR_WORDS], "first\n"],
  ])("%j", async (options, expected) => {
    const { box } = await withThreeRuns();
    expect(await logs(box, options)).toMatchObject({ code: 0, out: expected });
  });

  test("--run names any run", async () => {
    const { box, failed } = await withThreeRuns();
    const { code, out, err } = await logs(box, ["--run", failed.id]);
    expect([code, out]).toEqual([0, "first\n"]);
    expect(err).toContain("failed");
  });

  test.each([
    [["--run", "0mwt00000aaaaa"], 'no run with the id "0mwt00000aaaaa" is running or recorded'],
    [["--tap", "microserv_3", "--target", "redshift"], "microserv_3 → redshift has not run yet"],
    [["--tap", "microserv_2", "--failed"], "no failed run of microserv_2 is recorded"],
    [["--tap", "microserv_9", "--target", "redshift"], "microserv_9 → redshift is not in an installed schedule"],
  ])("%j ends with 66 and says why", async (options, message) => {
    const { box } = await withThreeRuns();
    const { code, out, err } = await logs(box, options);
    expect([code, out]).toEqual([66, ""]);
    expect(err).toContain(message);
  });

  test("a log that retention has removed is named", async () => {
    const { box, newest } = await withThreeRuns();
    rmSync(newest.log);
    const { code, err } = await logs(box, PAIR_WORDS);
    expect(code).toBe(66);
    expect(err).toContain(`the log of run ${newest.id} of microserv_1 → redshift has been removed: ${newest.log}`);
    expect(err).toContain("`retention`");
  });

  test("a run that started no pipeline has no log", async () => {
    const { box } = await withThreeRuns();
    await leaveRun(box, "2026-11-23T12:00:00Z", undefined, { outcome: "failed", reason: "state", detail: "is torn" });
    const { code, err } = await logs(box, PAIR_WORDS);
    expect(code).toBe(66);
    expect(err).toContain("failed (state): is torn");
    expect(err).toContain("has no log, because it started no pipeline");
  });
});

test("each attempt of a run has its log, below a line with its name", async () => {
  const box = sandbox('echo "attempt $PWS"; [ -e $HOME/again ] || { touch $HOME/again; exit 1; }');
  box.install([anEntry({ policies: { retries: { max: 1, delayMs: 1, backoff: 1, maxDelayMs: 1, on: ["failed"] } } })]);
  expect(await runMain([...PAIR_WORDS, "--scheduled"], box.host)).toBe(0);
  const [run] = await box.records();
  const log = run?.log ?? "";
  const { out, err } = await logs(box);
  expect(out).toBe(`==> ${log.replace(".2.log", ".log")} <==\nattempt \n==> ${log} <==\nattempt \n`);
  expect(err).toContain("succeeded, 2 attempts");
});

test("control characters of a log are shown as codes on a terminal, and are unchanged elsewhere", async () => {
  const box = sandbox();
  const text = "\u001b]0;title\u0007\u001b[1mbold é €\n";
  await leaveRun(box, "2026-11-23T08:00:00Z", text);
  expect((await logs(box)).out).toBe(text);
  expect((await logs(box, [], { isTTY: true })).out).toBe("\\u001b]0;title\\u0007\\u001b[1mbold é €\n");
});

describe("PipelineWise's own logs", () => {
  /** Lines as PipelineWise 0.76.7 wrote them, shortened. */
  async function withOwnLogs() {
    const box = sandbox();
    const own = join(box.paths.configDir, "redshift", "microserv_1", "log");
    mkdirSync(own, { recursive: true });
    const place = "log_level=INFO message=";
    const begin = `${place}Writing output into /elsewhere/redshift-microserv_1-20261123_080002`;
    const { log } = await leaveRun(box, "2026-11-23T08:00:00Z", `${begin}.fastsync.log\n${begin}.singer.log\n`);
    const fast = join(own, "redshift-microserv_1-20261123_080002.fastsync.log.success");
    const singer = join(own, "redshift-microserv_1-20261123_080002.singer.log.success");
    writeFileSync(
      fast,
      `logger_name=pipelinewise.fastsync.commons.target_postgres ${place}Loading into copy."orders_temp": {"inserts": 1000, "updates": 0, "size_bytes": 5230}
            Total tables selected to sync  : 2
            Tables loaded successfully     : 1
`,
    );
    writeFileSync(
      singer,
      `logger_name=target_postgres ${place}Loading into copy."orders": {"inserts": 234, "updates": 1, "size_bytes": 17518}
logger_name=target_postgres ${place}Loading into copy."customers": {"inserts": 7, "updates": 0, "size_bytes": 90}
`,
    );
    writeFileSync(join(own, "redshift-microserv_1-20261123_090000.singer.log.success"), "of another run\n");
    return { box, log, fast, singer };
  }

  test("--pipelinewise shows those that the log names, wherever the directory was", async () => {
    const { box, log, fast, singer } = await withOwnLogs();
    const { code, out } = await logs(box, ["--pipelinewise"]);
    expect(code).toBe(0);
    const headings = out.split("\n").filter((line) => line.startsWith("==>"));
    expect(headings).toEqual([log, fast, singer].map((path) => `==> ${path} <==`));
    expect(out).toContain(readFileSync(singer, "utf8"));
  });

  test("a terminal shows the rows per table", async () => {
    const { box } = await withOwnLogs();
    const { out } = await logs(box, [], { isTTY: true });
    expect(out.slice(out.indexOf("\n\n"))).toMatchInlineSnapshot(`
      "

      Fast sync: 1 of 2 tables loaded.

      Table           Inserted  Updated
      --------------  --------  -------
      copy.customers  7         0
      copy.orders     1234      1
      "
    `);
    expect((await logs(box)).out).not.toContain("Inserted");
  });

  test("a name in the log cannot lead out of PipelineWise's directory", async () => {
    const box = sandbox();
    writeFileSync(join(box.home, "secret.log.success"), "secret\n");
    await leaveRun(box, "2026-11-23T08:00:00Z", `Writing output into ../../../../${box.home}/secret.log\n`);
    const { out, err } = await logs(box, ["--pipelinewise"]);
    expect(out).not.toContain("secret\n");
    expect(err).toContain("the log of this run does not name a log of PipelineWise that still exists");
  });
});

describe("--follow", () => {
  /** A pipeline that writes a line for each file that the test creates. */
  const STEPS = 'for step in 1 2 3; do while [ ! -e $HOME/step$step ]; do sleep 0.05; done; echo "line $step"; done';

  test("shows what a run writes, and ends with its outcome", async () => {
    const box = sandbox(STEPS);
    box.install();
    const running = runMain([...PAIR_WORDS, "--scheduled"], box.host);
    writeFileSync(box.file("step1"), "");
    await until("the pipeline has started", () => existsLog(box));
    const { code, out, err } = startLogs(box, ["-f"]);
    await until("the first line is shown", () => out() === "line 1\n");
    expect(err()).toContain("and is running");
    writeFileSync(box.file("step2"), "");
    await until("the second line is shown", () => out() === "line 1\nline 2\n");
    writeFileSync(box.file("step3"), "");
    expect(await code).toBe(0);
    expect(out()).toBe("line 1\nline 2\nline 3\n");
    expect(err()).toMatch(/ended after .*: succeeded\n$/);
    expect(await running).toBe(0);
  });

  test("goes on with the next attempt", async () => {
    const box = sandbox(`${STEPS}; [ -e $HOME/again ] || { touch $HOME/again; rm $HOME/step3; exit 1; }`);
    const retries = { max: 1, delayMs: 1, backoff: 1, maxDelayMs: 1, on: ["failed"] } as const;
    box.install([anEntry({ policies: { retries } })]);
    for (const step of ["step1", "step2"]) writeFileSync(box.file(step), "");
    const running = runMain([...PAIR_WORDS, "--scheduled"], box.host);
    await until("the pipeline has started", () => existsLog(box));
    const { code, out, err } = startLogs(box, ["-f", ...PAIR_WORDS]);
    writeFileSync(box.file("step3"), "");
    await until("the second attempt is shown", () => /<==\nline 1\nline 2\n$/.test(out()));
    writeFileSync(box.file("step3"), "");
    expect(await code).toBe(0);
    const [run] = await box.records();
    expect(out()).toBe(`line 1\nline 2\nline 3\n==> ${run?.log} <==\nline 1\nline 2\nline 3\n`);
    expect(err()).toMatch(/succeeded, 2 attempts\n$/);
    expect(await running).toBe(0);
  });

  /** A run on another host: its lock here, and its log. */
  function leaveFarRun(box: Box) {
    const startedAt = new Date("2026-11-23T11:59:00.000Z");
    const id = newRunId(startedAt, () => 0.5);
    const { file } = leaveDeadLock(box.paths, {
      host: "far",
      runId: id,
      startedAt: startedAt.toISOString(),
      bootId: "of far",
    });
    const log = runLogFile(box.paths, PAIR, { id, startedAt });
    mkdirSync(dirname(log), { recursive: true, mode: 0o700 });
    const end = async () => {
      const record: RunRecord = {
        ...{ id, ...PAIR, command: "run_tap", outcome: "failed", exitCode: 1, host: "far", scheduled: true, log },
        ...{ startedAt: startedAt.toISOString(), endedAt: "2026-11-23T12:00:00.000Z" },
      } as const;
      await openHistory(box.paths, { ...box.host, name: "far" }).append(record);
      rmSync(file);
    };
    return { log, end };
  }

  test("follows a run on another host, before its log exists and until its record is there", async () => {
    const box = sandbox();
    const { log, end } = leaveFarRun(box);
    const { code, out, err } = startLogs(box, ["-f", ...PAIR_WORDS]);
    await until("it waits for the log", () => err().includes("does not exist yet: the pipeline has not started"));
    writeFileSync(log, "one\n", { mode: 0o600 });
    await until("the first line is shown", () => out() === "one\n");
    appendFileSync(log, "two\n");
    await end();
    expect(await code).toBe(0);
    expect(out()).toBe("one\ntwo\n");
    expect(err()).toMatch(/on host far started .*, ended after 1 min: failed\n$/);
  });

  test("finds its place again when the middle of the log is removed", async () => {
    const box = sandbox();
    const { log, end } = leaveFarRun(box);
    const lines = Array.from({ length: 1_000 }, (_, index) => `line ${index}\n`);
    writeFileSync(log, lines.join(""), { mode: 0o600 });
    const { code, out, err } = startLogs(box, ["-f", ...PAIR_WORDS]);
    await until("all lines are shown", () => out().endsWith("line 999\n"));
    writeFileSync(`${log}.new`, `${lines.slice(0, 200).join("")}[left out]\n${lines.slice(800).join("")}new\n`);
    renameSync(`${log}.new`, log);
    await until("the new line is shown", () => out().endsWith("new\n"));
    await end();
    expect(await code).toBe(0);
    expect(out()).toBe(`${lines.join("")}new\n`);
    expect(err()).not.toContain("emptied");
  });

  test("continues at the note if what it has shown last was removed too", async () => {
    const box = sandbox();
    const { log, end } = leaveFarRun(box);
    const lines = Array.from({ length: 1_000 }, (_, index) => `line ${index}\n`);
    writeFileSync(log, lines.slice(0, 700).join(""), { mode: 0o600 });
    const { code, out, err } = startLogs(box, ["-f", ...PAIR_WORDS]);
    await until("the lines are shown", () => out().endsWith("line 699\n"));
    const note = "\n[pipelinewise-sched: 9000 bytes were left out here, because the log reached log_size]\n";
    const end200 = lines.slice(800).join("");
    // Written beside it and renamed, so that no reader sees a part of it.
    writeFileSync(`${log}.new`, `${lines.slice(0, 200).join("")}${note}${end200}`, { mode: 0o600 });
    renameSync(`${log}.new`, log);
    await until("the end is shown", () => out().endsWith("line 999\n"));
    await end();
    expect(await code).toBe(0);
    expect(out()).toBe(`${lines.slice(0, 700).join("")}${note}${end200}`);
    expect(err()).not.toContain("emptied");
  });

  test("says that a log was emptied, and shows its new content", async () => {
    const box = sandbox();
    const { log, end } = leaveFarRun(box);
    writeFileSync(log, "a long first line\n", { mode: 0o600 });
    const { code, out, err } = startLogs(box, ["-f", ...PAIR_WORDS]);
    await until("the line is shown", () => out() !== "");
    truncateSync(log);
    await until("the log is seen empty", () => err().includes("was emptied or replaced"));
    appendFileSync(log, "new\n");
    await end();
    expect(await code).toBe(0);
    expect(out()).toBe("a long first line\nnew\n");
  });

  test("ends when its reader has gone", async () => {
    const box = sandbox();
    const { log } = leaveFarRun(box);
    writeFileSync(log, "one\n", { mode: 0o600 });
    let close = () => {};
    const stdout = {
      write: () => {
        setImmediate(() => close());
        return false;
      },
      once: (event: string, listener: () => void) => {
        if (event === "close") close = listener;
      },
    };
    expect(await main(["logs", "-f"], testHost({ env: box.host.env, cwd: box.home, stdout }))).toBe(0);
  });

  test("of a run that has ended shows its log and ends", async () => {
    const box = sandbox();
    await leaveRun(box, "2026-11-23T08:00:00Z", "all\n");
    expect(await logs(box, ["--follow"])).toMatchObject({ code: 0, out: "all\n" });
  });
});

/** Whether the only run of the sandbox has begun its log. */
function existsLog(box: Box): boolean {
  try {
    box.logText();
    return true;
  } catch {
    return false;
  }
}

test("without --follow, a run that is running shows its log so far", async () => {
  const box = sandbox("echo begun; touch $HOME/begun; while [ -e $HOME/hold ]; do sleep 0.05; done");
  box.install();
  writeFileSync(box.file("hold"), "");
  const running = runMain([...PAIR_WORDS, "--scheduled"], box.host);
  await untilFile(box.file("begun"));
  const { code, out, err } = await logs(box);
  expect([code, out]).toEqual([0, "begun\n"]);
  expect(err).toContain("and is running");
  rmSync(box.file("hold"));
  expect(await running).toBe(0);
});
