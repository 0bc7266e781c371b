import { expect, test } from "vitest";
import { renderDiagnostic } from "../../src/schedule/diagnostic.ts";
import { parseSchedule } from "../../src/schedule/parse.ts";

/** A file with one valid pipeline, followed by these lines. */
const withPipeline = (lines: string): string =>
  `pipelines:\n  - {tap: orders, target: dwh, cron: "0 * * * *"}\n${lines}`;

const FILES: readonly (readonly [string, string])[] = [
  ["an empty file", ""],
  ["a file of comments", "# nothing yet\n"],
  ["a bare document start", "---\n"],
  ["a list", "- tap: a\n"],
  ["no pipelines", "name: x\n"],
  ["an empty list of pipelines", "pipelines: []\n"],
  ["pipelines as a mapping", "pipelines: {orders: {target: dwh}}\n"],
  ["two documents", "pipelines: []\n---\npipelines: []\n"],
  ["a tab", "pipelines:\n\t- tap: a\n"],
  ["crons without quotes", "pipelines:\n  - tap: a\n    cron: */5 * * * *\n  - tap: b\n    cron: @daily # now\n"],
  ["a cron without quotes in a list", "pipelines: [{tap: a, cron: [0 1 * * *, * * * * *]}]\n"],
  ["a quote left open", "pipelines:\n  - tap: 'a\n"],
  ["a bracket left open", "pipelines: [{tap: a\nname: x\n"],
  ["a colon in a text", "pipelines:\n  - note: every day: at noon\n"],
  ["a wrong indent", "pipelines:\n  - tap: a\n   target: b\n"],
  ["a tag", withPipeline("name: !secret x\n")],
  ["a NUL character", "pipelines:\n  - tap: a\0b\n"],
  ["a lone carriage return", "pipelines:\r  - tap: a\r"],
  ["the same key twice", withPipeline("pipelines: []\n")],
  ["a list for a key", withPipeline("? [a]\n: b\n")],
  [
    "settings of Airflow",
    `airflow: {default_args: {Retries: 2, execution_timeout: 60, dagrun_timeout: 60, pool: [a]}, tags: [""], outlet: true}
pipelines: [{tap: a, target: b, cron: "@daily", airflow: {dags: /x, outlets: 1}}]
`,
  ],
  ["deep nesting", `pipelines: ${"[".repeat(1000)}\n`],
];

/** Lines below a valid pipeline. */
const LINES: readonly string[] = [
  "  - {tap: null, target: 1.5, cron: true}",
  "  - {tap: [a], target: {b: c}, cron: {}}",
  "  - {tap: a, target: g, cron: []}",
  "  - {tap: a, target: g, cron: 2026-01-01}",
  "  - {tap: a, target: g, cron: @hourly, extra_log: yes}",
  "  - {tap: a, target: g, cron: '@hourly', extra_log: yes, note: 5, id: 7, command: 1}",
  "  - {tap: a, target: g, cron: '@hourly', command: sync_table, tables: x}",
  "  - {tap: a, target: g, cron: '@hourly', command: sync_tables, tables: [a b, 'x;y', '-z']}",
  "  - {tap: a, target: g, cron: '@hourly', tables: [x], start_value: '1'}",
  "  - {tap: a, target: g, cron: '@hourly', command: partial_sync_table, start_value: '$(id)'}",
  "  - tap: a\n    target: g\n    cron: |\n      0 1 * * *",
  "  - tap: a\n    target: g\n    cron: >\n      @daily",
  "  - tap: a\n    target: g\n    cron: |\n      0 1 * * *\n      30 2 * * *",
  "  - {tap: a, target: g, cron: '0\u00a01 * * *\u00a0'}",
  "  - {tap: a, target: g, cron: [0 1 * * *\u200b, '\ufeff@daily', '\u2003']}",
  "  - {tap: orders, target: dwh, cron: '@hourly'}",
  "retention: 0",
  "retention: {logs: 0d, history: 3651d}",
  "retention: {logs: 23h, history: 400, log: 30d}",
  "retention: {log_size: 0}",
  "retention: {log_size: 0M}",
  "retention: {log_size: 100}",
  "retention: {log_size: 100MB}",
  "retention: {log_size: 1.5G}",
  "  - {tap: a, target: g, cron: '@hourly', args: --extra_log, running_longer_than: 3}",
  "  - {tap: a, target: g, cron: '@hourly', args: [--debug, '', 5]}",
  "  - {tap: a, target: g, cron: '@hourly', args: [--debug, --tap=b]}",
  "  - {tap: a, target: g, cron: '@hourly', args: [--targe, h]}",
  "  - {tap: a, target: g, cron: '@hourly', args: [stop_tap]}",
  "  - {tap: orders, target: dwh, cron: '@hourly', id: late}",
  "  - {tap: b, target: g, cron: '@hourly', id: x}\n  - {tap: b, target: g, cron: '@daily', id: x}",
  "  - {tap: b, target: g, cron: '@hourly', id: X}",
  '  - {tap: "a\\u001b[2J", target: -g, cron: "@hourly"}',
  "pipelinewise: docker",
  "pipelinewise: {command: docker run, config_dir: $HOME/pw, env_file: ~root/env}",
  "pipelinewise: {command: [], env: [A=1]}",
  "pipelinewise: {command: [docker, 2], config_dir: ~}",
  "pipelinewise: {command: '', config_dir: '', env_file: ' '}",
  "pipelinewise: {command: [docker, --context, x, run, --name, etl, -itd, image]}",
  "pipelinewise: {command: [podman, run, --name=etl, --detach, image, -d]}",
  "pipelinewise: {command: [docker, compose, run, --name, x, etl]}",
  "pipelinewise: {env: {PORT: 1, 1ST: a, A-B: c, PIPELINEWISE_CONFIG_DIRECTORY: /x}}",
  `pipelinewise: {env: {A: '\${foo:x}', B: '\${HOME}', C: 'x\${env:Y', D: '\${file:~x/y}', E: '\${env:1}'}}`,
  `pipelinewise: {env: {DB_PASSWORD: hunter2, API_TOKEN: '\${file:/run/t}', TOKEN_URL: x}}`,
  "limit: {}\nalerts: []",
  "alerts: off",
  `alerts: [{when: ["skipped: 2"], slack: "\${env:HOOK}"}]`,
  "  - {tap: a, target: g, cron: '@hourly', alerts: false}\n  - {tap: b, target: g, cron: '@hourly', alerts: 'false'}",
  "defaults: {timeout: 0, cron: '@daily'}",
  "defaults: {timeout: -5m}",
  "defaults: {timeout: 5 minutes}",
  "defaults: {timeout: 1h30}",
  "defaults: {timeout: 0h}",
  "defaults: {timeout: 400d}",
  "defaults: {timeout: [1h]}",
  "defaults: {on_overlap: wait}",
  "defaults: {on_overlap: {wait: 0}}",
  "defaults: {on_overlap: {}}",
  "defaults: {on_overlap: {wait: 5m, replace: all}}",
  "defaults: {on_overlap: [skip]}",
  "defaults: {on_overlap: true}",
  "defaults: {retries: 2}",
  "defaults: {retries: {delay: 1m, tries: 2}}",
  "defaults: {retries: {max: -1, delay: 5 minutes, backoff: 0.5, max_delay: 400d, on: []}}",
  "defaults: {retries: {max: 1.5, backoff: twice, on: [failed, Failed, deadlock detected, {output: ''}, {text: x}, 5]}}",
  "defaults: {retries: {max: 2, delay: 2h, max_delay: 1h}}",
  "limits: {host: 0, target: {dwh: 1.5}, source: {orders-db: two}, queue: 0m}",
  "limits: {hosts: 1, target: {DWH: 2, 'a b': 1}, source: {Orders: 1, orders-db: -1}, queue: 30}",
  "limits: 4",
  "retention: 7d",
  "metrics: /srv/pipelines.prom",
  "  - {tap: a, target: dwh, cron: '@hourly', source: order-db}\nlimits: {source: {orders-db: 1}}",
  "  - {tap: a, target: dwh, cron: '@hourly', source: Orders}\n  - {tap: b, target: dwh, cron: '@hourly', source: x}",
  "defaults: {source: x}",
  "  - {tap: a, target: g, cron: '@hourly', enabled: no}",
  "defaults: {enabled: false}",
  "defaults: {hooks: {before: dbt run, after: [], after_success: 5, on_failure: [page]}}",
  "defaults: {hooks: [dbt]}",
  "defaults: {hooks: {before: {command: dbt, timeout: 0s}, after: {timeout: 5m}, after_failure: [page, 5, '']}}",
  "  - {tap: a, target: g}",
  "  - {tap: a, target: g, after: {tap: orders, target: g}}",
  "  - {tap: a, target: g, after: [{tap: a, target: g}, {tap: orders, target: dwh}]}",
  `  - {tap: a, target: g, after: {tap: c, target: g}}
  - {tap: b, target: g, after: {tap: a, target: g}}
  - {tap: c, target: g, cron: '@daily', after: [{tap: b, target: g}]}`,
  "  - {tap: a, target: g, after: {tap: orders, target: dwh}, fresh_within: 2h}",
  "  - {tap: a, target: g, cron: '@daily', fresh_within: soon}",
  "  - {tap: a, target: g, after: {tap: orders, target: dwh}, catch_up: 12h}",
  "  - {tap: a, target: g, cron: '@daily', catch_up: 59m}\n  - {tap: b, target: g, cron: '@daily', catch_up: 32d}",
  "defaults: {catch_up: 0}",
  "  - {tap: a, target: g, after: orders}\n  - {tap: b, target: g, after: []}\n  - {tap: c, target: g, after: {tap: orders}}",
  "  - {tap: a, target: g, cron: '@daily', command: sync_tables}\n  - {tap: b, target: g, after: {tap: a, target: g}}",
  "  - {tap: a, target: g, after: [orders, [prices]]}\n  - {tap: b, target: g, after: [[orders]], hooks: {after: 5}}",
  "  - {tap: a, target: g, after: orders and prices}",
  "  - {tap: a, target: g, cron: '@daily', retry: 2, retries: [2]}",
  "  - {tap: a, target: g, cron: '@daily', schedule: '@daily', retries: twice, hooks: dbt run}",
  "defaults: {retries: {max: 1, on: failed}, hooks: {after: dbt}}",
  "limits: {host: {a: 1}, target: 2, source: orders-db}",
  "timezone: Mars/Olympus",
  "metrics: {file: schedule.yml}",
];

/** A file and its diagnostics. */
function exhibit(text: string): string {
  const { schedule, diagnostics } = parseSchedule(text, {
    file: "schedule.yml",
    path: "/schedule.yml",
    bytes: Buffer.from(text),
  });
  const shown = text.length > 300 ? `${text.slice(0, 60)} … (${text.length} characters)\n` : text;
  const printable = shown.replace(/[\0\r]/g, (character) => (character === "\r" ? "\\r" : "\\0"));
  return `${printable.trimEnd()}\n${"-".repeat(40)}\n${diagnostics.map(renderDiagnostic).join("")}${schedule === undefined ? "" : "(usable)\n"}`;
}

test("the diagnostics of each bad file are those in bad-files.txt", async () => {
  const parts = [
    ...FILES.map(([title, text]) => `# ${title}\n\n${exhibit(text)}`),
    ...LINES.map((lines) => `# below a valid pipeline\n\n${exhibit(withPipeline(lines))}`),
  ];
  await expect(parts.join(`\n${"=".repeat(100)}\n`)).toMatchFileSnapshot("bad-files.txt");
});
