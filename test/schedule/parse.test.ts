import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { type CheckedSchedule, parseSchedule } from "../../src/schedule/parse.ts";
import { renderProblem } from "../../src/schedule/problem.ts";

const check = (text: string): CheckedSchedule =>
  parseSchedule(text, { file: "schedule.yml", path: "/etc/schedule.yml", bytes: Buffer.from("") });

/** The problems as they are shown. */
const problems = (text: string): string => check(text).problems.map(renderProblem).join("").trimEnd();

/** A file with one sound pipeline and these lines more. */
const withPipeline = (lines: string): string =>
  `pipelines:\n  - {tap: orders, target: dwh, cron: "0 * * * *"}\n${lines}`;

describe("a sound file", () => {
  test("fills every default", () => {
    const { schedule, problems } = check("pipelines:\n  - {tap: orders, target: dwh, cron: '*/5 * * * *'}\n");
    expect(problems).toEqual([]);
    expect(schedule).toMatchObject({
      name: "pipelinewise",
      source: { path: "/etc/schedule.yml", bytes: Buffer.from("") },
      pipelinewise: { command: ["pipelinewise"], configDir: undefined, env: {}, envFile: undefined },
    });
    expect(schedule?.pipelines).toHaveLength(1);
    expect(schedule?.pipelines[0]).toMatchObject({
      tap: "orders",
      target: "dwh",
      command: "run_tap",
      id: undefined,
      crons: [{ text: "*/5 * * * *", class: "wildcard" }],
      timezone: undefined,
      note: undefined,
      args: [],
      place: { line: 2, column: 5 },
    });
  });

  test("says all that may be said", () => {
    const { schedule, problems } = check(`
name: warehouse
timezone: Europe/London
pipelinewise:
  command: [docker, run, --rm, pipelinewise]
  config_dir: ../conf
  env: {REGION: eu, DSN: "pg://u:\${file:~/.pw}@\${env:DB_HOST}"}
  env_file: /etc/pipelinewise.env
pipelines:
  - {tap: a, target: g, cron: ["*/5 8-18 * * 1-5", "@daily"], timezone: Asia/Tokyo, note: " by day ", extra_log: true}
  - {tap: a, target: g, cron: 0 3 * * 0, command: sync_tables, tables: [public.x, public.y], id: weekly}
  - {tap: a, target: g, cron: 0 3 1 * *, command: sync_tables, id: monthly}
  - {tap: b, target: g, cron: 0 4 * * *, command: partial_sync_table, table: public.x, column: at, start_value: "2026-01-01", end_value: "2026-02-01"}
  - {tap: b, target: g, cron: 0 5 * * *, command: fast_sync, tables: [public.x], replication_method_only: log_based, force: true, extra_log: true}
  - {tap: b, target: g, cron: 0 6 * * *, command: run_data_diff_checks, check: orders by day, force: true}
`);
    expect(problems).toEqual([]);
    expect(schedule).toMatchObject({
      name: "warehouse",
      pipelinewise: {
        command: ["docker", "run", "--rm", "pipelinewise"],
        configDir: "../conf",
        env: { REGION: "eu", DSN: `pg://u:\${file:~/.pw}@\${env:DB_HOST}` },
        envFile: "/etc/pipelinewise.env",
      },
    });
    expect(schedule?.pipelines.map(({ crons, place, ...pipeline }) => pipeline)).toEqual([
      { tap: "a", target: "g", command: "run_tap", timezone: "Asia/Tokyo", note: "by day", args: ["--extra_log"] },
      {
        tap: "a",
        target: "g",
        command: "sync_tables",
        id: "weekly",
        timezone: "Europe/London",
        args: ["--tables", "public.x,public.y"],
      },
      { tap: "a", target: "g", command: "sync_tables", id: "monthly", timezone: "Europe/London", args: [] },
      {
        tap: "b",
        target: "g",
        command: "partial_sync_table",
        timezone: "Europe/London",
        args: [..."--table public.x --column at --start_value 2026-01-01 --end_value 2026-02-01".split(" ")],
      },
      {
        tap: "b",
        target: "g",
        command: "fast_sync",
        timezone: "Europe/London",
        args: [..."--tables public.x --replication_method_only log_based --force --extra_log".split(" ")],
      },
      {
        tap: "b",
        target: "g",
        command: "run_data_diff_checks",
        timezone: "Europe/London",
        args: ["--check", "orders by day", "--force"],
      },
    ]);
    expect(schedule?.pipelines[0]?.crons.map(({ text }) => text)).toEqual(["*/5 8-18 * * 1-5", "@daily"]);
  });

  test.each([
    ["Windows line ends", withPipeline("").replaceAll("\n", "\r\n")],
    ["a directive and a document start", `%YAML 1.1\n---\n${withPipeline("")}`],
    ["JSON", '{"pipelines": [{"tap": "orders", "target": "dwh", "cron": "0 * * * *"}]}'],
  ])("may be written with %s", (_, text) => {
    expect(check(text).schedule?.pipelines).toHaveLength(1);
  });

  test("means the same in every way of writing YAML", () => {
    const id = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,12}$/);
    const cron = fc.constantFrom("*/5 * * * *", "0 3 * * 1-5", "@daily", "30 6 1,15 * *");
    const pipeline = fc.record(
      {
        tap: id,
        target: id,
        cron: fc.oneof(cron, fc.array(cron, { minLength: 1, maxLength: 3 })),
        note: fc.string({ unit: "grapheme-ascii", maxLength: 40 }).filter((note) => !note.trim().endsWith("\\r")),
        extra_log: fc.boolean(),
      },
      { requiredKeys: ["tap", "target", "cron"] },
    );
    const file = fc.record({
      pipelines: fc.uniqueArray(pipeline, { minLength: 1, maxLength: 5, selector: (p) => `${p.tap} ${p.target}` }),
    });
    const meaning = (text: string) => {
      const { schedule, problems } = check(text);
      expect(problems).toEqual([]);
      return schedule?.pipelines.map(({ place, ...pipeline }) => pipeline);
    };
    fc.assert(
      fc.property(file, (value) => {
        const json = meaning(JSON.stringify(value));
        expect(json).toHaveLength(value.pipelines.length);
        for (const style of ["QUOTE_DOUBLE", "QUOTE_SINGLE", "PLAIN"] as const) {
          expect(meaning(stringify(value, { defaultStringType: style, defaultKeyType: "PLAIN" }))).toEqual(json);
        }
        expect(meaning(stringify(value, { collectionStyle: "flow", aliasDuplicateObjects: true }))).toEqual(json);
      }),
      { seed: 3, numRuns: 200 },
    );
  });
});

describe("anchors and merge keys", () => {
  test("bring in what they stand for, the pipeline's own keys first, earlier merges before later", () => {
    const { schedule, problems } = check(`
pipelines:
  - &nightly {tap: a, target: g, cron: &night 0 3 * * *, note: by night}
  - &quiet {<<: *nightly, tap: b, note: quiet}
  - {<<: [*quiet, *nightly], tap: c}
  - {tap: d, target: g, cron: [*night, 0 4 * * *]}
`);
    expect(problems).toEqual([]);
    expect(schedule?.pipelines.map(({ tap, note, crons }) => [tap, note, crons.map(({ text }) => text)])).toEqual([
      ["a", "by night", ["0 3 * * *"]],
      ["b", "quiet", ["0 3 * * *"]],
      ["c", "quiet", ["0 3 * * *"]],
      ["d", undefined, ["0 3 * * *", "0 4 * * *"]],
    ]);
  });

  test("show a slip once, where it stands, however often it is used", () => {
    expect(
      problems(
        "pipelines:\n  - &a {tap: a, target: g, cron: 75 * * * *}\n  - {<<: *a, tap: b}\n  - {<<: *a, tap: c}\n",
      ),
    ).toBe("schedule.yml:2:34  pipelines[0].cron: minute 75 is outside 0-59");
  });

  test("serve a thousand pipelines from one anchor", () => {
    const rest = Array.from({ length: 1000 }, (_, index) => `  - {<<: *a, tap: t${index}}\n`).join("");
    const { schedule } = check(`pipelines:\n  - &a {tap: a, target: g, cron: 0 3 * * *}\n${rest}`);
    expect(schedule?.pipelines).toHaveLength(1001);
  });

  test.each([
    ["an alias of nothing", "  - *none\n", "3:5  pipelines[1]: no anchor &none is defined above"],
    [
      "an alias in its own anchor",
      "  - &a {tap: *a, target: g, cron: '@daily'}\n",
      "3:14  pipelines[1].tap: the alias *a is inside its own anchor",
    ],
    [
      "a merge of no mapping",
      '  - {<<: x, tap: a, target: g, cron: "@daily"}\n',
      '3:10  pipelines[1]["<<"]: << can only merge mappings',
    ],
  ])("refuse %s", (_, lines, problem) => {
    expect(problems(withPipeline(lines)).split("\n")[0]).toBe(`schedule.yml:${problem}`);
  });

  test("call a broken alias in a merge one problem", () => {
    expect(check(withPipeline("  - {<<: *none, tap: a, target: g, cron: '@daily'}\n")).problems).toHaveLength(1);
  });

  const levels = (entry: (before: string) => string): string =>
    [
      "a: &a {x: 1}",
      ..."bcdefghij".split("").map((name, index) => `${name}: &${name} ${entry("abcdefghij".charAt(index))}`),
    ].join("\n");

  test.each([
    ["lists of aliases", levels((before) => `[${Array(10).fill(`*${before}`).join(", ")}]`)],
    ["one alias a hundred thousand times", `a: &a [1, 2, 3]\npipelines: [${"*a,".repeat(100_000)}]`],
    [
      "merges of one large mapping",
      `a: &a {${Array.from({ length: 20_000 }, (_, index) => `k${index}: 1`).join(",")}}\nb: {<<: [${"*a,".repeat(100_000)}]}`,
    ],
  ])("refuse a billion laughs: %s", (_, text) => {
    expect(problems(text)).toContain("more than 200000 values, with aliases expanded");
  });

  test("come to an end on merges of merges", () => {
    expect(problems(levels((before) => `{<<: [${Array(10).fill(`*${before}`).join(", ")}]}`))).toContain("unknown key");
  });
});

describe("what is wrong is shown with its place and what to do", () => {
  test("all of it at once, in the order of the file", () => {
    expect(
      problems(`
name: My Warehouse
timezone: Europe/Londn
timeout: 6h
pipelines:
  - tap: 123
    target: red shift
    cron: ["0 3 * * *", "75 * * * *", 5]
    notes: hourly
  - tap: orders
    cron: '0 25 * * *'
    note: "two\\nlines"
  - just text
`),
    ).toMatchInlineSnapshot(`
      "schedule.yml:2:7  name: "My Warehouse" is not a safe name
          Use 1 to 64 of a-z 0-9 _ - and begin with a letter or digit.
      schedule.yml:3:11  timezone: "Europe/Londn" is not a known time zone
          Similar names: Europe/London.
      schedule.yml:4:1  timeout: unknown key "timeout"
          Allowed keys: name, timezone, pipelinewise, airflow, cronicle, pipelines.
      schedule.yml:6:10  pipelines[0].tap: expected text, found the number 123
          Put it in quotes: "123".
      schedule.yml:7:13  pipelines[0].target: "red shift" is not a safe word
          PipelineWise puts ids unquoted into shell commands; use 1 to 128 of A-Z a-z 0-9 _ . - and begin with a letter, digit or _.
      schedule.yml:8:26  pipelines[0].cron[1]: minute 75 is outside 0-59
      schedule.yml:8:39  pipelines[0].cron[2]: expected text, found the number 5
          Put it in quotes: "5".
      schedule.yml:9:5  pipelines[0].notes: unknown key "notes"; did you mean "note"?
          Write \`note\`, or remove the key.
      schedule.yml:10:5  pipelines[1]: the key \`target\` is missing
          Add \`target: ID\`, the target's id in PipelineWise.
      schedule.yml:11:14  pipelines[1].cron: hour 25 is outside 0-23
      schedule.yml:12:11  pipelines[1].note: "two\\nlines" contains a line end
          Write it on one line, in printable characters.
      schedule.yml:13:5  pipelines[2]: expected a mapping, found "just text"
          Write \`key: value\`, one per line."
    `);
  });

  test("a warning alone leaves the schedule usable", () => {
    const { schedule, problems } = check(withPipeline("pipelinewise: {env: {DB_PASSWORD: hunter2}}"));
    expect(problems.map(({ severity }) => severity)).toEqual(["warning"]);
    expect(schedule?.pipelinewise.env).toEqual({ DB_PASSWORD: "hunter2" });
  });
});

describe("notes", () => {
  test("may hold any printable text, trimmed; an empty one is none", () => {
    const note = `Zürich → 東京 100 % "quoted" \\n $HOME 👩‍👩‍👧`;
    const noteOf = (value: string) =>
      check(withPipeline(`  - {tap: a, target: g, cron: "@daily", note: ${JSON.stringify(value)}}`)).schedule
        ?.pipelines[1]?.note;
    expect(noteOf(` ${note} `)).toBe(note);
    expect(noteOf(" ")).toBeUndefined();
  });

  test.each([
    ["a line end", '"a\\nb"'],
    ["an escape", '"a\\e[2Jb"'],
    ["a C1 control", '"a\\x9bb"'],
    ["a line separator", '"a\\u2028b"'],
    ["half a character", '"a\\ud800b"'],
    ["a carriage return as crontab -l shows it", "'a\\r'"],
    ["more than 200 characters", "x".repeat(201)],
  ])("are refused with %s", (_, note) => {
    const text = withPipeline(`  - {tap: a, target: g, cron: "@daily", note: ${note}}`);
    expect(check(text).problems.map(({ path }) => path)).toEqual(["pipelines[1].note"]);
  });
});

test("a zone is spelt as the file has it, and one zone is spelt one way", () => {
  const text = `timezone: Asia/Kolkata
pipelines:
  - {tap: a, target: t, cron: "0 5 * * *"}
  - {tap: b, target: t, cron: "0 5 * * *", timezone: Europe/Kyiv}
  - {tap: c, target: t, cron: "0 5 * * *", timezone: Europe/Kiev}
`;
  const { schedule } = parseSchedule(text, { file: "schedule.yml", path: "/schedule.yml", bytes: Buffer.from(text) });
  expect(schedule?.pipelines.map(({ timezone }) => timezone)).toEqual(["Asia/Kolkata", "Europe/Kyiv", "Europe/Kyiv"]);
});

describe("what other schedulers need", () => {
  const CRONICLE = `cronicle: {url: 'http://cron:3012/', key: '\${file:~/.secrets/cronicle}', target: etl1}\n`;

  test("is taken with its defaults, addresses without their last slash", () => {
    expect(check(withPipeline(`airflow: {dags: /opt/airflow/dags}\n${CRONICLE}`)).schedule).toMatchObject({
      airflow: { dags: "/opt/airflow/dags" },
      cronicle: {
        urls: ["http://cron:3012"],
        key: `\${file:~/.secrets/cronicle}`,
        category: "pipelinewise",
        target: "etl1",
      },
    });
    const several = check(
      withPipeline(
        `airflow: {}\ncronicle: {url: ['https://a/cronicle/', 'http://b:3012'], key: '\${env:KEY}', category: ETL jobs, target: all.grp}\n`,
      ),
    );
    expect(several.schedule).toMatchObject({
      airflow: {},
      cronicle: { urls: ["https://a/cronicle", "http://b:3012"], category: "ETL jobs", target: "all.grp" },
    });
  });

  test("may be left out", () => {
    const { schedule } = check(withPipeline(""));
    expect([schedule?.airflow, schedule?.cronicle]).toEqual([undefined, undefined]);
  });

  test.each([
    [
      "cronicle: {}",
      [
        "Add `url: http://HOST:3012`",
        'file:PATH}"`, the file that contains the API key.',
        "Add `target: HOST`, the server or server group",
      ],
    ],
    ["cronicle: {urls: http://x}", ['unknown key "urls"; did you mean "url"?']],
    ["airflow: {dag: /x}", ['unknown key "dag"; did you mean "dags"?']],
    ["airflow: {dags: $AIRFLOW_HOME/dags}", ["variables are not expanded here"]],
    [`cronicle: {url: cron:3012, key: '\${env:K}', target: t}`, ['"cron:3012" is not an http or https URL']],
    [`cronicle: {url: cron, key: '\${env:K}', target: t}`, ['"cron" is not a URL', "http://HOST:3012"]],
    [
      `cronicle: {url: 'http://x:3012/?a=b', key: '\${env:K}', target: t}`,
      ["contains more than the server's base URL"],
    ],
    [`cronicle: {url: http://x, key: '\${env:K}', target: a b}`, ['"a b" is not a server or group name']],
    [`cronicle: {url: http://x, key: '\${env:K}', target: t, category: ''}`, ["the name is empty"]],
    [`cronicle: {url: [], key: '\${env:K}', target: t}`, ["the list is empty"]],
    [`cronicle: {url: http://x, key: 'k\${env:K}', target: t}`, ["secrets are not allowed in the schedule file"]],
  ])("%s", (lines, messages) => {
    const shown = problems(withPipeline(`${lines}\n`));
    for (const message of messages) expect(shown).toContain(message);
  });

  test("no secret is shown that stands where none should", () => {
    const shown = problems(
      withPipeline("cronicle: {url: 'http://me:hunter2@x:3012', key: 5f4dcc3b5aa765d61d83, target: t}\n"),
    );
    expect(shown).toContain('"http://…@x:3012" contains a user name or password');
    expect(shown).toContain(`Write \${file:PATH} for a file of mode 0600 that contains it`);
    expect(shown).not.toMatch(/hunter2|5f4dcc/);
  });
});
