import { rmSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { parsePipelinewiseStatus } from "../../src/cli/status/pipelinewise.ts";
import { digestOf } from "../../src/installed/compile.ts";
import { recordZones } from "../../src/installed/zones.ts";
import { pipelineLocks } from "../../src/lock/pipeline-locks.ts";
import { anEntry, PAIR_WORDS, sandbox, untilFile } from "../run/sandbox.ts";
import { testHost } from "../support/host.ts";

/** As the real one prints it: a log line before, an empty Last Sync as blanks, the count behind. */
const THEIRS = `time=2026-11-23 13:01:54 logger_name=pipelinewise log_level=INFO message=Profiling mode not enabled
Tap ID       Tap Type      Target ID    Target Type      Enabled    Status    Last Sync            Last Sync Result
-----------  ------------  -----------  ---------------  ---------  --------  -------------------  ------------------
microserv_1  tap-postgres  redshift     target-redshift  True       ready     2026-11-23T11:55:10  success
microserv_9  tap-postgres  redshift     target-redshift  False      ready                          unknown
2 pipeline(s)
`;

/** `pipelinewise` that answers `status` and runs at once, or as long as `hold` is there. */
const SCRIPT = `if [ "$1" = status ]; then cat <<'X'
${THEIRS}X
else
  touch $HOME/started; while [ -e $HOME/hold ]; do sleep 0.05; done
fi`;

/** The same config directory, seen by a fresh host, so that what it prints stands alone. */
const again = (box: ReturnType<typeof sandbox>) => testHost({ env: box.host.env, cwd: box.home });

describe("parsePipelinewiseStatus", () => {
  test("cuts cells where the dashes have their gaps", () => {
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

  test("no pipeline is an empty list; no table is nothing at all", () => {
    expect(parsePipelinewiseStatus(THEIRS.replace(/^microserv.*\n/gm, "").replace("2 pipe", "0 pipe"))).toEqual([]);
    expect(parsePipelinewiseStatus("Traceback\n")).toBeUndefined();
    expect(parsePipelinewiseStatus(THEIRS.replace(/\d pipeline.*\n/, ""))).toBeUndefined();
  });
});

test("shows PipelineWise's columns, then ours", async () => {
  const box = sandbox(SCRIPT);
  box.install([anEntry(), anEntry({ tap: "microserv_2", crons: ["0 0 * * 6"], timezone: "UTC" })]);
  await runMain([...PAIR_WORDS, "--scheduled"], box.host);
  const host = again(box);
  expect(await main(["status"], host)).toBe(0);
  expect(host.out()).toMatchInlineSnapshot(`
    "Tap ID       Tap Type      Target ID  Target Type      Enabled  Status  Last Sync            Last Sync Result  Schedule       Next run           Last outcome                 Running since
    -----------  ------------  ---------  ---------------  -------  ------  -------------------  ----------------  -------------  -----------------  ---------------------------  -------------
    microserv_1  tap-postgres  redshift   target-redshift  True     ready   2026-11-23T11:55:10  success           */5 * * * *    2026-11-23 12:05Z  succeeded 2026-11-23 12:00Z
    microserv_9  tap-postgres  redshift   target-redshift  False    ready                        unknown           not scheduled
    microserv_2                redshift                                                                            0 0 * * 6 UTC  2026-11-28 00:00Z
    "
  `);
});

test("--json has every key, and who runs", async () => {
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

test("a PipelineWise that fails hides none of what we know", async () => {
  const box = sandbox("exit 7");
  box.install([anEntry()]);
  expect(await main(["status"], box.host)).toBe(0);
  expect(box.host.err()).toContain("the columns of PipelineWise are empty because `pipelinewise status` failed");
  expect(box.host.out()).toContain("*/5 * * * *");
});

test("a PipelineWise that is not there neither", async () => {
  const box = sandbox();
  box.install([anEntry()], {}, { command: [box.file("nowhere")] });
  expect(await main(["status"], box.host)).toBe(0);
  expect(box.host.err()).toContain("ENOENT");
  expect(box.host.out()).toContain("microserv_1");
});

describe("what the user should know", () => {
  test("the file has changed since it was installed", async () => {
    const box = sandbox(SCRIPT);
    writeFileSync(box.file("schedule.yml"), "as it is now\n");
    box.install([anEntry()]);
    expect(await main(["status"], box.host)).toBe(0);
    expect(box.host.err()).toContain(`${box.file("schedule.yml")} has changed since it was installed`);
  });

  test("nothing, when it has not", async () => {
    const box = sandbox(SCRIPT);
    writeFileSync(box.file("schedule.yml"), "as it was\n");
    const source = { path: box.file("schedule.yml"), digest: digestOf("as it was\n") };
    box.install([anEntry()], { source });
    expect(await main(["status"], box.host)).toBe(0);
    expect(box.host.err()).not.toContain("has changed");
  });

  test("this host's lines are older than the meaning", async () => {
    const box = sandbox(SCRIPT);
    box.install([anEntry()]);
    expect(await main(["status"], box.host)).toBe(0);
    expect(box.host.err()).toContain("the crontab on host testhost is out of date: schedule pipelinewise");
  });
});

test("--name of no installed schedule is 66", async () => {
  const box = sandbox(SCRIPT);
  box.install([anEntry()]);
  expect(await main(["status", "--name", "nope"], box.host)).toBe(66);
});

test("tells when the zones of an install no longer hold, and counts starts that were not due", async () => {
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

test("says what a host lacks for the whole lock", async () => {
  const box = sandbox(SCRIPT);
  box.install([anEntry()]);
  const flockProgram = "no-such-flock";
  expect(await runMain([...PAIR_WORDS, "--scheduled"], box.host, { locks: pipelineLocks({ flockProgram }) })).toBe(0);
  const host = again(box);
  expect(await main(["status"], host)).toBe(0);
  expect(host.err()).toMatch(/warning: host testhost, since \S+: flock is not available \(/);
});
