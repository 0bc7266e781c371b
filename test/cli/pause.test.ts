import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { userName } from "../../src/host.ts";
import type { PipelineScope } from "../../src/pipeline-id.ts";
import { pauseFile, slotFile } from "../../src/storage/paths.ts";
import { fakeMachine } from "../support/fake-machine.ts";
import { testHost } from "../support/host.ts";
import { anEntry, looseLocks, PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { untilFile } from "../support/wait.ts";

const PAIR = { tap: "microserv_1", target: "redshift" };
const SCHEDULED = [...PAIR_WORDS, "--scheduled"];
const COUNT = "echo x >>$HOME/runs";
const BY = `${userName({ uid: process.getuid?.() ?? 0 })} on host testhost`;

type Sandbox = ReturnType<typeof sandbox>;

/** One command line on the sandbox's machine at a time on 2026-11-23 (UTC). */
async function call(box: Sandbox, time: string, ...argv: readonly string[]) {
  const host = testHost({ env: box.host.env, cwd: box.home, now: () => new Date(`2026-11-23T${time}Z`) });
  const [command, ...words] = argv;
  const code = command === "run" ? await runMain(words, host) : await main(argv, host);
  return { code, out: host.out(), err: host.err() };
}

/** A sandbox with one installed entry that is due every 5 minutes. */
function machine(script = COUNT): Sandbox {
  const box = sandbox(script);
  box.install([anEntry()]);
  return box;
}

const runsOf = (box: Sandbox): number =>
  existsSync(box.file("runs")) ? readFileSync(box.file("runs"), "utf8").length / 2 : 0;

/** Writes a pause file as somebody else might. */
function putPause(box: Sandbox, scope: PipelineScope, text: string): string {
  const path = pauseFile(box.paths, scope);
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, text, { mode: 0o600 });
  return path;
}

/** PipelineWise's configuration of the sandbox's pipeline, and of one more tap. */
function configure(box: Sandbox, { type = "tap-postgres", method = "LOG_BASED" } = {}): void {
  const taps = ["microserv_1", "microserv_2"].map((id) => ({ id, type, enabled: true }));
  writeFileSync(join(box.paths.configDir, "config.json"), JSON.stringify({ targets: [{ id: "redshift", taps }] }));
  const directory = join(box.paths.configDir, "redshift", "microserv_1");
  mkdirSync(directory, { recursive: true });
  const table = (selected: boolean, name: string) => ({
    metadata: [
      { breadcrumb: [], metadata: { selected, "replication-method": name } },
      { breadcrumb: ["properties", "id"], metadata: { selected: true } },
    ],
  });
  const streams = [table(true, "FULL_TABLE"), table(false, "LOG_BASED"), table(true, method)];
  writeFileSync(join(directory, "properties.json"), JSON.stringify({ streams }));
}

const SCOPES: readonly (readonly [words: readonly string[], label: string, are: string, others: string])[] = [
  [PAIR_WORDS, "microserv_1 → redshift", "is", ""],
  [["--target", "redshift"], "all pipelines into redshift", "are", " with all pipelines into redshift"],
  [["--all"], "all pipelines", "are", " with all pipelines"],
];

describe("a paused pipeline", () => {
  test.each(SCOPES)(
    "with %j is not started, by a scheduler or by hand, until it is resumed",
    async (words, ...texts) => {
      const [label, are, others] = texts;
      const box = machine();
      const resume = `pipelinewise-sched resume ${words.join(" ")}`;
      expect(await call(box, "12:01:00", "pause", ...words, "--reason", "the source\n is moved")).toMatchObject({
        code: 0,
        out: `${label} ${are} paused; to resume: ${resume}\n`,
      });
      expect(await call(box, "12:05:00", "run", ...SCHEDULED)).toEqual({ code: 0, out: "", err: "" });
      const by = await call(box, "12:06:00", "run", ...PAIR_WORDS);
      const detail = `is paused${others} by ${BY} since 2026-11-23 12:01:00Z (the source is moved); to resume: ${resume}`;
      expect(by).toEqual({ code: 75, out: "", err: `skipped (paused): microserv_1 → redshift ${detail}\n` });
      expect(await box.records()).toMatchObject([
        { outcome: "skipped", reason: "paused", scheduled: false, exitCode: 75, detail },
        {
          outcome: "skipped",
          reason: "paused",
          slot: "2026-11-23T12:05:00.000Z",
          scheduled: true,
          exitCode: 0,
          detail,
        },
      ]);
      expect(JSON.parse(readFileSync(slotFile(box.paths, PAIR, "run_tap"), "utf8"))).toMatchObject({
        slot: "2026-11-23T12:05:00.000Z",
        skipped: true,
      });
      expect(await call(box, "12:07:00", "resume", ...words)).toEqual({
        code: 0,
        out: `${label} ${are} resumed\n`,
        err: "",
      });
      expect(await call(box, "12:10:00", "run", ...SCHEDULED)).toMatchObject({ code: 0, err: "" });
      expect(await call(box, "12:11:00", "run", ...PAIR_WORDS)).toMatchObject({ code: 0 });
      expect(runsOf(box)).toBe(2);
    },
  );

  test("ends with the code of --skip-exit-code, and its data-diff checks are paused too", async () => {
    const box = machine();
    await call(box, "12:01:00", "pause", ...PAIR_WORDS);
    const words = [...SCHEDULED, "--output", "--skip-exit-code", "99"];
    expect(await call(box, "12:05:00", "run", ...words)).toMatchObject({
      code: 99,
      out: expect.stringMatching(/^skipped \(paused\): microserv_1 → redshift is paused by /),
    });
    const checks = [...PAIR_WORDS, "--command", "run_data_diff_checks"];
    expect(await call(box, "12:06:00", "run", ...checks)).toMatchObject({ code: 75 });
    expect(runsOf(box)).toBe(0);
  });

  test("leaves the pipelines outside its scope alone", async () => {
    const box = machine();
    configure(box);
    await call(box, "12:01:00", "pause", "--tap", "microserv_2", "--target", "redshift");
    expect(await call(box, "12:05:00", "run", ...SCHEDULED)).toMatchObject({ code: 0 });
    expect(runsOf(box)).toBe(1);
  });

  test("a start that is not due stays not due", async () => {
    const box = sandbox(COUNT);
    box.install(
      [anEntry({ crons: ["0 3 * * *"], timezone: "Europe/London" })],
      {},
      { loose: ["redshift/microserv_1/run_tap"] },
    );
    await call(box, "12:01:00", "pause", "--all");
    expect(await call(box, "12:05:00", "run", ...SCHEDULED)).toMatchObject({ code: 0 });
    expect(await box.records()).toEqual([]);
  });

  test("run --dry-run says that the start would be skipped", async () => {
    const box = machine();
    await call(box, "12:01:00", "pause", "--all");
    expect(await call(box, "12:05:00", "run", ...SCHEDULED, "--dry-run")).toMatchObject({
      code: 0,
      out: expect.stringMatching(/^paused {7}it is paused with all pipelines by /m),
    });
  });

  test("is not started if the pause comes between the first check and the lock", async () => {
    const box = machine();
    const locks = looseLocks();
    const late = {
      ...locks,
      async acquire(...words: Parameters<typeof locks.acquire>) {
        await call(box, "12:05:00", "pause", "--all");
        return locks.acquire(...words);
      },
    };
    const host = { ...box.host, now: () => new Date("2026-11-23T12:05:00Z") };
    expect(await runMain(SCHEDULED, host, { locks: late })).toBe(0);
    expect(await box.records()).toMatchObject([{ reason: "paused", slot: "2026-11-23T12:05:00.000Z" }]);
    expect(locks.released()).toBe(1);
    expect(runsOf(box)).toBe(0);
  });

  test("holds on every host, and a new install does not end it", async () => {
    const one = fakeMachine();
    const start = ["run", "--scheduled", "--output", "--tap", "orders", "--target", "redshift"];
    for (const host of ["etl-1", "etl-2"]) await one.runOn(host, "install", "--compile-only");
    expect(await one.runOn("etl-1", "pause", "--tap", "orders", "--target", "redshift")).toMatchObject({ code: 0 });
    one.put("schedule.yml", 'pipelines: [{tap: orders, target: redshift, cron: "* * * * *"}]\n');
    for (const host of ["etl-1", "etl-2"]) await one.runOn(host, "install", "--compile-only");
    for (const [host, minute] of [
      ["etl-2", 0],
      ["etl-1", 0],
    ] as const) {
      const { out } = await one.runOn(host, ...start, "--slot", `2026-11-23T12:0${minute}:00Z`, "--rerun");
      expect(out).toMatch(/^skipped \(paused\): orders → redshift is paused by \S+ on host etl-1 since /);
    }
    expect(await one.runOn("etl-2", "resume", "--tap", "orders", "--target", "redshift")).toMatchObject({ code: 0 });
    expect(await one.runOn("etl-1", ...start, "--slot", "2026-11-23T12:00:00Z", "--rerun")).toMatchObject({ out: "" });
    const { runs } = JSON.parse((await one.runOn("etl-1", "history", "--json")).out);
    expect(runs.map((run: { outcome: string; host: string }) => `${run.host} ${run.outcome}`)).toEqual([
      "etl-1 succeeded",
      "etl-1 skipped",
      "etl-2 skipped",
    ]);
  });
});

describe("a pause with an end", () => {
  test.each([
    ["--for", "2h", "2026-11-23 14:01:00Z", "14:00:59", "14:01:00"],
    ["--until", "2026-11-23T13:00Z", "2026-11-23 13:00:00Z", "12:59:59", "13:00:00"],
    ["--until", "2026-11-23T13:00", "2026-11-23 13:00:00Z", "12:59:59", "13:00:00"],
    ["--until", "2026-11-23T14:00+01:00", "2026-11-23 13:00:00Z", "12:59:59", "13:00:00"],
  ])("by %s %s is over at %s, without a command", async (option, value, end, before, at) => {
    const box = machine();
    const paused = await call(box, "12:01:00", "pause", ...PAIR_WORDS, option, value);
    expect(paused.out).toContain(`microserv_1 → redshift is paused until ${end}; to resume: `);
    expect(await call(box, before, "run", ...PAIR_WORDS)).toMatchObject({ code: 75 });
    expect((await box.records())[0]?.detail).toContain(`since 2026-11-23 12:01:00Z until ${end}; to resume: `);
    expect(await call(box, at, "run", ...PAIR_WORDS)).toMatchObject({ code: 0 });
    expect(await call(box, at, "resume", ...PAIR_WORDS)).toMatchObject({
      code: 0,
      out: "microserv_1 → redshift is not paused\n",
    });
    expect(runsOf(box)).toBe(1);
  });
});

describe("a pause file that cannot be read", () => {
  const BAD: readonly (readonly [string, string])[] = [
    ["is empty", ""],
    ["is torn", '{"by":"ada on host etl-1","since":"2026-11-2'],
    ["is not an object", "null\n"],
    ["has no start", '{"by":"ada"}'],
    ["has an end that is not a time", '{"by":"ada","since":"2026-11-23T12:00:00.000Z","until":"tomorrow"}'],
    ["has an end that is null", '{"by":"ada","since":"2026-11-23T12:00:00.000Z","until":null}'],
  ];

  test.each(BAD)("because it %s ends every start with 74, until it is removed or replaced", async (_, text) => {
    const box = machine();
    for (const scope of [{}, { target: "redshift" }, PAIR]) {
      const path = putPause(box, scope, text);
      for (const words of [SCHEDULED, PAIR_WORDS]) {
        expect(await call(box, "12:05:00", "run", ...words)).toMatchObject({
          code: 74,
          err: expect.stringContaining(`${path} is garbled, so it is unknown whether`),
        });
      }
      const options = "tap" in scope ? PAIR_WORDS : "target" in scope ? ["--target", "redshift"] : ["--all"];
      expect(await call(box, "12:06:00", "resume", ...options)).toMatchObject({ code: 0 });
      expect(existsSync(path)).toBe(false);
      putPause(box, scope, text);
      expect(await call(box, "12:06:00", "pause", ...options, "--for", "1m")).toMatchObject({ code: 0 });
    }
    expect(runsOf(box)).toBe(0);
    expect(await call(box, "12:10:00", "run", ...SCHEDULED)).toMatchObject({ code: 0 });
    expect(runsOf(box)).toBe(1);
  });

  test("because a directory has its name ends a start with 74", async () => {
    const box = machine();
    mkdirSync(pauseFile(box.paths, {}), { recursive: true, mode: 0o700 });
    expect(await call(box, "12:05:00", "run", ...SCHEDULED)).toMatchObject({
      code: 74,
      err: expect.stringContaining("is a directory, not a regular file"),
    });
  });

  test("because a file has the name of the directory of pauses ends a start with 74", async () => {
    const box = machine();
    writeFileSync(join(box.paths.root, "pauses"), "");
    expect(await call(box, "12:05:00", "run", ...SCHEDULED)).toMatchObject({
      code: 74,
      err: expect.stringContaining("a part of the path is not a directory"),
    });
    expect(runsOf(box)).toBe(0);
  });

  test("blocks only the starts in its scope, and status shows it", async () => {
    const box = machine();
    configure(box);
    putPause(box, { tap: "microserv_2", target: "redshift" }, "");
    expect(await call(box, "12:05:00", "run", ...SCHEDULED)).toMatchObject({ code: 0 });
    const path = putPause(box, {}, "");
    const { code, out, err } = await call(box, "12:06:00", "status", "--json");
    expect(code).toBe(0);
    expect(err).toContain(`warning: starts are blocked: ${path} is garbled`);
    expect(JSON.parse(out).pipelines).toMatchObject([{ tap: "microserv_1", nextRunAt: null, pauses: [] }]);
  });

  test("does not include the temporary file that an interrupted write leaves", async () => {
    const box = machine();
    const path = putPause(box, PAIR, "");
    writeFileSync(`${path}.1a2b3c.tmp`, "");
    await call(box, "12:01:00", "resume", ...PAIR_WORDS);
    expect(readdirSync(dirname(path))).toEqual(["microserv_1.json.1a2b3c.tmp"]);
    expect(await call(box, "12:05:00", "run", ...SCHEDULED)).toMatchObject({ code: 0 });
    expect(runsOf(box)).toBe(1);
  });
});

describe("pause", () => {
  test("does not stop a run, and says how to stop it", async () => {
    const box = machine("touch $HOME/started; while [ -e $HOME/hold ]; do sleep 0.05; done; echo x >>$HOME/runs");
    writeFileSync(box.file("hold"), "");
    const running = runMain(PAIR_WORDS, box.host);
    await untilFile(box.file("started"));
    const { code, err } = await call(box, "12:01:00", "pause", "--all");
    expect(code).toBe(0);
    expect(err).toContain(
      `microserv_1 → redshift is running on host testhost, and a pause does not stop it; to stop it: pipelinewise-sched stop --tap microserv_1 --target redshift\n`,
    );
    expect(existsSync(box.file("runs"))).toBe(false);
    rmSync(box.file("hold"));
    expect(await running).toBe(0);
    expect(runsOf(box)).toBe(1);
  });

  test("replaces the pause of the same pipelines, and says so", async () => {
    const box = machine();
    await call(box, "12:01:00", "pause", ...PAIR_WORDS, "--for", "1m");
    const { err } = await call(box, "12:01:30", "pause", ...PAIR_WORDS, "--reason", "longer");
    expect(err).toBe(`this replaces the pause by ${BY} since 2026-11-23 12:01:00Z until 2026-11-23 12:02:00Z\n`);
    expect(await call(box, "12:10:00", "run", ...PAIR_WORDS)).toMatchObject({
      code: 75,
      err: expect.stringContaining("since 2026-11-23 12:01:30Z (longer); to resume: "),
    });
  });

  test.each([
    [["--tap", "microserv_3", "--target", "redshift"], "microserv_3 → redshift", "microserv_1 → redshift"],
    [["--tap", "microserv_2", "--target", "redshft"], "microserv_2 → redshft", "microserv_2 → redshift"],
    [["--target", "red_shift"], "the target red_shift", "redshift"],
  ])("and resume end with 66 for %j, and name the nearest", async (words, what, near) => {
    const box = machine();
    configure(box);
    for (const command of ["pause", "resume"]) {
      expect(await call(box, "12:01:00", command, ...words)).toMatchObject({
        code: 66,
        out: "",
        err: expect.stringContaining(
          `${what} is not in an installed schedule, in ${box.paths.configDir}/config.json or in the history; did you mean ${near}?`,
        ),
      });
    }
    expect(existsSync(join(box.paths.root, "pauses"))).toBe(false);
  });

  test.each([
    [[], "--tap and --target are missing"],
    [["--tap", "microserv_1"], "--target is missing"],
    [["--target", "a b"], '--target: "a b" is not a safe word'],
    [["--all", "--target", "redshift"], "cannot be used with"],
    [["--all", "--for", "1h", "--until", "2026-11-24"], "cannot be used with"],
    [["--all", "--for", "0h"], '--for: the duration "0h" is zero'],
    [["--all", "--for", "-5m"], '--for: "-5m" is not a duration'],
    [["--all", "--for", "5 minutes"], '--for: "5 minutes" is not a duration'],
    [["--all", "--for", "1h30"], '--for: "1h30" is not a duration'],
    [["--all", "--for", "400d"], '--for: the duration "400d" is longer than 31d'],
    [["--all", "--until", "tomorrow"], '--until "tomorrow" is not a valid date or time'],
    [["--all", "--until", "2026-02-30"], "--until: 2026-02-30 does not exist in the calendar"],
    [["--all", "--until", "2026-11-23T13:00+01:00"], "--until 2026-11-23T13:00+01:00 is not in the future"],
    [["--all", "--until", "2026-11-23T12:01Z"], "--until 2026-11-23T12:01Z is not in the future"],
    [["--all", "--reason", "x".repeat(201)], "--reason is 201 characters long"],
  ])("refuses %j", async (words, message) => {
    const box = machine();
    expect(await call(box, "12:01:00", "pause", ...words)).toMatchObject({
      code: 64,
      out: "",
      err: expect.stringContaining(message),
    });
    expect(existsSync(join(box.paths.root, "pauses"))).toBe(false);
  });

  test("works before anything is installed or run", async () => {
    const box = sandbox(COUNT);
    configure(box);
    expect(await call(box, "12:01:00", "pause", ...PAIR_WORDS)).toMatchObject({ code: 0 });
    expect(await call(box, "12:02:00", "run", ...PAIR_WORDS)).toMatchObject({ code: 75 });
    expect(await call(box, "12:03:00", "resume", ...PAIR_WORDS)).toMatchObject({ code: 0 });
  });
});

describe("resume", () => {
  test.each([
    [PAIR_WORDS, "microserv_1 → redshift is not paused"],
    [["--target", "redshift"], "no pipeline into redshift is paused"],
    [["--all"], "no pipeline is paused"],
  ])("of %j without a pause says so", async (words, out) => {
    expect(await call(machine(), "12:01:00", "resume", ...words)).toEqual({ code: 0, out: `${out}\n`, err: "" });
  });

  test("of all does not say that no pipeline is paused if a pause cannot be read", async () => {
    const box = machine();
    putPause(box, PAIR, "torn");
    const { out, err } = await call(box, "12:01:00", "resume", "--all");
    expect(out).toBe("there is no pause of all pipelines\n");
    expect(err).toMatch(/^warning: /);
  });

  test("names the pauses that remain", async () => {
    const box = machine();
    await call(box, "12:01:00", "pause", "--all", "--reason", "release");
    const all = `still paused: all pipelines by ${BY} since 2026-11-23 12:01:00Z (release); to resume: pipelinewise-sched resume --all\n`;
    expect(await call(box, "12:02:00", "resume", ...PAIR_WORDS)).toEqual({
      code: 0,
      out: `there is no pause of microserv_1 → redshift\n${all}`,
      err: "",
    });
    await call(box, "12:03:00", "pause", ...PAIR_WORDS);
    expect((await call(box, "12:04:00", "run", ...PAIR_WORDS)).err).toMatch(
      /is paused with all pipelines by .*; to resume: pipelinewise-sched resume --all; it is paused by .*; to resume: /,
    );
    expect((await call(box, "12:05:00", "resume", ...PAIR_WORDS)).out).toBe(
      `the pause of microserv_1 → redshift is removed\n${all}`,
    );
    await call(box, "12:06:00", "pause", ...PAIR_WORDS);
    expect((await call(box, "12:07:00", "resume", "--all")).out).toBe(
      `the pause of all pipelines is removed\nstill paused: microserv_1 → redshift by ${BY} since 2026-11-23 12:06:00Z; to resume: pipelinewise-sched resume --tap microserv_1 --target redshift\n`,
    );
    expect(await call(box, "12:10:00", "run", ...SCHEDULED)).toMatchObject({ code: 0 });
    expect(runsOf(box)).toBe(0);
  });

  test("ends the pause of a pipeline that is no longer known", async () => {
    const box = machine();
    putPause(box, { tap: "gone", target: "away" }, '{"by":"ada on host etl-1","since":"2026-11-23T11:00:00.000Z"}');
    expect(await call(box, "12:01:00", "resume", "--tap", "gone", "--target", "away")).toMatchObject({
      code: 0,
      out: "gone → away is resumed\n",
    });
    expect(await call(box, "12:01:00", "resume", "--tap", "gone", "--target", "away")).toMatchObject({ code: 66 });
  });
});

describe("status", () => {
  test("shows who paused what, since when, until when and why, and the next run after the pause", async () => {
    const box = sandbox(COUNT);
    box.install([anEntry(), anEntry({ tap: "microserv_2", crons: ["0 13 * * *"] })]);
    await call(box, "12:01:00", "pause", ...PAIR_WORDS, "--reason", "the source is moved");
    await call(box, "12:02:00", "pause", "--all", "--until", "2026-11-23T13:00Z");
    const { out } = await call(box, "12:03:00", "status");
    expect(out).toMatch(/^microserv_1 .* \*\/5 \* \* \* \* +paused *$/m);
    expect(out).toMatch(/^microserv_2 .* 0 13 \* \* \* +paused, then 2026-11-23 13:00Z *$/m);
    expect(out).toContain(
      `Paused: all pipelines by ${BY} since 2026-11-23 12:02:00Z until 2026-11-23 13:00:00Z; to resume: pipelinewise-sched resume --all\n` +
        `Paused: microserv_1 → redshift by ${BY} since 2026-11-23 12:01:00Z (the source is moved); to resume: pipelinewise-sched resume --tap microserv_1 --target redshift\n`,
    );
    const { pipelines } = JSON.parse((await call(box, "12:03:00", "status", "--json")).out);
    const all = {
      tap: null,
      target: null,
      by: BY,
      reason: null,
      since: "2026-11-23T12:02:00.000Z",
      until: "2026-11-23T13:00:00.000Z",
    };
    const own = { ...PAIR, by: BY, reason: "the source is moved", since: "2026-11-23T12:01:00.000Z", until: null };
    expect(pipelines).toMatchObject([
      { tap: "microserv_1", nextRunAt: null, pauses: [all, own] },
      { tap: "microserv_2", nextRunAt: "2026-11-23T13:00:00.000Z", pauses: [all] },
    ]);
    expect((await call(box, "13:00:00", "status", "--tap", "microserv_2")).out).not.toContain("aused");
  });

  const WAL = "warning: microserv_1 → redshift is paused and replicates LOG_BASED from PostgreSQL. ";

  test("and pause warn that the source of a LOG_BASED PostgreSQL tap keeps its WAL", async () => {
    const box = machine();
    configure(box);
    expect((await call(box, "12:01:00", "status")).err).not.toContain("WAL");
    expect((await call(box, "12:01:00", "pause", "--all")).err).toContain(WAL);
    const { err } = await call(box, "12:02:00", "status");
    expect(err.split("WAL")).toHaveLength(2);
    expect(err).toContain(WAL);
    await call(box, "12:03:00", "resume", "--all");
    expect((await call(box, "12:04:00", "status")).err).not.toContain("WAL");
  });

  test.each([[{ type: "tap-mysql" }], [{ method: "INCREMENTAL" }]])(
    "and pause do not warn about a tap with %j",
    async (configuration) => {
      const box = machine();
      configure(box, configuration);
      expect((await call(box, "12:01:00", "pause", ...PAIR_WORDS)).err).toBe("");
      expect((await call(box, "12:02:00", "status")).err).not.toContain("WAL");
    },
  );

  test("and pause say so if the tap's configuration cannot be read", async () => {
    const box = machine();
    configure(box);
    const path = join(box.paths.configDir, "redshift", "microserv_1", "properties.json");
    writeFileSync(path, '{"streams": [');
    expect((await call(box, "12:01:00", "pause", ...PAIR_WORDS)).err).toContain(
      `warning: cannot check whether the source of microserv_1 → redshift, which is paused, keeps its WAL until the next run: ${path}: `,
    );
  });
});

test.skipIf(!existsSync("dist/run.cjs"))("the built program pauses on one host what another host starts", () => {
  const box = sandbox(COUNT, { name: "etl-2" });
  box.install();
  const on = (name: string, ...words: readonly string[]) => {
    const { status, stdout, stderr } = spawnSync(process.execPath, [box.host.program, ...words], {
      env: { ...box.host.env, PIPELINEWISE_SCHED_HOST: name },
      cwd: box.home,
      encoding: "utf8",
      // The limit of a test does not end a call that blocks.
      timeout: 60_000,
      killSignal: "SIGKILL",
    });
    return { status, stdout, stderr };
  };
  expect(on("etl-1", "pause", ...PAIR_WORDS, "--for", "1d")).toMatchObject({ status: 0, stderr: "" });
  expect(on("etl-2", "run", ...PAIR_WORDS)).toMatchObject({
    status: 75,
    stdout: "",
    stderr: expect.stringMatching(/^skipped \(paused\): microserv_1 → redshift is paused by \S+ on host etl-1 since /),
  });
  expect(on("etl-2", "run", ...SCHEDULED, "--skip-exit-code", "99")).toMatchObject({ status: 99, stderr: "" });
  expect(on("etl-2", "resume", ...PAIR_WORDS)).toMatchObject({ status: 0, stderr: "" });
  expect(on("etl-1", "run", ...PAIR_WORDS)).toMatchObject({ status: 0, stderr: "" });
  expect(runsOf(box)).toBe(1);
});
