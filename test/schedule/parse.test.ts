import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { stringify } from "yaml";
import { renderDiagnostic } from "../../src/schedule/diagnostic.ts";
import { type CheckedSchedule, parseSchedule } from "../../src/schedule/parse.ts";

const check = (text: string): CheckedSchedule =>
  parseSchedule(text, { file: "schedule.yml", path: "/etc/schedule.yml", bytes: Buffer.from("") });

/** The diagnostics as `validate` shows them. */
const show = (text: string): string => check(text).diagnostics.map(renderDiagnostic).join("").trimEnd();

/** A file with one valid pipeline, followed by these lines. */
const withPipeline = (lines: string): string =>
  `pipelines:\n  - {tap: orders, target: dwh, cron: "0 * * * *"}\n${lines}`;

describe("a valid file", () => {
  test("gets every default", () => {
    const { schedule, diagnostics } = check("pipelines:\n  - {tap: orders, target: dwh, cron: '*/5 * * * *'}\n");
    expect(diagnostics).toEqual([]);
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
      position: { line: 2, column: 5 },
    });
  });

  test("can set every key", () => {
    const { schedule, diagnostics } = check(`
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
    expect(diagnostics).toEqual([]);
    expect(schedule).toMatchObject({
      name: "warehouse",
      pipelinewise: {
        command: ["docker", "run", "--rm", "pipelinewise"],
        configDir: "../conf",
        env: { REGION: "eu", DSN: `pg://u:\${file:~/.pw}@\${env:DB_HOST}` },
        envFile: "/etc/pipelinewise.env",
      },
    });
    expect(schedule?.pipelines.map(({ crons, position: place, policies, ...pipeline }) => pipeline)).toEqual([
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

  test("can limit how many pipelines run at once", () => {
    const { schedule, diagnostics } = check(
      "limits: {host: 4, target: {g: 2}, source: {orders-db: 1}, queue: 10m}\npipelines: [{tap: a, target: g, cron: '@daily', source: orders-db}]\n",
    );
    expect(diagnostics).toEqual([]);
    expect(schedule?.limits).toEqual({ host: 4, target: { g: 2 }, source: { "orders-db": 1 }, queueMs: 600_000 });
    expect(schedule?.pipelines[0]?.source).toBe("orders-db");
    expect(check(`limits: {host: 1}\n${withPipeline("")}`).schedule?.limits).toEqual({
      host: 1,
      target: {},
      source: {},
      queueMs: 1_800_000,
    });
  });

  test.each([
    ["Windows line ends", withPipeline("").replaceAll("\n", "\r\n")],
    ["a directive and a document start", `%YAML 1.1\n---\n${withPipeline("")}`],
    ["JSON", '{"pipelines": [{"tap": "orders", "target": "dwh", "cron": "0 * * * *"}]}'],
  ])("can be written with %s", (_, text) => {
    expect(check(text).schedule?.pipelines).toHaveLength(1);
  });

  test("has the same meaning in block style, flow style and JSON", () => {
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
      const { schedule, diagnostics } = check(text);
      expect(diagnostics).toEqual([]);
      return schedule?.pipelines.map(({ position: place, ...pipeline }) => pipeline);
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
  test("insert their values; the pipeline's own keys win over merged ones, and earlier merges over later ones", () => {
    const { schedule, diagnostics } = check(`
pipelines:
  - &nightly {tap: a, target: g, cron: &night 0 3 * * *, note: by night}
  - &quiet {<<: *nightly, tap: b, note: quiet}
  - {<<: [*quiet, *nightly], tap: c}
  - {tap: d, target: g, cron: [*night, 0 4 * * *]}
`);
    expect(diagnostics).toEqual([]);
    expect(schedule?.pipelines.map(({ tap, note, crons }) => [tap, note, crons.map(({ text }) => text)])).toEqual([
      ["a", "by night", ["0 3 * * *"]],
      ["b", "quiet", ["0 3 * * *"]],
      ["c", "quiet", ["0 3 * * *"]],
      ["d", undefined, ["0 3 * * *", "0 4 * * *"]],
    ]);
  });

  test("report a problem in an anchored value once, at its position, however often it is used", () => {
    expect(
      show("pipelines:\n  - &a {tap: a, target: g, cron: 75 * * * *}\n  - {<<: *a, tap: b}\n  - {<<: *a, tap: c}\n"),
    ).toBe("schedule.yml:2:34  pipelines[0].cron: minute 75 is outside 0-59");
  });

  test("let a thousand pipelines use one anchor", () => {
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
      "a merge of something other than a mapping",
      '  - {<<: x, tap: a, target: g, cron: "@daily"}\n',
      '3:10  pipelines[1]["<<"]: << can only merge mappings',
    ],
  ])("are rejected if the file contains %s", (_, lines, problem) => {
    expect(show(withPipeline(lines)).split("\n")[0]).toBe(`schedule.yml:${problem}`);
  });

  test("report a broken alias in a merge once", () => {
    expect(check(withPipeline("  - {<<: *none, tap: a, target: g, cron: '@daily'}\n")).diagnostics).toHaveLength(1);
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
  ])("are rejected if they expand to too many values: %s", (_, text) => {
    expect(show(text)).toContain("more than 200000 values, with aliases expanded");
  });

  test("do not loop forever on merges of merges", () => {
    expect(show(levels((before) => `{<<: [${Array(10).fill(`*${before}`).join(", ")}]}`))).toContain("unknown key");
  });
});

describe("the diagnostics of a file", () => {
  test("are all shown, in the order of the file", () => {
    expect(
      show(`
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
          Allowed keys: name, timezone, pipelinewise, defaults, limits, retention, metrics, alerts, airflow, cronicle, systemd, pipelines.
      schedule.yml:6:10  pipelines[0].tap: expected a string, found the number 123
          Put it in quotes: "123".
      schedule.yml:7:13  pipelines[0].target: "red shift" is not a safe word
          PipelineWise puts ids unquoted into shell commands; use 1 to 128 of A-Z a-z 0-9 _ . - and begin with a letter, digit or _.
      schedule.yml:8:26  pipelines[0].cron[1]: minute 75 is outside 0-59
      schedule.yml:8:39  pipelines[0].cron[2]: expected a string, found the number 5
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

  test("do not make the schedule unusable if they are only warnings", () => {
    const { schedule, diagnostics } = check(withPipeline("pipelinewise: {env: {DB_PASSWORD: hunter2}}"));
    expect(diagnostics.map(({ severity }) => severity)).toEqual(["warning"]);
    expect(schedule?.pipelinewise.env).toEqual({ DB_PASSWORD: "hunter2" });
  });
});

describe("a note", () => {
  test("can contain any printable text, is trimmed, and is absent if it is empty", () => {
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
  ])("is rejected if it contains %s", (_, note) => {
    const text = withPipeline(`  - {tap: a, target: g, cron: "@daily", note: ${note}}`);
    expect(check(text).diagnostics.map(({ path }) => path)).toEqual(["pipelines[1].note"]);
  });
});

test("all aliases of a zone get the spelling that the file uses first", () => {
  const text = `timezone: Asia/Kolkata
pipelines:
  - {tap: a, target: t, cron: "0 5 * * *"}
  - {tap: b, target: t, cron: "0 5 * * *", timezone: Europe/Kyiv}
  - {tap: c, target: t, cron: "0 5 * * *", timezone: Europe/Kiev}
`;
  const { schedule } = parseSchedule(text, { file: "schedule.yml", path: "/schedule.yml", bytes: Buffer.from(text) });
  expect(schedule?.pipelines.map(({ timezone }) => timezone)).toEqual(["Asia/Kolkata", "Europe/Kyiv", "Europe/Kyiv"]);
});

test("args follow the options of an entry's own keys", () => {
  const { schedule, diagnostics } = check(`
pipelines:
  - {tap: a, target: g, cron: "@daily", command: sync_tables, tables: [x.y], extra_log: true, args: [--profiler, --log, /tmp/a b]}
`);
  expect(diagnostics).toEqual([]);
  expect(schedule?.pipelines[0]?.args).toEqual([
    ...["--tables", "x.y", "--extra_log", "--profiler", "--log", "/tmp/a b"],
  ]);
});

test("a pipeline's run policies override the defaults", () => {
  const { schedule } = check(`
defaults: {timeout: 6h, running_longer_than: 3h}
pipelines:
  - {tap: orders, target: dwh, cron: "0 * * * *"}
  - {tap: invoices, target: dwh, cron: "0 * * * *", timeout: 90s}
`);
  expect(schedule?.pipelines.map(({ policies }) => policies?.runningLongerThanMs)).toEqual([10_800_000, 10_800_000]);
  expect(schedule?.pipelines.map(({ policies }) => policies?.timeoutMs)).toEqual([6 * 3_600_000, 90_000]);
});

test.each([
  ["fresh_within", "freshWithinMs"],
  ["catch_up", "catchUpMs"],
] as const)("%s of `defaults` applies to entries with times of their own", (key, policy) => {
  const { schedule } = check(`
defaults: {${key}: 2h}
pipelines:
  - {tap: orders, target: dwh, cron: "0 * * * *"}
  - {tap: invoices, target: dwh, cron: "0 0 * * *", ${key}: 25h}
  - {tap: reports, target: dwh, after: {tap: orders, target: dwh}}
`);
  expect(schedule?.pipelines.map(({ policies }) => policies?.[policy])).toEqual([7_200_000, 90_000_000, undefined]);
});

test("only `enabled: false` is a policy", () => {
  const { schedule } = check(`
pipelines:
  - {tap: orders, target: dwh, cron: "0 * * * *", enabled: true}
  - {tap: invoices, target: dwh, cron: "0 * * * *", enabled: false}
`);
  expect(schedule?.pipelines.map(({ policies }) => policies)).toEqual([undefined, { enabled: false }]);
});

test.each([
  ["{max: 2}", { max: 2, delayMs: 60_000, backoff: 2, maxDelayMs: 1_800_000, on: ["failed", "timed-out"] }],
  [
    "{max: 3, delay: 2h, backoff: 1.5, on: [timed-out, {output: deadlock detected}]}",
    {
      ...{ max: 3, delayMs: 7_200_000, backoff: 1.5, maxDelayMs: 7_200_000 },
      on: ["timed-out", { output: "deadlock detected" }],
    },
  ],
  [
    "{max: 1, max_delay: 30s}",
    { max: 1, delayMs: 30_000, backoff: 2, maxDelayMs: 30_000, on: ["failed", "timed-out"] },
  ],
  ["{max: 0}", undefined],
])("retries: %s", (written, policy) => {
  const { schedule, diagnostics } = check(`defaults: {retries: {max: 9}}
pipelines: [{tap: orders, target: dwh, cron: "0 * * * *", retries: ${written}}]
`);
  expect(diagnostics).toEqual([]);
  expect(schedule?.pipelines[0]?.policies?.retries).toEqual(policy);
});

test("a pipeline's hooks replace those of the defaults", () => {
  const { schedule } = check(`
defaults: {hooks: {before: [check-source], after_failure: {command: [page, "-v"], timeout: 30s}}}
pipelines:
  - {tap: orders, target: dwh, cron: "0 * * * *"}
  - {tap: invoices, target: dwh, cron: "0 * * * *", hooks: {after_success: [dbt, run]}}
`);
  expect(schedule?.pipelines.map(({ policies }) => policies?.hooks)).toEqual([
    {
      before: { command: ["check-source"], timeoutMs: 600_000 },
      afterFailure: { command: ["page", "-v"], timeoutMs: 30_000 },
    },
    { afterSuccess: { command: ["dbt", "run"], timeoutMs: 600_000 } },
  ]);
});

test("a sync waits for an hour if another run is running, unless the file says otherwise", () => {
  const overlapOf = (keys: string, defaults = "{}") =>
    check(`
defaults: ${defaults}
pipelines: [{tap: a, target: g, cron: "@daily", ${keys}}]
`).schedule?.pipelines[0]?.policies?.onOverlap;
  const PARTIAL = "command: partial_sync_table, table: x, column: y, start_value: '1'";
  for (const keys of ["command: fast_sync", "command: sync_tables", PARTIAL]) {
    expect(overlapOf(keys)).toEqual({ waitMs: 3_600_000 });
    expect(overlapOf(`${keys}, on_overlap: skip`)).toBeUndefined();
    expect(overlapOf(keys, "{on_overlap: skip}")).toBeUndefined();
    expect(overlapOf(keys, "{on_overlap: {wait: 5m}}")).toEqual({ waitMs: 300_000 });
  }
  expect(overlapOf("command: run_tap")).toBeUndefined();
  expect(overlapOf("on_overlap: replace", "{on_overlap: {wait: 5m}}")).toBe("replace");
});

test("an entry may run after others, also without times, and after its own pipeline unless it replicates it", () => {
  const { schedule, diagnostics } = check(`
pipelines:
  - {tap: orders, target: dwh, cron: "0 * * * *"}
  - {tap: marts, target: dwh, after: {tap: orders, target: dwh}}
  - {tap: orders, target: dwh, command: run_data_diff_checks, after: [{tap: orders, target: dwh}]}
`);
  expect(diagnostics).toEqual([]);
  const orders = { tap: "orders", target: "dwh" };
  expect(schedule?.pipelines.map(({ crons, after }) => [crons.length, after])).toEqual([
    [1, undefined],
    [0, [orders]],
    [0, [orders]],
  ]);
});

describe("the settings of other schedulers", () => {
  const CRONICLE = `cronicle: {url: 'http://cron:3012/', key: '\${file:~/.secrets/cronicle}', target: etl1}\n`;

  test("a pipeline's settings for Airflow override the schedule's, and its tags are added", () => {
    const own = "airflow: {default_args: {retries: 3}, tags: [b], outlets: false}";
    const { schedule } = check(
      `airflow: {default_args: {retries: 1, owner: data}, tags: [a], outlets: true, paused_upon_creation: true}
pipelines:
  - {tap: a, target: b, cron: "@daily", ${own}}
  - {tap: c, target: b, cron: "@daily"}
`,
    );
    expect(schedule?.pipelines.map(({ airflow }) => airflow)).toEqual([
      { defaultArgs: { retries: 3, owner: "data" }, tags: ["a", "b"], isPausedUponCreation: true, hasOutlet: false },
      { defaultArgs: { retries: 1, owner: "data" }, tags: ["a"], isPausedUponCreation: true, hasOutlet: true },
    ]);
  });

  test("get their defaults, and URLs lose the slash at their end", () => {
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

  test("are optional", () => {
    const { schedule } = check(withPipeline(""));
    expect([schedule?.airflow, schedule?.cronicle]).toEqual([undefined, undefined]);
  });

  test.each([
    ["cronicle: {}", ["Add `url: http://HOST:3012`", 'file:PATH}"`, the file that contains the API key.']],
    ["systemd: {user: a b}", ['"a b" is not a user name']],
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
  ])("are checked: %s", (lines, messages) => {
    const shown = show(withPipeline(`${lines}\n`));
    for (const message of messages) expect(shown).toContain(message);
  });

  test("are reported without showing a misplaced secret", () => {
    const shown = show(
      withPipeline("cronicle: {url: 'http://me:hunter2@x:3012', key: 5f4dcc3b5aa765d61d83, target: t}\n"),
    );
    expect(shown).toContain('"http://…@x:3012" contains a user name or password');
    expect(shown).toContain(`Write \${file:PATH} for a file of mode 0600 that contains it`);
    expect(shown).not.toMatch(/hunter2|5f4dcc/);
  });
});
