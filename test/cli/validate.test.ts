import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { fakeCrontab } from "../support/crontab.ts";
import { type TestHost, testHost } from "../support/host.ts";

const SOUND = 'pipelines:\n  - {tap: orders, target: dwh, cron: "0 * * * *"}\n';
const WARNED = `${SOUND}pipelinewise: {env: {DB_PASSWORD: hunter2}}\n`;
const BAD = `${SOUND}  - {tap: clicks, target: dwh, cron: "75 * * * *", retries: 3}\nname: warehouse!\n`;

/** Runs `validate` in a working folder that holds this schedule.yml. */
async function validate(text: string, ...words: readonly string[]): Promise<{ code: number; host: TestHost }> {
  const host = testHost({ env: fakeCrontab().env });
  writeFileSync(join(host.cwd, "schedule.yml"), text);
  return { code: await main(["validate", ...words], host), host };
}

test("a sound file is one line and exit code 0; a file not named is schedule.yml", async () => {
  const { code, host } = await validate(SOUND);
  expect(host.out()).toBe('schedule.yml: fine: 1 pipeline, schedule "pipelinewise"\n');
  expect([code, host.err()]).toEqual([0, "cron on this machine: Debian cron\n"]);
});

test("problems are all listed with their places and counted, exit code 65", async () => {
  const { code, host } = await validate(BAD, "schedule.yml");
  expect(host.out()).toMatchInlineSnapshot(`
    "schedule.yml:3:39  pipelines[1].cron: minute 75 is outside 0-59
    schedule.yml:3:52  pipelines[1].retries: unknown key "retries"
        Allowed keys: tap, target, cron, note, id, command, tables, replication_method_only, force, check, table, column, start_value, end_value, extra_log, timezone.
    schedule.yml:4:7  name: "warehouse!" is not a safe name
        Use 1 to 64 of a-z 0-9 _ - and begin with a letter or digit.
    schedule.yml: 3 errors
    "
  `);
  expect([code, host.err()]).toEqual([65, "cron on this machine: Debian cron\n"]);
});

test("--json gives the problems as one object, exit code 65", async () => {
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
          "hint": "Allowed keys: tap, target, cron, note, id, command, tables, replication_method_only, force, check, table, column, start_value, end_value, extra_log, timezone.",
          "line": 3,
          "message": "unknown key "retries"",
          "path": "pipelines[1].retries",
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

test("--json of a sound file is an empty list", async () => {
  const { code, host } = await validate(SOUND, "--json");
  expect(JSON.parse(host.out())).toEqual({ problems: [] });
  expect(code).toBe(0);
});

test("a warning is shown and passes; --strict takes it for an error", async () => {
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

test("what a sound cron may not have been meant to do is a warning at its place", async () => {
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

test("a machine without cron is said to have none", async () => {
  const host = testHost({ env: { PATH: "/nowhere" } });
  writeFileSync(join(host.cwd, "schedule.yml"), SOUND);
  expect([await main(["validate"], host), host.err()]).toEqual([
    0,
    "cron on this machine: none: no crontab program and no daemon was found\n",
  ]);
});

describe("a file that cannot be read", () => {
  test("does not exist: exit code 66, on stderr, with what to do", async () => {
    const host = testHost();
    expect(await main(["validate", "other.yml"], host)).toBe(66);
    expect(host.out()).toBe("");
    expect(host.err()).toContain(`no such file: ${join(host.cwd, "other.yml")}\n  Name the schedule file`);
  });

  test("is a folder: exit code 66", async () => {
    const host = testHost();
    mkdirSync(join(host.cwd, "schedule.yml"));
    expect(await main(["validate"], host)).toBe(66);
  });

  test("is 10 MB: refused by its size, exit code 65", async () => {
    const { code, host } = await validate(SOUND.repeat(200_000));
    expect(host.out()).toContain("schedule.yml:1:1  the file is larger than 1 MiB\n");
    expect(code).toBe(65);
  });
});

test("the example is fine", async () => {
  const host = testHost();
  const example = resolve("examples/schedule.yml");
  expect(await main(["validate", example, "--strict"], host)).toBe(0);
  expect(host.out()).toBe(`${example}: fine: 5 pipelines, schedule "pipelinewise"\n`);
});
