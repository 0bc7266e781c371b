import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { openLastRuns } from "../../src/history/store.ts";
import { scheduleFile } from "../../src/storage/paths.ts";
import { testHost } from "../support/host.ts";
import { anEntry, PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { untilFile } from "../support/wait.ts";

const scheduled = [...PAIR_WORDS, "--scheduled"];

const LOCK = { tap: "microserv_1", target: "redshift", dataDiff: false };

describe("a run by hand without an installed schedule", () => {
  test("passes both outputs through, writes them to the log and ends with the pipeline's exit code", async () => {
    const { host, logText, records } = sandbox('echo "got $*"; echo careful >&2; exit 3');
    expect(await runMain([...PAIR_WORDS, "--", "--extra_log"], host)).toBe(3);
    expect(host.out()).toBe("got run_tap --tap microserv_1 --target redshift --extra_log\n");
    expect(host.err()).toContain("careful\n");
    expect(host.err()).toContain("microserv_1 → redshift failed with exit code 3 after 0 s; log: /");
    expect(logText().split("\n").sort()).toEqual([
      "",
      "careful",
      "got run_tap --tap microserv_1 --target redshift --extra_log",
    ]);
    expect(await records()).toMatchObject([{ outcome: "failed", exitCode: 3, command: "run_tap", scheduled: false }]);
  });

  test("gives the pipeline its config directory and its run token", async () => {
    const { host, paths } = sandbox('echo "$PIPELINEWISE_CONFIG_DIRECTORY"; test -n "$PIPELINEWISE_SCHED_RUN"');
    expect(await runMain(PAIR_WORDS, host)).toBe(0);
    expect(host.out()).toBe(`${paths.configDir}\n`);
    expect(host.err()).toBe("");
  });

  test("passes bytes through that are not text", async () => {
    const { host } = sandbox(String.raw`printf '\377\376ok'`);
    const chunks: Uint8Array[] = [];
    const stdout = { write: (chunk: string | Uint8Array) => chunks.push(Buffer.from(chunk)) };
    expect(await runMain(PAIR_WORDS, { ...host, stdout })).toBe(0);
    expect(Buffer.concat(chunks)).toEqual(Buffer.from([0xff, 0xfe, 0x6f, 0x6b]));
  });

  test("records the newest run for status", async () => {
    const { host, paths } = sandbox("exit 0");
    await runMain(PAIR_WORDS, host);
    const last = await openLastRuns({ paths, lock: LOCK, host }).read();
    expect(last.runs.get("run_tap")).toMatchObject({ outcome: "succeeded", exitCode: 0 });
  });

  test("ends with 127 if the program does not exist, shows the searched PATH, and records a failed run", async () => {
    const { host, records } = sandbox();
    const bare = { ...host, env: { ...host.env, PATH: "/usr/bin:/bin" } };
    expect(await runMain(PAIR_WORDS, bare)).toBe(127);
    expect(host.err()).toContain("/usr/bin:/bin");
    expect(host.err()).toContain("pipelinewise");
    expect(await records()).toMatchObject([{ outcome: "failed", exitCode: 127 }]);
  });

  test("ends with 126 if the program is not executable", async () => {
    const { host, program, records } = sandbox();
    chmodSync(program, 0o644);
    expect(await runMain(PAIR_WORDS, host)).toBe(126);
    expect(host.err()).toContain(`${program} is not executable`);
    expect(await records()).toMatchObject([{ outcome: "failed", exitCode: 126 }]);
  });

  test("ends with 127 if the program's interpreter is missing", async () => {
    const { host, program } = sandbox();
    writeFileSync(program, "#!/nowhere/python\n");
    expect(await runMain(PAIR_WORDS, host)).toBe(127);
    expect(host.err()).toContain(program);
  });

  test("ends with 137 if signal 9 killed the pipeline", async () => {
    const { host, records } = sandbox("kill -9 $$");
    expect(await runMain(PAIR_WORDS, host)).toBe(137);
    expect(await records()).toMatchObject([{ outcome: "failed", exitCode: 137 }]);
  });
});

const SYNC = { fastSync: "sync_tables" } as const;

describe("a run by hand with an installed schedule", () => {
  test("finds an entry by either name of fast sync, and passes the name that PipelineWise knows", async () => {
    const { host, install } = sandbox('echo "$*"');
    install([anEntry({ command: "sync_tables", args: ["--tables", "a.b"] })], {}, { fastSync: "fast_sync" });
    expect(await runMain([...PAIR_WORDS, "--command", "fast_sync"], host)).toBe(0);
    expect(host.out()).toBe("fast_sync --tap microserv_1 --target redshift --tables a.b\n");
  });

  test("takes command, arguments and environment from the entry, and adds the arguments after --", async () => {
    const { host, install } = sandbox('echo "$REGION: $*"');
    install(
      [anEntry({ command: "sync_tables", args: ["--tables", "public.orders"] })],
      { env: { REGION: "eu" } },
      SYNC,
    );
    const words = [...PAIR_WORDS, "--command", "sync_tables", "--", "--force"];
    expect(await runMain(words, { ...host, env: { ...host.env, PATH: "/usr/bin:/bin" } })).toBe(0);
    expect(host.out()).toBe("eu: sync_tables --tap microserv_1 --target redshift --tables public.orders --force\n");
  });

  test("refuses to choose between several entries, and runs the one that is named", async () => {
    const { host, install } = sandbox('echo "$*"');
    install([anEntry({ id: "fast", args: ["--a"] }), anEntry({ id: "slow", args: ["--b"] })]);
    expect(await runMain(PAIR_WORDS, host)).toBe(64);
    expect(host.err()).toMatch(/appears 2 times in the schedule: fast, slow\n {2}Choose one with --id ID/);
    expect(await runMain([...PAIR_WORDS, "--id", "slow"], host)).toBe(0);
    expect(host.out()).toContain("redshift --b\n");
    expect(await runMain([...PAIR_WORDS, "--id", "none"], host)).toBe(64);
    expect(host.err()).toContain("Use one of these: --id fast, --id slow");
  });

  test("takes the entry with exactly the given command, although the other name of fast sync is installed too", async () => {
    const { host, install } = sandbox('[ "$1" = --help ] || echo "$*"');
    install(
      [
        anEntry({ command: "fast_sync", id: "large", args: ["--a"] }),
        anEntry({ command: "sync_tables", id: "small", args: ["--b"] }),
      ],
      {},
      SYNC,
    );
    expect(await runMain([...PAIR_WORDS, "--command", "sync_tables"], host)).toBe(0);
    expect(host.out()).toContain("redshift --b\n");
  });

  test("takes the entry from the only schedule that has one for the command", async () => {
    const { host, install } = sandbox('echo "$*"');
    install([anEntry()], { name: "hourly" });
    install([anEntry({ command: "sync_tables", id: "all", args: ["--b"] })], { name: "weekly" }, SYNC);
    expect(await runMain([...PAIR_WORDS, "--command", "sync_tables"], host)).toBe(0);
    expect(host.out()).toContain("redshift --b\n");
    expect(await runMain([...PAIR_WORDS, "--id", "all", "--command", "sync_tables"], host)).toBe(0);
    expect(await runMain([...PAIR_WORDS, "--command", "reset_state"], host)).toBe(64);
    expect(host.err()).toContain("is in several installed schedules: hourly, weekly");
  });

  test("ends with 66 if --schedule is not installed, and lists the installed schedules", async () => {
    const { host, install } = sandbox();
    install([anEntry()], { name: "hourly" });
    expect(await runMain([...PAIR_WORDS, "--schedule", "nope"], host)).toBe(66);
    expect(host.err()).toMatch(/no schedule named nope is installed in .*\n {2}Installed: hourly\. .* --schedule NAME/);
  });
});

test("a run by hand of a pipeline that is not configured warns with the nearest id, and starts PipelineWise", async () => {
  const { host, paths } = sandbox('echo "got $3"; exit 1');
  const targets = [{ id: "redshift", taps: [{ id: "microserv_1" }] }];
  writeFileSync(join(paths.configDir, "config.json"), JSON.stringify({ targets }));
  expect(await runMain(["--tap", "microserv1", "--target", "redshift"], host)).toBe(1);
  expect(host.out()).toBe("got microserv1\n");
  expect(host.err()).toContain(
    `warning: microserv1 → redshift is not in an installed schedule or in ${paths.configDir}/config.json; did you mean microserv_1 → redshift?\n`,
  );
  const quiet = testHost({ env: host.env });
  await runMain(PAIR_WORDS, quiet);
  expect(quiet.err()).not.toContain("warning");
});

describe("--file", () => {
  test("takes the entry from the file without an installed schedule", async () => {
    const { host, file } = sandbox('echo "$REGION: $*"');
    writeFileSync(
      file("schedule.yml"),
      'pipelinewise: {env: {REGION: us}}\npipelines:\n  - {tap: microserv_1, target: redshift, cron: "*/5 * * * *"}\n',
    );
    expect(await main(["run", "--file", "schedule.yml", ...PAIR_WORDS, "--", "-x"], host)).toBe(0);
    expect(host.out()).toBe("us: run_tap --tap microserv_1 --target redshift -x\n");
    expect(await main(["run", "--file", "schedule.yml", "--tap", "other", "--target", "redshift"], host)).toBe(64);
    expect(host.err()).toContain("other → redshift is not in schedule.yml");
  });
});

describe("--scheduled", () => {
  test("prints nothing after a success, and writes the output to the log", async () => {
    const { host, install, logText, records } = sandbox("echo to the log; echo errors too >&2");
    install();
    expect(await runMain(scheduled, host)).toBe(0);
    expect(host.out() + host.err()).toBe("");
    expect(logText()).toBe("to the log\nerrors too\n");
    expect(await records()).toMatchObject([{ outcome: "succeeded", scheduled: true, exitCode: 0 }]);
  });

  test("prints the last lines of a failure for cron's mail", async () => {
    const { host, install, records } = sandbox('for i in $(seq 30); do echo "line $i"; done; exit 1');
    install();
    expect(await runMain(scheduled, host)).toBe(1);
    expect(host.out()).toBe("");
    const [record] = await records();
    const said = host
      .err()
      .replaceAll(record?.id ?? "", "ID")
      .replaceAll(host.env["HOME"] ?? "", "~");
    expect(said.replace(/ {2}\| line (1[2-9]|2\d)\n/g, "")).toMatchInlineSnapshot(`
      "pipelinewise-sched: microserv_1 → redshift failed with exit code 1 after 0 s
        host testhost, started 2026-11-23T12:00:00.000Z, run ID
        log: ~/.pipelinewise/.sched/logs/redshift/microserv_1/20261123T120000Z-ID.log
        last lines:
        | line 11
        | line 30
      "
    `);
  });

  test("masks in the report what it knows to be secret, and leaves the log as it is", async () => {
    const box = sandbox('echo "$FROM_FILE $FROM_REFERENCE $PGPASSWORD"; cat "$HOME/traceback"; exit 1');
    const { host, file, paths, install, logText } = box;
    const traceback = [
      "connecting as loader with tap-pass#1",
      String.raw`config = {'password': 'tap-pass#1', 'key': 'line one of a key\nline two of a key'}`,
      "postgresql://loader:tap-pass%231@db/x and url-pass1",
      "inherited-1 target-secret hook-1234 4711471147114711",
      "coloured tap-\u001b[1mpass\u001b[0m#1",
    ];
    writeFileSync(file("traceback"), `${traceback.join("\n")}\n`);
    writeFileSync(file("secrets"), "FROM_FILE=from-file\n", { mode: 0o600 });
    writeFileSync(file("reference"), "from-reference\n");
    const configs = {
      "config.json": { alert_handlers: { slack: { webhook_url: "hook-1234" } } },
      "redshift/config.json": { nested: [{ client_secret: { value: "target-secret", number: 4711471147114711 } }] },
      "redshift/microserv_1/config.json": {
        ...{ user: "loader", password: "tap-pass#1", private_key: "line one of a key\nline two of a key" },
        ...{ url: "https://me:url-pass1@host/" },
      },
      "redshift/microserv_1/inheritable_config.json": { api_token: "inherited-1" },
      "redshift/other/config.json": { password: "loader" },
    };
    for (const [name, config] of Object.entries(configs)) {
      mkdirSync(dirname(join(paths.configDir, name)), { recursive: true });
      writeFileSync(join(paths.configDir, name), JSON.stringify(config));
    }
    const env = { FROM_REFERENCE: `\${file:${file("reference")}}`, PGPASSWORD: "literal" };
    install([anEntry()], { env, envFile: file("secrets") });
    expect(await runMain(scheduled, host)).toBe(1);
    expect(host.err().replace(/^(?! {2}\|).*\n/gm, "")).toMatchInlineSnapshot(`
      "  | *** *** ***
        | connecting as loader with ***
        | config = {'password': '***', 'key': '***'}
        | postgresql://loader:***@db/x and ***
        | *** *** *** ***
        | coloured ***
      "
    `);
    expect(logText()).toContain("from-file from-reference literal\nconnecting as loader with tap-pass#1\n");
  });

  test("passes the output through with --output, and reports a failure in one line", async () => {
    const { host, install, logText } = sandbox("echo hello; exit 2");
    install();
    expect(await runMain([...scheduled, "--output"], host)).toBe(2);
    expect(host.out()).toBe("hello\n");
    expect(host.err()).toMatch(/^pipelinewise-sched: microserv_1 → redshift failed with exit code 2 [^\n]*\n$/);
    expect(logText()).toBe("hello\n");
  });

  test.each([
    ["no schedule at all", undefined, "no schedule named pipelinewise is installed"],
    [
      "no such entry",
      [anEntry({ tap: "other" })],
      "microserv_1 → redshift is not in the installed schedule pipelinewise",
    ],
  ])("ends with 66 and a hint to install again: %s", async (_case, entries, words) => {
    const { host, install, file } = sandbox(`touch ${"$HOME"}/ran`);
    if (entries !== undefined) install(entries);
    expect(await runMain(scheduled, host)).toBe(66);
    expect(host.err()).toContain(words);
    expect(host.err()).toContain("Install it again: pipelinewise-sched install");
    expect(existsSync(file("ran"))).toBe(false);
  });

  test("ends with 66 if only another host has installed the schedule", async () => {
    const { host, install } = sandbox();
    install();
    expect(await runMain(scheduled, { ...host, name: "elsewhere" })).toBe(66);
    expect(host.err()).toContain("was never installed on host elsewhere");
  });

  test("ends with 74 and runs nothing if the stored schedule is garbled", async () => {
    const { host, install, paths, file } = sandbox(`touch ${"$HOME"}/ran`);
    install();
    writeFileSync(scheduleFile(paths, "pipelinewise"), '{"format": 1, "na', { mode: 0o600 });
    expect(await runMain(scheduled, host)).toBe(74);
    expect(host.err()).toContain("pipelinewise.json");
    expect(host.err()).not.toContain("    at ");
    expect(existsSync(file("ran"))).toBe(false);
  });
});

describe("a pipeline that is already running", () => {
  /** A run that lasts until `finish` is called. */
  async function holding() {
    const box = sandbox(`touch $HOME/started; while [ ! -e $HOME/finish ]; do sleep 0.05; done`);
    box.install();
    const running = runMain(scheduled, box.host);
    await untilFile(box.file("started"));
    return {
      ...box,
      finish: () => {
        writeFileSync(box.file("finish"), "");
        return running;
      },
    };
  }

  test("is skipped by hand with 75, and the holder is named", async () => {
    const { host, finish, records, paths } = await holding();
    const later = { ...host, now: () => new Date("2026-11-23T12:04:00Z") };
    expect(await runMain(PAIR_WORDS, later)).toBe(75);
    expect(host.err()).toBe(
      `skipped (overlap): microserv_1 → redshift is locked by host testhost, pid ${process.pid}, since 2026-11-23T12:00:00.000Z (4 min)\n`,
    );
    expect(await finish()).toBe(0);
    expect((await records()).map(({ outcome, reason }) => [outcome, reason])).toContainEqual(["skipped", "overlap"]);
    const last = await openLastRuns({ paths, lock: LOCK, host }).read();
    expect(last.skip).toMatchObject({ outcome: "skipped", exitCode: 75 });
    expect(last.runs.get("run_tap")?.outcome).toBe("succeeded");
  });

  test("is skipped silently with 0 if scheduled; --output shows it, and --skip-exit-code sets the exit code", async () => {
    const { host, finish } = await holding();
    const at = (time: string) => ({ ...host, now: () => new Date(`2026-11-23T${time}Z`) });
    expect(await runMain(scheduled, at("12:05:01"))).toBe(0);
    expect(host.out() + host.err()).toBe("");
    expect(await runMain([...scheduled, "--output", "--skip-exit-code", "99"], at("12:10:00"))).toBe(99);
    expect(host.out()).toMatch(/^skipped \(overlap\): microserv_1 → redshift is locked by host testhost[^\n]*\n$/);
    expect(await finish()).toBe(0);
  });
});

test("a scheduled pipeline that itself ends with the code of a skip fails with 1, and its own code is recorded", async () => {
  const { host, install, records } = sandbox("exit 99");
  install([anEntry()]);
  expect(await runMain([...scheduled, "--skip-exit-code", "99"], host)).toBe(1);
  expect(host.err()).toContain("microserv_1 → redshift failed with exit code 99 (passed on as 1) after");
  expect(await records()).toMatchObject([{ outcome: "failed", exitCode: 99 }]);
});

describe("--dry-run", () => {
  test("shows the command, the environment without secrets, the lock and the log, and writes nothing", async () => {
    const { host, install, file, home } = sandbox();
    writeFileSync(file("secret"), "hunter2\n");
    writeFileSync(file("vars"), "TOKEN=hunter3\n", { mode: 0o600 });
    install([anEntry({ args: ["--tables", "a b"] })], {
      env: { REGION: "eu", PASSWORD: `\${file:${file("secret")}}` },
      envFile: file("vars"),
    });
    const before = readdirSync(join(home, ".pipelinewise", ".sched"));
    expect(await runMain([...scheduled, "--dry-run"], host)).toBe(0);
    expect(
      host
        .out()
        .replaceAll(home, "~")
        .replace(/^through .*\n/m, ""),
    ).toMatchInlineSnapshot(`
      "pipeline     microserv_1 → redshift, scheduled
      command      ~/bin/pipelinewise run_tap --tap microserv_1 --target redshift --tables 'a b'
      environment  TOKEN=***
                   REGION=eu
                   PASSWORD=***
                   PIPELINEWISE_CONFIG_DIRECTORY=~/.pipelinewise
      directory    ~
      slot         2026-11-23T12:00:00.000Z
      lock         ~/.pipelinewise/.sched/locks/redshift/microserv_1.lock
      log          ~/.pipelinewise/.sched/logs/redshift/microserv_1/20261123T120000Z-RUN.log
      "
    `);
    expect(readdirSync(join(home, ".pipelinewise", ".sched"))).toEqual(before);
  });

  test("shows the timeout, the retries and the limits", async () => {
    const { host, install } = sandbox();
    const retries = { max: 2, delayMs: 60_000, backoff: 2, maxDelayMs: 600_000, on: ["failed"] as const };
    const limits = { host: 4, target: { redshift: 2, other: 1 }, source: {}, queueMs: 60_000 };
    install([anEntry({ policies: { timeoutMs: 7_200_000, retries } })], { limits });
    expect(await runMain([...PAIR_WORDS, "--dry-run"], host)).toBe(0);
    expect(host.out()).toContain(
      "timeout      2 h\nretries      2, the first after 1 min\nlimits       host testhost: 4, target redshift: 2\n",
    );
  });

  test("does not create .sched", async () => {
    const { host, paths } = sandbox();
    expect(await runMain([...PAIR_WORDS, "--dry-run"], host)).toBe(0);
    expect(existsSync(paths.root)).toBe(false);
  });
});

describe("a run ends with an error", () => {
  test("if HOME is not set, and says what to set", async () => {
    const host = testHost({ env: { PATH: "/usr/bin:/bin" } });
    expect(await runMain(PAIR_WORDS, host)).toBe(64);
    expect(host.err()).toContain("HOME is not set");
  });

  test("if there is no config directory (74), and creates none", async () => {
    const host = testHost();
    expect(await runMain(PAIR_WORDS, host)).toBe(74);
    expect(host.err()).toContain(".pipelinewise does not exist");
  });

  test("if the run log cannot be written (74), and runs nothing", async () => {
    const { host, paths, file } = sandbox("touch $HOME/ran");
    mkdirSync(paths.root, { mode: 0o700 });
    writeFileSync(join(paths.root, "logs"), "");
    expect(await runMain(PAIR_WORDS, host)).toBe(74);
    expect(host.err()).toContain("logs is not a directory");
    expect(existsSync(file("ran"))).toBe(false);
  });

  test("if the history cannot be written (74), and runs nothing", async () => {
    const { host, paths, file } = sandbox("touch $HOME/ran");
    mkdirSync(paths.root, { mode: 0o700 });
    writeFileSync(join(paths.root, "runs"), "");
    expect(await runMain(PAIR_WORDS, host)).toBe(74);
    expect(existsSync(file("ran"))).toBe(false);
  });
});

test("no file below .sched contains secrets of the environment", async () => {
  const { host, install, file, paths } = sandbox('test "$PASSWORD$TOKEN" = hunter2hunter3');
  writeFileSync(file("secret"), "hunter2\n");
  writeFileSync(file("vars"), "TOKEN=hunter3\n", { mode: 0o600 });
  install([anEntry()], { env: { PASSWORD: `\${file:${file("secret")}}` }, envFile: file("vars") });
  expect(await runMain(scheduled, host)).toBe(0);
  const files = readdirSync(paths.root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  expect(files.length).toBeGreaterThan(3);
  for (const entry of files) expect(readFileSync(join(entry.parentPath, entry.name), "utf8")).not.toContain("hunter");
});

test("the help lists all options that run accepts", async () => {
  const host = testHost();
  expect(await main(["run", "--help"], host)).toBe(0);
  expect(host.out()).toContain("--skip-exit-code <N>");
  expect(host.out()).toContain("Arguments after --");
});
