import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { fakeCrontab } from "../support/crontab.ts";
import { type TestHost, tempDirectory, testHost } from "../support/host.ts";

const SOUND = 'pipelines:\n  - {tap: orders, target: dwh, cron: "0 * * * *"}\n';
const WARNED = `${SOUND}pipelinewise: {env: {DB_PASSWORD: hunter2}}\n`;
const BAD = `${SOUND}  - {tap: clicks, target: dwh, cron: "75 * * * *", extra_logs: true}\nname: warehouse!\n`;

/** A machine with PipelineWise, a config directory and a crontab. */
function machineWithPipelinewise(): TestHost {
  const home = tempDirectory();
  mkdirSync(join(home, ".pipelinewise"));
  writeFileSync(join(home, "pipelinewise"), "#!/bin/sh\n", { mode: 0o755 });
  const taps = ["orders", "clicks", "stock"].map((id) => ({ id }));
  writeFileSync(join(home, ".pipelinewise/config.json"), JSON.stringify({ targets: [{ id: "dwh", taps }] }));
  const { env } = fakeCrontab();
  return testHost({
    env: { ...env, HOME: home, PATH: `${home}:${env["PATH"]}` },
    node: "/usr/bin/node",
    program: "/usr/bin/pipelinewise-sched",
  });
}

/** Runs `validate` in a working directory that contains this schedule.yml. */
async function validate(text: string, ...words: readonly string[]): Promise<{ code: number; host: TestHost }> {
  const host = machineWithPipelinewise();
  writeFileSync(join(host.cwd, "schedule.yml"), text);
  return { code: await main(["validate", ...words], host), host };
}

test("a valid file gives one line and exit code 0, and schedule.yml is the default", async () => {
  const { code, host } = await validate(SOUND);
  expect(host.out()).toBe('schedule.yml: fine: 1 pipeline, schedule "pipelinewise"\n');
  expect([code, host.err()]).toEqual([0, "cron on this machine: Debian cron\n"]);
});

test("all problems are listed with their positions and counted, with exit code 65", async () => {
  const { code, host } = await validate(BAD, "schedule.yml");
  expect(host.out()).toMatchInlineSnapshot(`
    "schedule.yml:3:39  pipelines[1].cron: minute 75 is outside 0-59
    schedule.yml:3:52  pipelines[1].extra_logs: unknown key "extra_logs"; did you mean "extra_log"?
        Write \`extra_log\`, or remove the key.
    schedule.yml:4:7  name: "warehouse!" is not a safe name
        Use 1 to 64 of a-z 0-9 _ - and begin with a letter or digit.
    schedule.yml: 3 errors
    "
  `);
  expect([code, host.err()]).toEqual([65, "cron on this machine: Debian cron\n"]);
});

test("--json prints the problems as one object, with exit code 65", async () => {
  const { code, host } = await validate(BAD, "--json");
  expect(JSON.parse(host.out())).toMatchInlineSnapshot(`
    {
      "problems": [
        {
          "column": 39,
          "file": "schedule.yml",
          "hint": null,
          "line": 3,
          "message": "minute 75 is outside 0-59",
          "path": "pipelines[1].cron",
          "severity": "error",
        },
        {
          "column": 52,
          "file": "schedule.yml",
          "hint": "Write \`extra_log\`, or remove the key.",
          "line": 3,
          "message": "unknown key "extra_logs"; did you mean "extra_log"?",
          "path": "pipelines[1].extra_logs",
          "severity": "error",
        },
        {
          "column": 7,
          "file": "schedule.yml",
          "hint": "Use 1 to 64 of a-z 0-9 _ - and begin with a letter or digit.",
          "line": 4,
          "message": ""warehouse!" is not a safe name",
          "path": "name",
          "severity": "error",
        },
      ],
    }
  `);
  expect(code).toBe(65);
});

test("--json prints an empty list for a valid file", async () => {
  const { code, host } = await validate(SOUND, "--json");
  expect(JSON.parse(host.out())).toEqual({ problems: [] });
  expect(code).toBe(0);
});

test("a warning does not change the exit code, unless --strict is given", async () => {
  const { code, host } = await validate(WARNED);
  expect(host.out()).toMatchInlineSnapshot(`
    "schedule.yml:3:35  warning: pipelinewise.env.DB_PASSWORD: "DB_PASSWORD" looks like a secret in plain text
        Write \${file:PATH} or \${env:NAME}, or use env_file: \`install\` stores the values of this mapping.
    schedule.yml: 1 warning: 1 pipeline, schedule "pipelinewise"
    "
  `);
  expect(code).toBe(0);
  expect((await validate(WARNED, "--strict")).code).toBe(65);
  expect((await validate(SOUND, "--strict")).code).toBe(0);
});

test("retries that do not fit before the next run give a warning at their position", async () => {
  const { code, host } = await validate(
    'pipelines:\n  - {tap: orders, target: dwh, cron: "0 * * * *", retries: {max: 2, delay: 30m}}\n',
  );
  expect(code).toBe(0);
  expect(host.out()).toMatchInlineSnapshot(`
    "schedule.yml:2:60  warning: pipelines[0].retries: the retries wait 30 min + 30 min = 1 h, but the pipeline may be due again after 1 h (2026-11-23 12:00Z to 2026-11-23 13:00Z): then at most 1 of 2 can start
        Write a shorter delay or max_delay, or a lower max. No attempt starts after the pipeline is due again.
    schedule.yml: 1 warning: 1 pipeline, schedule "pipelinewise"
    "
  `);
});

test("a valid cron expression that may not do what was meant gives a warning at its position", async () => {
  const text = `timezone: Europe/London
pipelines:
  - {tap: orders, target: dwh, cron: "*/7 * * * *"}
  - tap: stock
    target: dwh
    cron:
      - "0 * * * *"
      - "30 1 * * *"
`;
  const { code, host } = await validate(text);
  expect(host.out()).toMatchInlineSnapshot(`
    "schedule.yml:3:39  warning: pipelines[0].cron: */7 does not mean every 7 minutes: minute 56 is followed by minute 0 of the next hour, 4 minutes later
        Use a step that divides the hour evenly, such as */6 or */10.
    schedule.yml:8:10  warning: pipelines[1].cron[1]: the clock changes of Europe/London affect 01:30: skipped on 2027-03-28, and run at 02:00 instead; repeated on 2027-10-31, and run only the first time
        Use times outside 01:00-01:59, or \`timezone: UTC\`: they occur exactly once a day.
    schedule.yml: 2 warnings: 2 pipelines, schedule "pipelinewise"
    "
  `);
  expect(code).toBe(0);
  expect((await validate(text, "--strict")).code).toBe(65);
  const json = await validate(text, "--json");
  expect(JSON.parse(json.host.out()).problems).toMatchObject([
    { line: 3, column: 39, path: "pipelines[0].cron", severity: "warning" },
    { line: 8, column: 10, path: "pipelines[1].cron[1]", severity: "warning" },
  ]);
  expect(json.host.err()).toBe("");
});

describe("what a run would read is read now", () => {
  const reference = (kind: string, of: string) => ["$", `{${kind}:${of}}`].join("");
  const withCall = (call: string) => `${SOUND}pipelinewise: ${call}\n`;

  async function validateBeside(text: string) {
    const host = testHost({ env: fakeCrontab().env });
    const put = (name: string, content: string, mode: number) => writeFileSync(join(host.cwd, name), content, { mode });
    put("schedule.yml", text, 0o644);
    put("open.env", "A=hunter2\n", 0o644);
    put("bad.env", "A B=hunter2\n", 0o600);
    put("good.env", "C=hunter2\n", 0o600);
    const env = { ...host.env, HOME: host.home };
    return { code: await main(["validate", "--strict"], { ...host, env }), host };
  }

  test.each([
    [
      "{env_file: none.env}",
      "pipelinewise.env_file: every run would fail: cannot read env_file DIR/none.env: it does not exist\n    Create the file, or correct its path",
    ],
    [
      "{env_file: open.env}",
      "pipelinewise.env_file: every run would fail: env_file DIR/open.env can be read by others (mode 644)",
    ],
    ["{env_file: bad.env}", "pipelinewise.env_file: every run would fail: DIR/bad.env:1: this line is not KEY=VALUE"],
    [
      `{env: {A: '${reference("file", "none")}'}}`,
      "pipelinewise.env.A: every run would fail: env.A: cannot read DIR/none: it does not exist",
    ],
    [
      `{env: {A: '${reference("file", "open.env")}'}}`,
      "pipelinewise.env.A: DIR/open.env can be read by everybody (mode 644)",
    ],
    [
      `{env: {A: '${reference("env", "NONE")}'}}`,
      "pipelinewise.env.A: every run would fail: env.A: the variable NONE is not set",
    ],
  ])("%s gives a warning that shows no value", async (call, message) => {
    const { code, host } = await validateBeside(withCall(call));
    expect(code).toBe(65);
    expect(host.out().replaceAll(host.cwd, "DIR")).toContain(message);
    expect(host.out() + host.err()).not.toContain("hunter2");
  });

  test("an address in a file that everybody can read gives a warning", async () => {
    const rule = `{when: [failed], slack: 'https://example.com/${reference("file", "open.env")}'}`;
    const { host } = await validateBeside(`${SOUND}alerts: [${rule}]\n`);
    const warning = "alerts[0].slack: DIR/open.env can be read by everybody (mode 644)";
    expect(host.out().replaceAll(host.cwd, "DIR")).toContain(warning);
  });

  test("an address of a receiver that cannot be read gives a warning whose hint names the address", async () => {
    const rule = `{when: [failed], slack: '${reference("file", "none")}'}`;
    const { host } = await validateBeside(`${SOUND}alerts: [${rule}]\n`);
    const out = host.out().replaceAll(host.cwd, "DIR");
    expect(out).toContain("alerts[0].slack: no alert could be sent: cannot read DIR/none: it does not exist");
    expect(out).toContain("Create the file, or change the address in the schedule and install it again.");
  });

  test("a variable __proto__ is refused, not left out", async () => {
    const { code, host } = await validateBeside(withCall("{env: {__proto__: x}}"));
    expect([code, host.out()]).toEqual([65, expect.stringContaining("the variable __proto__ cannot be set here")]);
  });

  test("files that a run can read give no warning", async () => {
    const call = `{env_file: good.env, env: {A: '${reference("file", "good.env")}', B: '${reference("env", "C")}'}}`;
    expect((await validateBeside(withCall(call))).code).toBe(0);
  });
});

test("the output says that a machine has no cron", async () => {
  const host = testHost({ env: { PATH: "/nowhere" } });
  writeFileSync(join(host.cwd, "schedule.yml"), SOUND);
  expect([await main(["validate"], host), host.err()]).toEqual([
    0,
    expect.stringContaining("cron on this machine: none: no crontab program and no daemon was found\n"),
  ]);
});

describe("a file that cannot be read", () => {
  test("that does not exist gives exit code 66 and a hint on stderr", async () => {
    const host = testHost();
    expect(await main(["validate", "other.yml"], host)).toBe(66);
    expect(host.out()).toBe("");
    expect(host.err()).toContain(`no such file: ${join(host.cwd, "other.yml")}\n  Name the schedule file`);
  });

  test("that is a directory gives exit code 66", async () => {
    const host = testHost();
    mkdirSync(join(host.cwd, "schedule.yml"));
    expect(await main(["validate"], host)).toBe(66);
  });

  test("of 10 MB is rejected because of its size, with exit code 65", async () => {
    const { code, host } = await validate(SOUND.repeat(200_000));
    expect(host.out()).toContain("schedule.yml:1:1  the file is larger than 1 MiB\n");
    expect(code).toBe(65);
  });
});

test("the example of alerts is valid", async () => {
  const host = testHost();
  const example = resolve("examples/monitoring/alerts.yml");
  const url = "https://example.com/s3cr3t";
  const variables = `SLACK_URL=${url}\nORDERS_CHECK_URL=${url}\nSMTP_URL=smtps://etl:s3cr3t@mail.example.com\n`;
  writeFileSync(join(host.home, ".pipelinewise.env"), variables, { mode: 0o600 });
  mkdirSync(join(host.home, ".secrets"));
  writeFileSync(join(host.home, ".secrets/on-call-url"), `${url}\n`, { mode: 0o600 });
  expect(await main(["validate", example, "--strict"], host)).toBe(0);
  expect(host.out()).toBe(`${example}: fine: 4 pipelines, schedule "warehouse"\n`);
});

test("the example is valid", async () => {
  const host = testHost();
  const example = resolve("examples/schedule.yml");
  expect(await main(["validate", example, "--strict"], host)).toBe(0);
  expect(host.out()).toBe(`${example}: fine: 5 pipelines, schedule "pipelinewise"\n`);
});
