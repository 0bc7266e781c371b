import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { readLast } from "../../src/history/store.ts";
import { meaningFile } from "../../src/storage/paths.ts";
import { anEntry, PAIR_WORDS, sandbox, untilFile } from "../run/sandbox.ts";
import { testHost } from "../support/host.ts";

const scheduled = [...PAIR_WORDS, "--scheduled"];

describe("by hand, nothing installed", () => {
  test("passes both outputs through, keeps them in the log and gives the child's code", async () => {
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

  test("gives the pipeline its config directory and the mark of its lock", async () => {
    const { host, paths } = sandbox('echo "$PIPELINEWISE_CONFIG_DIRECTORY"; test -n "$PIPELINEWISE_SCHED_RUN"');
    expect(await runMain(PAIR_WORDS, host)).toBe(0);
    expect(host.out()).toBe(`${paths.configDir}\n`);
    expect(host.err()).toBe("");
  });

  test("passes bytes through that are no text", async () => {
    const { host } = sandbox(String.raw`printf '\377\376ok'`);
    const chunks: Uint8Array[] = [];
    const stdout = { write: (chunk: string | Uint8Array) => chunks.push(Buffer.from(chunk)) };
    expect(await runMain(PAIR_WORDS, { ...host, stdout })).toBe(0);
    expect(Buffer.concat(chunks)).toEqual(Buffer.from([0xff, 0xfe, 0x6f, 0x6b]));
  });

  test("notes the newest run for status", async () => {
    const { host, paths } = sandbox("exit 0");
    await runMain(PAIR_WORDS, host);
    const last = await readLast(paths, { tap: "microserv_1", target: "redshift" });
    expect(last.runs.get("run_tap")).toMatchObject({ outcome: "succeeded", exitCode: 0 });
  });

  test("a program that is not there is 127, names the PATH searched, and is a failed run", async () => {
    const { host, records } = sandbox();
    const bare = { ...host, env: { ...host.env, PATH: "/usr/bin:/bin" } };
    expect(await runMain(PAIR_WORDS, bare)).toBe(127);
    expect(host.err()).toContain("/usr/bin:/bin");
    expect(host.err()).toContain("pipelinewise");
    expect(await records()).toMatchObject([{ outcome: "failed", exitCode: 127 }]);
  });

  test("a program that may not be executed is 126", async () => {
    const { host, program, records } = sandbox();
    chmodSync(program, 0o644);
    expect(await runMain(PAIR_WORDS, host)).toBe(126);
    expect(host.err()).toContain(`${program} is not executable`);
    expect(await records()).toMatchObject([{ outcome: "failed", exitCode: 126 }]);
  });

  test("a program whose interpreter is missing is 127", async () => {
    const { host, program } = sandbox();
    writeFileSync(program, "#!/nowhere/python\n");
    expect(await runMain(PAIR_WORDS, host)).toBe(127);
    expect(host.err()).toContain(program);
  });

  test("death by signal 9 is 137", async () => {
    const { host, records } = sandbox("kill -9 $$");
    expect(await runMain(PAIR_WORDS, host)).toBe(137);
    expect(await records()).toMatchObject([{ outcome: "failed", exitCode: 137 }]);
  });
});

const SYNC = { fastSync: "sync_tables" } as const;

describe("by hand, with what is installed", () => {
  test("an entry is found by either name of a fast sync, and PipelineWise gets the name that it knows", async () => {
    const { host, install } = sandbox('echo "$*"');
    install([anEntry({ command: "sync_tables", args: ["--tables", "a.b"] })], {}, { fastSync: "fast_sync" });
    expect(await runMain([...PAIR_WORDS, "--command", "fast_sync"], host)).toBe(0);
    expect(host.out()).toBe("fast_sync --tap microserv_1 --target redshift --tables a.b\n");
  });

  test("takes command, arguments and environment from the entry, and words behind -- after them", async () => {
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

  test("asks which one where several are meant, and takes the one that is named", async () => {
    const { host, install } = sandbox('echo "$*"');
    install([anEntry({ id: "fast", args: ["--a"] }), anEntry({ id: "slow", args: ["--b"] })]);
    expect(await runMain(PAIR_WORDS, host)).toBe(64);
    expect(host.err()).toMatch(/appears 2 times in the schedule: fast, slow\n {2}Choose one with --id ID/);
    expect(await runMain([...PAIR_WORDS, "--id", "slow"], host)).toBe(0);
    expect(host.out()).toContain("redshift --b\n");
    expect(await runMain([...PAIR_WORDS, "--id", "none"], host)).toBe(64);
    expect(host.err()).toContain("Use one of run_tap#fast, run_tap#slow.");
  });

  test("--schedule that is not installed is 66", async () => {
    const { host } = sandbox();
    expect(await runMain([...PAIR_WORDS, "--schedule", "nope"], host)).toBe(66);
    expect(host.err()).toContain("no schedule named nope is installed");
  });
});

describe("--file", () => {
  test("takes the entry from the file, nothing installed", async () => {
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
  test("a success is silent; its output is in the log", async () => {
    const { host, install, logText, records } = sandbox("echo to the log; echo errors too >&2");
    install();
    expect(await runMain(scheduled, host)).toBe(0);
    expect(host.out() + host.err()).toBe("");
    expect(logText()).toBe("to the log\nerrors too\n");
    expect(await records()).toMatchObject([{ outcome: "succeeded", scheduled: true, exitCode: 0 }]);
  });

  test("a failure gives cron's mail its last lines", async () => {
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

  test("--output passes the output through and reports a failure in a line", async () => {
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
  ])("%s is 66, loudly, and says to install again", async (_case, entries, words) => {
    const { host, install, file } = sandbox(`touch ${"$HOME"}/ran`);
    if (entries !== undefined) install(entries);
    expect(await runMain(scheduled, host)).toBe(66);
    expect(host.err()).toContain(words);
    expect(host.err()).toContain("Install it again: pipelinewise-sched install");
    expect(existsSync(file("ran"))).toBe(false);
  });

  test("what only another host installed is 66", async () => {
    const { host, install } = sandbox();
    install();
    expect(await runMain(scheduled, { ...host, name: "elsewhere" })).toBe(66);
    expect(host.err()).toContain("was never installed on host elsewhere");
  });

  test("a garbled compiled schedule is 74, and nothing runs", async () => {
    const { host, install, paths, file } = sandbox(`touch ${"$HOME"}/ran`);
    install();
    writeFileSync(meaningFile(paths, "pipelinewise"), '{"format": 1, "na', { mode: 0o600 });
    expect(await runMain(scheduled, host)).toBe(74);
    expect(host.err()).toContain("pipelinewise.json");
    expect(host.err()).not.toContain("    at ");
    expect(existsSync(file("ran"))).toBe(false);
  });
});

describe("a pipeline that runs already", () => {
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

  test("by hand: names the holder and ends with 75", async () => {
    const { host, finish, records, paths } = await holding();
    const later = { ...host, now: () => new Date("2026-11-23T12:04:00Z") };
    expect(await runMain(PAIR_WORDS, later)).toBe(75);
    expect(host.err()).toBe(
      `skipped (overlap): microserv_1 → redshift is locked by host testhost, pid ${process.pid}, since 2026-11-23T12:00:00.000Z (4 min)\n`,
    );
    expect(await finish()).toBe(0);
    expect((await records()).map(({ outcome, reason }) => [outcome, reason])).toContainEqual(["skipped", "overlap"]);
    const last = await readLast(paths, { tap: "microserv_1", target: "redshift" });
    expect(last.skip).toMatchObject({ outcome: "skipped", exitCode: 75 });
    expect(last.runs.get("run_tap")?.outcome).toBe("succeeded");
  });

  test("scheduled: silent and 0; --output says it; --skip-exit-code sets the code", async () => {
    const { host, finish } = await holding();
    const at = (time: string) => ({ ...host, now: () => new Date(`2026-11-23T${time}Z`) });
    expect(await runMain(scheduled, at("12:05:01"))).toBe(0);
    expect(host.out() + host.err()).toBe("");
    expect(await runMain([...scheduled, "--output", "--skip-exit-code", "99"], at("12:10:00"))).toBe(99);
    expect(host.out()).toMatch(/^skipped \(overlap\): microserv_1 → redshift is locked by host testhost[^\n]*\n$/);
    expect(await finish()).toBe(0);
  });
});

describe("--dry-run", () => {
  test("shows the command, the changes without their secrets, lock and log; writes nothing", async () => {
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

  test("makes no .sched where there is none", async () => {
    const { host, paths } = sandbox();
    expect(await runMain([...PAIR_WORDS, "--dry-run"], host)).toBe(0);
    expect(existsSync(paths.root)).toBe(false);
  });
});

describe("what is not there", () => {
  test("HOME not set: says what to set", async () => {
    const host = testHost({ env: { PATH: "/usr/bin:/bin" } });
    expect(await runMain(PAIR_WORDS, host)).toBe(64);
    expect(host.err()).toContain("HOME is not set");
  });

  test("no config directory: 74, and none is made", async () => {
    const host = testHost();
    expect(await runMain(PAIR_WORDS, host)).toBe(74);
    expect(host.err()).toContain(".pipelinewise does not exist");
  });

  test("a log that cannot be written: 74, and nothing runs", async () => {
    const { host, paths, file } = sandbox("touch $HOME/ran");
    mkdirSync(paths.root, { mode: 0o700 });
    writeFileSync(join(paths.root, "logs"), "");
    expect(await runMain(PAIR_WORDS, host)).toBe(74);
    expect(host.err()).toContain("logs is not a directory");
    expect(existsSync(file("ran"))).toBe(false);
  });

  test("a history that cannot be written: 74, and nothing runs", async () => {
    const { host, paths, file } = sandbox("touch $HOME/ran");
    mkdirSync(paths.root, { mode: 0o700 });
    writeFileSync(join(paths.root, "runs"), "");
    expect(await runMain(PAIR_WORDS, host)).toBe(74);
    expect(existsSync(file("ran"))).toBe(false);
  });
});

test("secrets of the environment are in no file of ours", async () => {
  const { host, install, file, paths } = sandbox('test "$PASSWORD$TOKEN" = hunter2hunter3');
  writeFileSync(file("secret"), "hunter2\n");
  writeFileSync(file("vars"), "TOKEN=hunter3\n", { mode: 0o600 });
  install([anEntry()], { env: { PASSWORD: `\${file:${file("secret")}}` }, envFile: file("vars") });
  expect(await runMain(scheduled, host)).toBe(0);
  const files = readdirSync(paths.root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  expect(files.length).toBeGreaterThan(3);
  for (const entry of files) expect(readFileSync(join(entry.parentPath, entry.name), "utf8")).not.toContain("hunter");
});

test("the help lists what run accepts", async () => {
  const host = testHost();
  expect(await main(["run", "--help"], host)).toBe(0);
  expect(host.out()).toContain("--skip-exit-code <N>");
  expect(host.out()).toContain("Arguments after --");
});
