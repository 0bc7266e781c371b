import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { main } from "../../../src/cli/main.ts";
import { runMain } from "../../../src/cli/run-command.ts";
import type { RetryPolicy } from "../../../src/policies.ts";
import { openPipelineStore } from "../../../src/run/pipeline-store.ts";
import { writeNextAttempt } from "../../../src/run/policies/next-attempt.ts";
import { lockDirectory, nextAttemptFile } from "../../../src/storage/paths.ts";
import { HOUR_MS, MINUTE_MS } from "../../../src/time-units.ts";
import { testHost } from "../../support/host.ts";
import { anEntry, looseLocks, PAIR_WORDS, sandbox } from "../../support/sandbox.ts";
import { until, untilFile } from "../../support/wait.ts";

const scheduled = [...PAIR_WORDS, "--scheduled"];
const retries = (changes: Partial<RetryPolicy> = {}): RetryPolicy => ({
  ...{ max: 2, delayMs: 1, backoff: 2, maxDelayMs: HOUR_MS, on: ["failed", "timed-out"] },
  ...changes,
});
const failed = { outcome: "failed", exitCode: 1 };

/** A sandbox whose pipeline runs `script` with the number of its attempt in $n, and follows the policy. */
function retrying(script: string, policy: RetryPolicy = retries(), timeoutMs?: number) {
  const box = sandbox(`
    echo x >> $HOME/attempts; n=$(wc -l < $HOME/attempts)
    ${script}`);
  box.install([anEntry({ policies: { retries: policy, timeoutMs } })]);
  return {
    ...box,
    attempts: () => readFileSync(box.file("attempts"), "utf8").length / 2,
    logs: () => readdirSync(join(box.paths.root, "logs", "redshift", "microserv_1")).sort(),
  };
}

describe("a run with retries", () => {
  test("is repeated until an attempt succeeds, and reports nothing then", async () => {
    const { host, records, logs, paths } = retrying('echo "this is $n"; [ $n = 3 ]');
    expect(await runMain(scheduled, host)).toBe(0);
    expect(host.out() + host.err()).toBe("");
    const [record, ...others] = await records();
    expect(others).toEqual([]);
    expect(record).toMatchObject({ outcome: "succeeded", exitCode: 0, scheduled: true });
    expect(record?.attempts).toMatchObject([failed, failed, { outcome: "succeeded", exitCode: 0 }]);
    const names = logs();
    const started = `20261123T120000Z-${record?.id}`;
    expect(names).toEqual([`${started}.2.log`, `${started}.3.log`, `${started}.log`]);
    const directory = join(paths.root, "logs", "redshift", "microserv_1");
    expect(record?.attempts?.map(({ log }) => readFileSync(log ?? "", "utf8"))).toEqual([
      "this is 1\n",
      "this is 2\n",
      "this is 3\n",
    ]);
    expect(record?.log).toBe(join(directory, names[1] ?? ""));
  });

  test("ends as its last attempt, and sends one report", async () => {
    const { host, attempts, records } = retrying('echo "this is $n"; exit $((n + 2))');
    expect(await runMain(scheduled, host)).toBe(5);
    expect(attempts()).toBe(3);
    const [record] = await records();
    expect(record).toMatchObject({ outcome: "failed", exitCode: 5 });
    expect(record?.attempts?.map(({ exitCode }) => exitCode)).toEqual([3, 4, 5]);
    expect(host.err()).toContain("microserv_1 → redshift failed with exit code 5 after 3 attempts in 0 s\n");
    expect(host.err().match(/failed with exit code/g)).toHaveLength(1);
    expect(host.err()).toContain("  | this is 3\n");
    expect(host.err()).not.toContain("this is 2");
  });

  test("says by hand when the next attempt starts", async () => {
    const { host } = retrying("[ $n = 2 ]");
    expect(await runMain(PAIR_WORDS, host)).toBe(0);
    expect(host.err()).toMatch(
      /^pipelinewise-sched: microserv_1 → redshift failed with exit code 1; attempt 2 of 3 starts in 0 s; log: \S+Z-\w{14}\.log\n$/,
    );
  });

  test("shows the number of attempts in history and status", async () => {
    const { host } = retrying("[ $n = 2 ]");
    await runMain(scheduled, host);
    await main(["history"], host);
    await main(["status"], host);
    expect(host.out().match(/succeeded, 2 attempts/g)).toHaveLength(2);
    const json = host.out().length;
    await main(["history", "--json"], host);
    expect(JSON.parse(host.out().slice(json)).runs).toMatchObject([
      { outcome: "succeeded", attempts: [failed, { outcome: "succeeded", exitCode: 0 }] },
    ]);
  });

  test("repeats a pipeline that timed out, and its timeout counts for each attempt", async () => {
    // Each attempt may be stopped before it does anything, so there are many.
    const { host, records } = retrying(
      "[ $n = 1 ] || exit 0; exec sleep 600",
      retries({ max: 20, on: ["timed-out"] }),
      500,
    );
    expect(await runMain(scheduled, host)).toBe(0);
    const [record] = await records();
    expect(record?.attempts?.at(0)).toMatchObject({ outcome: "timed-out", exitCode: 124 });
    expect(record?.attempts?.at(-1)).toMatchObject({ outcome: "succeeded", exitCode: 0 });
  });

  test.each([
    ["a failure", "echo deadlock detected; exit 1", ["timed-out"], 1],
    ["a failure without the text", "echo Deadlock detected; exit 1", [{ output: "deadlock detected" }], 1],
    ["a failure with the text", "echo 'ERROR: deadlock detected (1)'; exit 1", [{ output: "deadlock detected" }], 3],
    ["a failure with another exit code", "exit 99", ["failed"], 3],
  ] as const)("with on, %s: %s, %j makes %i attempts", async (_, script, on, count) => {
    const { host, attempts } = retrying(script, retries({ on }));
    expect(await runMain(scheduled, host)).not.toBe(0);
    expect(attempts()).toBe(count);
  });
});

describe("a run is not repeated", () => {
  const LOG = "log_level=ERROR message=Another instance of the tap is already running.";
  test.each([
    ["after a success", "exit 0", 0, { outcome: "succeeded" }],
    ["if PipelineWise refuses it", `echo "${LOG}"; exit 1`, 0, { outcome: "skipped", reason: "external" }],
    ["if PipelineWise does not know the tap", "echo 'Exception: Cannot find redshift target'; exit 1", 1, failed],
  ])("%s", async (_, script, code, record) => {
    const { host, attempts, records } = retrying(script);
    expect(await runMain(scheduled, host)).toBe(code);
    expect(attempts()).toBe(1);
    const [only] = await records();
    expect(only).toMatchObject(record);
    expect(only).not.toHaveProperty("attempts");
  });

  test("if its program cannot be started", async () => {
    const { host, program, records } = retrying("exit 0");
    writeFileSync(program, "#!/nowhere/python\n");
    expect(await runMain(PAIR_WORDS, host)).toBe(127);
    expect(await records()).toMatchObject([{ outcome: "failed", exitCode: 127 }]);
  });

  test("after a stop", async () => {
    const { host, file, records, attempts } = retrying("exec sleep 600");
    const running = runMain(scheduled, host);
    await until("it runs", () => existsSync(file("attempts")) && attempts() === 1);
    host.signals.emit("SIGTERM");
    expect(await running).toBe(143);
    expect(await records()).toMatchObject([{ outcome: "stopped" }]);
    expect(attempts()).toBe(1);
  });

  test.each([
    ["by a scheduler", scheduled],
    ["by hand", PAIR_WORDS],
  ])("after the pipeline is due again, if it was started %s", async (_, words) => {
    const { host, attempts, records } = retrying("exit 1", retries({ delayMs: 5 * MINUTE_MS }));
    expect(await runMain(words, host)).toBe(1);
    expect(attempts()).toBe(1);
    const remark = "no further attempt, because the pipeline is due again at 2026-11-23 12:05Z";
    expect(host.err()).toContain(`failed with exit code 1 after 0 s; ${remark}`);
    expect(await records()).toMatchObject([{ ...failed, detail: remark }]);
  });
});

describe("before a further attempt", () => {
  test.each([
    [
      "a pause",
      '{"by":"ada on host etl-1","since":"2026-11-23T11:00:00.000Z"}',
      "because it is paused with all pipelines by ada",
    ],
    ["a pause file that cannot be read", "", "@all.json is garbled, so it is unknown whether all pipelines may start"],
  ])("%s ends the run, with its record", async (_, pause, remark) => {
    const directory = "$HOME/.pipelinewise/.sched/pauses";
    const { host, attempts, records } = retrying(
      `mkdir -p ${directory}; echo '${pause}' > ${directory}/@all.json; exit 3`,
    );
    expect(await runMain(scheduled, host)).toBe(3);
    expect(attempts()).toBe(1);
    const [record] = await records();
    expect(record).toMatchObject({ outcome: "failed", exitCode: 3, detail: expect.stringContaining(remark) });
    expect(host.err()).toContain(remark);
  });

  test("a tap that was disabled ends the run", async () => {
    const { host, attempts, records, paths } = retrying(
      `echo '{"targets":[{"id":"redshift","taps":[{"id":"microserv_1","enabled":false}]}]}' > $HOME/.pipelinewise/config.json; exit 1`,
    );
    expect(await runMain(scheduled, host)).toBe(1);
    expect(attempts()).toBe(1);
    const detail = `no further attempt, because it is disabled in ${paths.configDir}/config.json`;
    expect(await records()).toMatchObject([{ ...failed, detail }]);
  });

  test("a run that somebody started without this program ends the run", async () => {
    const { host, attempts, records } = retrying(
      `mkdir -p $HOME/.pipelinewise/redshift/microserv_1; echo ${process.ppid} > $HOME/.pipelinewise/redshift/microserv_1/pipelinewise.pid; exit 1`,
    );
    expect(await runMain(scheduled, { ...host, pid: 1 })).toBe(1);
    expect(attempts()).toBe(1);
    const [record] = await records();
    expect(record).toMatchObject(failed);
    expect(record?.detail).toContain(`no further attempt, because it is run by pid ${process.ppid}`);
  });

  test("a torn state.json ends the run as failed (state)", async () => {
    const { host, attempts, records } = retrying(
      "mkdir -p $HOME/.pipelinewise/redshift/microserv_1; : > $HOME/.pipelinewise/redshift/microserv_1/state.json; exit 1",
    );
    expect(await runMain(scheduled, host)).toBe(1);
    expect(attempts()).toBe(1);
    expect(await records()).toMatchObject([{ outcome: "failed", reason: "state", attempts: [failed] }]);
  });

  test("a program that was removed ends the run, and the record has both attempts", async () => {
    const { host, program, records } = retrying("rm $HOME/bin/pipelinewise; exit 1");
    expect(await runMain(scheduled, host)).toBe(127);
    expect(host.err()).toContain(program);
    expect(await records()).toMatchObject([
      { outcome: "failed", exitCode: 127, attempts: [failed, { outcome: "failed", exitCode: 127 }] },
    ]);
  });

  test("an error of a check ends the run, which is recorded", async () => {
    const { host, attempts, records } = retrying(
      "mkdir -p $HOME/.pipelinewise/redshift/microserv_1/pipelinewise.pid; exit 1",
    );
    expect(await runMain(scheduled, host)).toBe(1);
    expect(attempts()).toBe(1);
    const [record] = await records();
    expect(record).toMatchObject(failed);
    expect(record?.detail).toMatch(/^no further attempt, because \S+pipelinewise\.pid is a directory/);
  });

  test("a refusal of PipelineWise ends the run as its last attempt", async () => {
    const { host, records } = retrying(
      "[ $n = 1 ] && exit 3; echo log_level=ERROR message=Another instance of the tap is already running.; exit 1",
    );
    expect(await runMain(scheduled, host)).toBe(3);
    const detail = "attempt 2 was refused by PipelineWise, which reports that another instance is running";
    expect(await records()).toMatchObject([{ outcome: "failed", exitCode: 3, detail }]);
    expect(host.err()).toContain(detail);
  });
});

describe("during the wait for a further attempt", () => {
  const LONG = retries({ delayMs: HOUR_MS });
  /** Starts a run by hand whose entry is due once a year, and waits until it waits. */
  async function startWaiting(locks = looseLocks()) {
    const box = sandbox("exit 1");
    box.install([anEntry({ crons: ["0 0 1 1 *"], policies: { retries: LONG } })]);
    const running = runMain(PAIR_WORDS, box.host, { locks, timing: { graceMs: 1, killGraceMs: 1, heartbeatMs: 20 } });
    await until("it waits", () => box.host.err().includes("attempt 2 of 3 starts in 1 h"));
    return { ...box, running };
  }

  test("a signal ends the run at once", async () => {
    const { host, running, records } = await startWaiting();
    host.signals.emit("SIGINT");
    expect(await running).toBe(130);
    const detail = "was stopped by SIGINT; it was waiting for attempt 2";
    expect(host.err()).toContain("was stopped by SIGINT after 1 attempt in 0 s; it was waiting for attempt 2");
    expect(await records()).toMatchObject([{ outcome: "stopped", exitCode: 130, detail, attempts: [failed] }]);
  });

  test("a stop request ends the run at once, and the requester sees it", async () => {
    const box = sandbox("exit 1");
    box.install([anEntry({ crons: ["0 0 1 1 *"], policies: { retries: LONG } })]);
    const { host, paths } = box;
    const running = runMain(PAIR_WORDS, host, { timing: { graceMs: 1, killGraceMs: 1, heartbeatMs: 20 } });
    await until("it waits", () => host.err().includes("attempt 2 of 3 starts in 1 h"));
    expect(await main(["stop", ...PAIR_WORDS], host)).toBe(0);
    expect(await running).toBe(143);
    expect(host.out()).toContain("microserv_1 → redshift has ended: it was stopped");
    expect(await box.records()).toMatchObject([{ outcome: "stopped", exitCode: 143, attempts: [failed] }]);
    const lock = openPipelineStore({ tap: "microserv_1", target: "redshift", dataDiff: false }, { paths, host }).lock;
    expect((await lock.inspect()).tokens).toEqual([]);
  });

  test("status shows for which attempt the run waits, and until when", async () => {
    const box = sandbox("exit 1");
    box.install([anEntry({ crons: ["0 0 1 1 *"], policies: { retries: LONG } })]);
    const { host, paths } = box;
    const running = runMain(PAIR_WORDS, host);
    const note = nextAttemptFile(paths, { tap: "microserv_1", target: "redshift", dataDiff: false });
    await untilFile(note);
    await main(["status"], host);
    expect(host.out()).toContain("; waiting for attempt 2 of 3 until 2026-11-23 13:00:00Z");
    const json = testHost({ env: host.env });
    await main(["status", "--json"], json);
    expect(JSON.parse(json.out()).pipelines[0].running).toMatchObject({
      nextAttempt: { attempt: 2, of: 3, until: "2026-11-23T13:00:00.000Z" },
    });
    host.signals.emit("SIGINT");
    await running;
    expect(existsSync(note)).toBe(false);
  });

  test("status shows no wait that a killed run has left", async () => {
    const box = sandbox("[ $1 = status ] && exit 1; until [ -e $HOME/go ]; do sleep 0.05; done");
    box.install();
    const lock = { tap: "microserv_1", target: "redshift", dataDiff: false };
    const { host, paths } = box;
    const left = { run: "0dead0dead0dea", attempt: 2, of: 3, until: new Date("2026-11-23T13:00:00Z") };
    const running = runMain(PAIR_WORDS, host);
    await untilFile(lockDirectory(paths, lock));
    await writeNextAttempt({ paths, lock, uid: host.uid }, left);
    await main(["status"], host);
    expect(host.out()).toContain("2026-11-23 12:00:00Z (0 s)");
    expect(host.out()).not.toContain("waiting for attempt");
    writeFileSync(box.file("go"), "");
    expect(await running).toBe(0);
  });

  test.each(["a directory in place of the file", "a directory that cannot be created"])(
    "%s does not change the run",
    async (what) => {
      const box = retrying("[ $n = 2 ]");
      const path = nextAttemptFile(box.paths, { tap: "microserv_1", target: "redshift", dataDiff: false });
      mkdirSync(join(path, ".."), { recursive: true, mode: 0o700 });
      if (what.endsWith("the file")) mkdirSync(path);
      else {
        rmSync(join(path, ".."), { recursive: true });
        writeFileSync(join(path, ".."), "");
      }
      expect(await runMain(scheduled, box.host)).toBe(0);
      expect(await box.records()).toMatchObject([{ outcome: "succeeded", attempts: [failed, {}] }]);
      expect(box.host.err()).toBe("");
    },
  );

  test("a lost lock ends the run at once", async () => {
    let lose = (_reason: string): void => {};
    const lost = new Promise<string>((resolve) => {
      lose = resolve;
    });
    const { running, records } = await startWaiting(looseLocks(lost));
    lose("a test took it");
    expect(await running).toBe(74);
    expect(await records()).toMatchObject([{ outcome: "lock-lost", attempts: [failed] }]);
  });
});
