import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { runMain } from "../../../src/cli/run-command.ts";
import type { Hook, Hooks } from "../../../src/policies.ts";
import { HOUR_MS } from "../../../src/time-units.ts";
import { isRunning } from "../../support/processes.ts";
import { anEntry, looseLocks, PAIR_WORDS, sandbox } from "../../support/sandbox.ts";
import { pidIn, untilFile, watchTimer } from "../../support/wait.ts";

const SCHEDULED = [...PAIR_WORDS, "--scheduled"];
const SLOT_AT = new Date("2026-11-23T09:30:10Z");

/** A hook that a shell runs. */
const hook = (script: string, timeoutMs = 600_000): Hook => ({ command: ["sh", "-c", script], timeoutMs });

/** A hook that adds its name and its outcome to the file of calls. */
const noting = (name: string, then = ""): Hook =>
  hook(`echo ${name} $PIPELINEWISE_SCHED_OUTCOME >>$HOME/calls; ${then}`);

const NOTING: Hooks = {
  before: noting("before"),
  after: noting("after"),
  afterSuccess: noting("after_success"),
  afterFailure: noting("after_failure"),
};

/** An installed pipeline with hooks. The pipeline notes its calls as the hooks do, then runs the script. */
function pipeline(hooks: Hooks, script = "") {
  const box = sandbox(`echo pipeline >>$HOME/calls; ${script}`);
  box.install([anEntry({ policies: { hooks } })]);
  return {
    ...box,
    calls: () => (existsSync(box.file("calls")) ? readFileSync(box.file("calls"), "utf8").trim().split("\n") : []),
  };
}

describe("the hooks of a run", () => {
  test.each([
    ["succeeded", "", 0, ["before", "pipeline", "after_success succeeded", "after succeeded"]],
    ["failed", "exit 3", 3, ["before", "pipeline", "after_failure failed", "after failed"]],
  ])("a run that %s starts its hooks in order", async (_, script, code, calls) => {
    const box = pipeline(NOTING, script);
    expect(await runMain(SCHEDULED, box.host)).toBe(code);
    expect(box.calls()).toEqual(calls);
  });

  test("a run whose pipeline cannot be started starts the hooks after it", async () => {
    const box = pipeline(NOTING);
    box.install([anEntry({ policies: { hooks: NOTING } })], {}, { command: ["/nowhere/pipelinewise"] });
    expect(await runMain(SCHEDULED, box.host)).toBe(127);
    expect(box.calls()).toEqual(["before", "after_failure failed", "after failed"]);
  });

  test("a start that is skipped starts no hook", async () => {
    const box = pipeline(NOTING);
    box.install([anEntry({ since: "2026-11-23T09:31:00.000Z", policies: { hooks: NOTING } })]);
    const host = { ...box.host, now: () => new Date("2026-11-23T09:32:00Z") };
    expect(await runMain(SCHEDULED, host)).toBe(0);
    expect(await box.records()).toMatchObject([{ outcome: "skipped", reason: "not-due" }]);
    expect(box.calls()).toEqual([]);
  });

  test("hooks get the environment of the pipeline, and variables about the run", async () => {
    const print = hook("env | grep -E '^(PIPELINEWISE_SCHED_|DBT_)' | grep -v SCHED_RUN= | sort; echo");
    const box = pipeline({ before: print, after: print }, "exit 3");
    box.install([anEntry({ policies: { hooks: { before: print, after: print } } })], { env: { DBT_PROFILE: "dev" } });
    const env = { ...box.host.env, PIPELINEWISE_SCHED_OUTCOME: "of another run" };
    await runMain(SCHEDULED, { ...box.host, env, now: () => SLOT_AT });
    const [record] = await box.records();
    const log = record?.log ?? "";
    const [before, after] = box.logText().split("\n\n");
    const common = [
      `PIPELINEWISE_SCHED_LOG=${log}`,
      `PIPELINEWISE_SCHED_RUN_ID=${record?.id}`,
      "PIPELINEWISE_SCHED_SLOT=2026-11-23T09:30:00.000Z",
      "PIPELINEWISE_SCHED_TAP=microserv_1",
      "PIPELINEWISE_SCHED_TARGET=redshift",
    ];
    expect(before?.split("\n").slice(1)).toEqual(["DBT_PROFILE=dev", ...common]);
    const end = ["PIPELINEWISE_SCHED_EXIT_CODE=3", ...common, "PIPELINEWISE_SCHED_OUTCOME=failed"];
    expect(after?.split("\n").slice(1)).toEqual(["DBT_PROFILE=dev", ...end.sort()]);
  });

  test("the run log has the output of the hooks and of the pipeline, in order", async () => {
    const box = pipeline({ before: hook("echo one"), afterSuccess: hook("echo three >&2") }, "echo two");
    await runMain(SCHEDULED, box.host);
    expect(box.logText()).toBe(
      "pipelinewise-sched: hook before: sh -c 'echo one'\none\ntwo\npipelinewise-sched: hook after_success: sh -c 'echo three >&2'\nthree\n",
    );
    expect(box.host.out() + box.host.err()).toBe("");
  });

  test("a run by hand follows the installed hooks and shows their output", async () => {
    const box = pipeline({ before: hook("echo from the hook"), afterSuccess: noting("after_success") });
    expect(await runMain(PAIR_WORDS, box.host)).toBe(0);
    expect(box.host.out()).toBe("from the hook\n");
    expect(box.calls()).toEqual(["pipeline", "after_success succeeded"]);
  });

  test("--dry-run shows them", async () => {
    const box = pipeline({ before: { command: ["check", "a b"], timeoutMs: 1 }, after: hook("exit 0") });
    await runMain([...PAIR_WORDS, "--dry-run"], box.host);
    expect(box.host.out()).toContain("\nhooks        before: check 'a b'\n             after: sh -c 'exit 0'\n");
  });

  test("the program is the one that install found, also if it is not on the run's PATH", async () => {
    const command = ["dbt", "run"];
    const hooks = { before: { command, timeoutMs: 600_000 } };
    const box = pipeline(hooks);
    const dbt = box.file("dbt");
    writeFileSync(dbt, '#!/bin/sh\necho "dbt $*" >>$HOME/calls\n', { mode: 0o755 });
    box.install([anEntry({ policies: { hooks } })], {}, { hookPrograms: { dbt } });
    expect(await runMain(SCHEDULED, box.host)).toBe(0);
    expect(box.calls()).toEqual(["dbt run", "pipeline"]);
  });
});

describe("a before hook that does not succeed", () => {
  const nowhere: Hook = { command: ["/nowhere/check"], timeoutMs: 600_000 };
  test.each([
    ["fails", noting("before", "echo the source is down; exit 4"), "failed with exit code 4"],
    ["cannot be started", nowhere, 'could not be started: the command "/nowhere/check" was not found'],
    ["times out", hook("echo waiting; exec sleep 600", 1), "timed out (limit 0 s)"],
  ])("it %s: the pipeline is not started, and the run failed", async (_, before, what) => {
    const box = pipeline({ ...NOTING, before });
    expect(await runMain(SCHEDULED, { ...box.host, now: () => SLOT_AT })).toBe(1);
    expect(box.calls().filter((call) => call !== "before")).toEqual(["after_failure failed", "after failed"]);
    const detail = `has a before hook that ${what}`;
    expect(await box.records()).toMatchObject([
      { outcome: "failed", reason: "hook", exitCode: 1, detail, slot: "2026-11-23T09:30:00.000Z" },
    ]);
    expect(box.host.err()).toContain(`microserv_1 → redshift was not started: it ${detail}\n`);
  });

  test("the report for cron's mail has the last lines of the log, without secrets", async () => {
    const before = hook("echo cannot log in as etl with $DB_PASSWORD; exit 4");
    const box = pipeline({ before });
    writeFileSync(box.file("secrets"), "DB_PASSWORD=hunter2-of-the-test\n", { mode: 0o600 });
    box.install([anEntry({ policies: { hooks: { before } } })], { envFile: box.file("secrets") });
    await runMain(SCHEDULED, box.host);
    const [record] = await box.records();
    expect(box.host.err()).toContain(`\n  log: ${record?.log}\n  last lines:\n`);
    expect(box.host.err()).toContain("\n  | cannot log in as etl with ***\n");
  });

  test("a scheduled start handles its slot, so that no other host tries again", async () => {
    const box = pipeline({ before: noting("before", "exit 4") });
    const host = { ...box.host, now: () => SLOT_AT };
    expect([await runMain(SCHEDULED, host), await runMain(SCHEDULED, host)]).toEqual([1, 0]);
    expect(box.calls()).toEqual(["before"]);
  });
});

test("with an env_file that does not exist, the run and not its hook is reported", async () => {
  const box = pipeline(NOTING);
  box.install([anEntry({ policies: { hooks: NOTING } })], { envFile: box.file("none.env") });
  expect(await runMain(SCHEDULED, box.host)).toBe(74);
  expect(box.calls()).toEqual([]);
  const [{ reason, detail } = {}] = await box.records();
  expect(reason).toBe(undefined);
  expect(detail).toMatch(/^cannot read env_file .*none\.env/);
  const lines = box.host.err().trimEnd().split("\n");
  expect(lines.filter((line) => line.startsWith("pipelinewise-sched: "))).toEqual([
    expect.stringMatching(/: its hook after_failure could not be started: cannot read env_file [^;]*$/),
    expect.stringMatching(/: its hook after could not be started: cannot read env_file [^;]*$/),
    `pipelinewise-sched: microserv_1 → redshift could not be started: ${detail}`,
  ]);
});

describe("a hook after the run that does not succeed", () => {
  test.each([
    ["fails", hook("exit 4"), "failed with exit code 4"],
    [
      "cannot be started",
      { command: ["nosuch"], timeoutMs: 1000 },
      'could not be started: the command "nosuch" was not found',
    ],
    ["times out", hook("exec sleep 600", 1), "timed out (limit 0 s)"],
  ])("it %s: outcome and exit code stay, and the run says so", async (_, afterSuccess, what) => {
    const box = pipeline({ afterSuccess, after: noting("after") });
    expect(await runMain(SCHEDULED, box.host)).toBe(0);
    expect(box.calls()).toEqual(["pipeline", "after succeeded"]);
    const [record] = await box.records();
    expect(record).toMatchObject({ outcome: "succeeded", exitCode: 0 });
    expect(box.host.err()).toContain(`microserv_1 → redshift: its hook after_success ${what}`);
    expect(box.host.err()).toContain(`; log: ${record?.log}\n`);
  });
});

describe("the processes of a hook", () => {
  test("a process that a hook leaves behind ends at the hook's timeout", async () => {
    const timeout = watchTimer(HOUR_MS);
    const box = pipeline({ before: hook("sleep 600 & echo $! >$HOME/child", HOUR_MS) });
    const running = runMain(SCHEDULED, box.host);
    const child = await pidIn(box.file("child"));
    (await timeout()).expire();
    expect(await running).toBe(1);
    expect(isRunning(child)).toBe(false);
    expect(await box.records()).toMatchObject([{ outcome: "failed", reason: "hook" }]);
  });

  test("a run waits for a process that a hook leaves behind", async () => {
    const box = pipeline({
      before: hook("(until [ -e $HOME/go ]; do sleep 0.01; done; echo late >>$HOME/calls) & : >$HOME/up"),
    });
    const running = runMain(SCHEDULED, box.host);
    await untilFile(box.file("up"));
    writeFileSync(box.file("go"), "");
    expect(await running).toBe(0);
    expect(box.calls()).toEqual(["late", "pipeline"]);
  });

  const waiting = hook("echo $$ >$HOME/pid; exec sleep 600");

  test("a stop signal ends a before hook; the run counts as stopped, and starts nothing more", async () => {
    const box = pipeline({ ...NOTING, before: waiting });
    const running = runMain(SCHEDULED, box.host);
    const pid = await pidIn(box.file("pid"));
    box.host.signals.emit("SIGTERM");
    expect(await running).toBe(143);
    expect(isRunning(pid)).toBe(false);
    expect(box.calls()).toEqual([]);
    expect(await box.records()).toMatchObject([{ outcome: "stopped", exitCode: 143 }]);
  });

  test("a stop signal ends a hook after the run; the outcome stays, and the next hook is not started", async () => {
    const box = pipeline({ afterSuccess: waiting, after: noting("after") });
    const running = runMain(SCHEDULED, box.host);
    const pid = await pidIn(box.file("pid"));
    box.host.signals.emit("SIGTERM");
    expect(await running).toBe(0);
    expect(isRunning(pid)).toBe(false);
    expect(box.calls()).toEqual(["pipeline"]);
    expect(await box.records()).toMatchObject([{ outcome: "succeeded" }]);
    expect(box.host.err()).toContain("its hook after_success was stopped because of SIGTERM; log: ");
    expect(box.host.err()).toContain("its hook after was not started because of SIGTERM; log: ");
  });

  test("a lost lock ends a before hook, and no hook follows", async () => {
    const box = pipeline({ ...NOTING, before: waiting });
    let lose = (_reason: string) => {};
    const lost = new Promise<string>((resolve) => {
      lose = resolve;
    });
    const running = runMain(SCHEDULED, box.host, { locks: looseLocks(lost) });
    const pid = await pidIn(box.file("pid"));
    lose("no heartbeat");
    expect(await running).toBe(74);
    expect(isRunning(pid)).toBe(false);
    expect(box.calls()).toEqual([]);
    expect(await box.records()).toMatchObject([{ outcome: "lock-lost" }]);
  });

  test("a run that was stopped starts no hook after it", async () => {
    const box = pipeline(NOTING, "echo $$ >$HOME/pid; exec sleep 600");
    const running = runMain(SCHEDULED, box.host);
    await pidIn(box.file("pid"));
    box.host.signals.emit("SIGTERM");
    expect(await running).toBe(143);
    expect(box.calls()).toEqual(["before", "pipeline"]);
  });

  test("the lock is held until the last hook has ended", async () => {
    const box = pipeline({ after: hook("echo $$ >$HOME/pid; until [ -e $HOME/go ]; do sleep 0.01; done") });
    const running = runMain(PAIR_WORDS, box.host);
    await pidIn(box.file("pid"));
    expect(await runMain(PAIR_WORDS, box.host)).toBe(75);
    writeFileSync(box.file("go"), "");
    expect(await running).toBe(0);
    expect((await box.records()).map(({ outcome }) => outcome).sort()).toEqual(["skipped", "succeeded"]);
  });
});
