import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { main } from "../../src/cli/main.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { parsePipelinewiseStatus } from "../../src/cli/status/pipelinewise.ts";
import { digestOf } from "../../src/installed/compile.ts";
import { recordZones } from "../../src/installed/zones.ts";
import { pipelineLocks } from "../../src/lock/pipeline-locks.ts";
import { testHost } from "../support/host.ts";
import { isRunning } from "../support/processes.ts";
import { anEntry, PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { freezeTimers, pidInFrozen, until, untilFile } from "../support/wait.ts";

/** The output of PipelineWise: a log line, the table, in which an empty Last Sync is blank, and the number of rows. */
const THEIRS = `time=2026-11-23 13:01:54 logger_name=pipelinewise log_level=INFO message=Profiling mode not enabled
Tap ID       Tap Type      Target ID    Target Type      Enabled    Status    Last Sync            Last Sync Result
-----------  ------------  -----------  ---------------  ---------  --------  -------------------  ------------------
microserv_1  tap-postgres  redshift     target-redshift  True       ready     2026-11-23T11:55:10  success
microserv_9  tap-postgres  redshift     target-redshift  False      ready                          unknown
2 pipeline(s)
`;

/** A `pipelinewise` that prints a status. Its runs end immediately, or when the file `hold` is gone. */
const SCRIPT = `if [ "$1" = status ]; then cat <<'X'
${THEIRS}X
else
  touch $HOME/started; while [ -e $HOME/hold ]; do sleep 0.05; done
fi`;

/** A new host on the same config directory, so that its output is separate. */
const again = (box: ReturnType<typeof sandbox>, changes: Parameters<typeof testHost>[0] = {}) =>
  testHost({ env: box.host.env, cwd: box.home, ...changes });

describe("parsePipelinewiseStatus", () => {
  test("cuts cells at the gaps between the dashes", () => {
    expect(parsePipelinewiseStatus(THEIRS)).toEqual([
      {
        tap: "microserv_1",
        tapType: "tap-postgres",
        target: "redshift",
        targetType: "target-redshift",
        enabled: "True",
        status: "ready",
        lastSync: "2026-11-23T11:55:10",
        lastSyncResult: "success",
      },
      {
        tap: "microserv_9",
        tapType: "tap-postgres",
        target: "redshift",
        targetType: "target-redshift",
        enabled: "False",
        status: "ready",
        lastSync: "",
        lastSyncResult: "unknown",
      },
    ]);
  });

  test("returns an empty list for a table without rows, and undefined without a table", () => {
    expect(parsePipelinewiseStatus(THEIRS.replace(/^microserv.*\n/gm, "").replace("2 pipe", "0 pipe"))).toEqual([]);
    expect(parsePipelinewiseStatus("Traceback\n")).toBeUndefined();
    expect(parsePipelinewiseStatus(THEIRS.replace(/\d pipeline.*\n/, ""))).toBeUndefined();
  });
});

test("status shows the columns of PipelineWise, then its own", async () => {
  const box = sandbox(SCRIPT);
  box.install([anEntry(), anEntry({ tap: "microserv_2", crons: ["0 0 * * 6"], timezone: "UTC" })]);
  await runMain([...PAIR_WORDS, "--scheduled"], box.host);
  const host = again(box);
  expect(await main(["status"], host)).toBe(0);
  expect(host.out()).toMatchInlineSnapshot(`
    "Tap ID       Tap Type      Target ID  Target Type      Enabled  Status  Last Sync            Last Sync Result  Schedule       Scheduler  Next run           Last outcome                           Last 20  Running since
    -----------  ------------  ---------  ---------------  -------  ------  -------------------  ----------------  -------------  ---------  -----------------  -------------------------------------  -------  -------------
    microserv_1  tap-postgres  redshift   target-redshift  True     ready   2026-11-23T11:55:10  success           */5 * * * *               2026-11-23 12:05Z  succeeded 2026-11-23 12:00Z (0 s ago)  .
    microserv_9  tap-postgres  redshift   target-redshift  False    ready                        unknown           not scheduled
    microserv_2                redshift                                                                            0 0 * * 6 UTC             2026-11-28 00:00Z

    Last 20 outcomes, the oldest first:
    . succeeded
    "
  `);
});

test("--json has every key and the current run", async () => {
  const box = sandbox(SCRIPT);
  box.install([anEntry()]);
  writeFileSync(box.file("hold"), "");
  const running = runMain([...PAIR_WORDS, "--scheduled"], box.host);
  await untilFile(box.file("started"));
  const later = { ...box.host, now: () => new Date("2026-11-23T12:05:00Z") };
  expect(await runMain([...PAIR_WORDS, "--scheduled"], later)).toBe(0);
  const host = again(box);
  expect(await main(["status", "--json", "--tap", "microserv_1"], host)).toBe(0);
  rmSync(box.file("hold"));
  await running;
  const { pipelines } = JSON.parse(host.out());
  expect(pipelines).toMatchObject([
    {
      tap: "microserv_1",
      target: "redshift",
      enabled: true,
      lastSync: "2026-11-23T11:55:10",
      schedule: "pipelinewise",
      command: "run_tap",
      crons: ["*/5 * * * *"],
      nextRunAt: "2026-11-23T12:05:00.000Z",
      lastRun: null,
      lastSkip: { outcome: "skipped", reason: "overlap" },
      running: { host: "testhost", pid: process.pid, since: "2026-11-23T12:00:00.000Z" },
    },
  ]);
});

test("a run that has been running for longer than running_longer_than is overdue, in text and in JSON", async () => {
  const box = sandbox(SCRIPT);
  const policies = { runningLongerThanMs: 3 * 3_600_000 };
  box.install([anEntry({ policies }), anEntry({ command: "sync_tables", policies })]);
  writeFileSync(box.file("hold"), "");
  const running = runMain([...PAIR_WORDS, "--scheduled"], box.host);
  await untilFile(box.file("started"));
  const at = async (now: string, ...more: readonly string[]) => {
    const host = again(box, { now: () => new Date(now) });
    expect(await main(["status", "--tap", "microserv_1", ...more], host)).toBe(0);
    return host.out();
  };
  expect(await at("2026-11-23T15:00:00Z")).not.toContain("overdue");
  const late = await at("2026-11-23T15:00:01Z");
  const json = JSON.parse(await at("2026-11-23T15:00:01Z", "--json")).pipelines;
  rmSync(box.file("hold"));
  expect(await running).toBe(0);
  expect(late.match(/.*overdue.*/g)).toEqual([expect.stringContaining("2026-11-23 12:00:00Z (3 h); overdue")]);
  expect(json.map(({ command, running }: { command: string; running: unknown }) => [command, running])).toEqual([
    ["run_tap", expect.objectContaining({ overdue: true })],
    ["sync_tables", null],
  ]);
});

test("a pipeline that has not succeeded within fresh_within is late, in text and in JSON", async () => {
  const box = sandbox(`${SCRIPT}\n[ ! -e $HOME/fail ]`);
  const policies = { freshWithinMs: 2 * 3_600_000 };
  box.install([anEntry({ policies }), anEntry({ command: "sync_tables" })]);
  expect(await runMain([...PAIR_WORDS, "--scheduled"], box.host)).toBe(0);
  writeFileSync(box.file("fail"), "");
  const failing = { ...box.host, now: () => new Date("2026-11-23T12:05:00Z") };
  expect(await runMain([...PAIR_WORDS, "--scheduled"], failing)).toBe(1);
  const at = async (now: string, ...more: readonly string[]) => {
    const host = again(box, { now: () => new Date(now) });
    expect(await main(["status", "--tap", "microserv_1", ...more], host)).toBe(0);
    return host.out();
  };
  expect(await at("2026-11-23T14:00:00Z")).not.toContain("late");
  expect((await at("2026-11-23T14:40:00Z")).match(/failed 2026.*(?=\n)/g)).toEqual([
    "failed 2026-11-23 12:05Z (2 h ago); late by 40 min  .F",
  ]);
  const json = JSON.parse(await at("2026-11-23T14:40:00Z", "--json")).pipelines;
  expect(json.map(({ freshness }: { freshness: unknown }) => freshness)).toEqual([
    { late: true, lateSeconds: 2_400, succeededAt: "2026-11-23T12:00:00.000Z" },
    null,
  ]);
});

test("status masks secrets in PipelineWise's error", async () => {
  const box = sandbox("echo 'no access for tap-secret and env-secret' >&2; exit 7");
  box.install([anEntry()]);
  const directory = join(box.paths.configDir, "redshift", "microserv_1");
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "config.json"), JSON.stringify({ password: "tap-secret" }));
  const host = { ...box.host, env: { ...box.host.env, SNOWFLAKE_PASSWORD: "env-secret" } };
  expect(await main(["status"], host)).toBe(0);
  expect(box.host.err()).toContain("no access for *** and ***");
});

test("status shows its own columns if PipelineWise fails", async () => {
  const box = sandbox("exit 7");
  box.install([anEntry()]);
  expect(await main(["status"], box.host)).toBe(0);
  expect(box.host.err()).toContain("the columns of PipelineWise are empty because `pipelinewise status` failed");
  expect(box.host.out()).toContain("*/5 * * * *");
});

describe("a `pipelinewise status` that hangs", () => {
  const HANGS = `
    trap '' TERM
    sh -c 'trap "" TERM; echo $$ > $HOME/child; while :; do sleep 0.05; done' & wait; wait`;

  const childOf = (box: ReturnType<typeof sandbox>): Promise<number> => pidInFrozen(box.file("child"));

  test("is stopped with all of its processes, and status shows its own columns", async () => {
    freezeTimers();
    const box = sandbox(HANGS);
    box.install([anEntry()]);
    const status = main(["status"], box.host);
    const child = await childOf(box);
    vi.advanceTimersByTime(15_000);
    expect(isRunning(child)).toBe(true);
    vi.advanceTimersByTime(2_000);
    expect(await status).toBe(0);
    vi.useRealTimers();
    await until("its child has ended", () => !isRunning(child));
    expect(box.host.err()).toContain("pipelinewise status` did not answer within 15 seconds, so it was stopped");
    expect(box.host.out()).toContain("*/5 * * * *");
  });

  test("is stopped by Ctrl-C", async () => {
    const box = sandbox(HANGS.replaceAll(/trap ['"]+ TERM/g, ":"));
    box.install([anEntry()]);
    const status = main(["status"], box.host);
    const child = await childOf(box);
    box.host.signals.emit("SIGINT");
    expect(await status).toBe(130);
    await until("its child has ended", () => !isRunning(child));
  });
});

test("status shows its own columns if PipelineWise is not installed", async () => {
  const box = sandbox();
  box.install([anEntry()], {}, { command: [box.file("nowhere")] });
  expect(await main(["status"], box.host)).toBe(0);
  expect(box.host.err()).toContain("ENOENT");
  expect(box.host.out()).toContain("microserv_1");
});

describe("the warnings", () => {
  test.each([
    ["does not exist", undefined, (file: string) => `taps and targets could not be checked: ${file} does not exist`],
    ["is torn", '{"targets": [', (file: string) => `PipelineWise's configuration ${file} cannot be read: `],
  ])("say that PipelineWise's config.json %s", async (_, text, warning) => {
    const box = sandbox(SCRIPT);
    const file = join(box.paths.configDir, "config.json");
    if (text !== undefined) writeFileSync(file, text);
    expect(await main(["status"], box.host)).toBe(0);
    expect(box.host.err()).toContain(`warning: ${warning(file)}`);
  });

  test("say that the file has changed since it was installed", async () => {
    const box = sandbox(SCRIPT);
    writeFileSync(box.file("schedule.yml"), "as it is now\n");
    box.install([anEntry()]);
    expect(await main(["status"], box.host)).toBe(0);
    expect(box.host.err()).toContain(`${box.file("schedule.yml")} has changed since it was installed`);
  });

  test("are empty if the file has not changed", async () => {
    const box = sandbox(SCRIPT);
    writeFileSync(box.file("schedule.yml"), "as it was\n");
    const source = { path: box.file("schedule.yml"), digest: digestOf("as it was\n") };
    box.install([anEntry()], { source });
    expect(await main(["status"], box.host)).toBe(0);
    expect(box.host.err()).not.toContain("has changed");
  });

  test("say that the crontab of this host is older than the stored schedule", async () => {
    const box = sandbox(SCRIPT);
    box.install([anEntry()]);
    expect(await main(["status"], box.host)).toBe(0);
    expect(box.host.err()).toContain("the crontab on host testhost is out of date: schedule pipelinewise");
  });
});

test("--name of an unknown schedule gives exit code 66 and lists the installed schedules", async () => {
  const box = sandbox(SCRIPT);
  box.install([anEntry()]);
  expect(await main(["status", "--name", "nope"], box.host)).toBe(66);
  expect(box.host.err()).toContain("Installed: pipelinewise. Choose one with --name NAME.");
});

test("status warns about expiring time zones, and counts starts that were not due", async () => {
  const box = sandbox(SCRIPT);
  const zones = recordZones(["Asia/Tokyo", "UTC"], {
    at: new Date("2025-11-01T00:00:00Z"),
    data: "2025b",
    localtime: "ENOENT",
  });
  const entry = anEntry({ crons: ["0 3 * * *"], timezone: "Asia/Tokyo", since: "2026-11-22T18:30:00.000Z" });
  box.install([entry], {}, { zones, loose: ["redshift/microserv_1/run_tap"] });
  await runMain([...PAIR_WORDS, "--scheduled"], box.host);
  const host = again(box);
  expect(await main(["status", "--json"], host)).toBe(0);
  expect(host.err()).toContain(
    "warning: the lines of pipelinewise for other time zones are valid until 2026-12-06: pipelinewise-sched install ",
  );
  expect(JSON.parse(host.out()).pipelines[0]).toMatchObject({ undueStarts: 1, nextRunAt: "2026-11-23T18:00:00.000Z" });
});

test("status says which part of the lock a host cannot provide", async () => {
  const box = sandbox(SCRIPT);
  box.install([anEntry()]);
  const flockProgram = "no-such-flock";
  expect(await runMain([...PAIR_WORDS, "--scheduled"], box.host, { locks: pipelineLocks({ flockProgram }) })).toBe(0);
  const host = again(box);
  expect(await main(["status"], host)).toBe(0);
  expect(host.err()).toMatch(/warning: host testhost, since \S+: flock is not available \(/);
});
