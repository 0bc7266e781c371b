import { expect, test } from "vitest";
import { parseSchedule } from "../../src/schedule/parse.ts";
import { renderProblem } from "../../src/schedule/problem.ts";

/** A file with one sound pipeline and these lines more. */
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
  ["deep nesting", `pipelines: ${"[".repeat(1000)}\n`],
];

/** Lines below a sound pipeline. */
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
  "  - {tap: orders, target: dwh, cron: '@hourly'}",
  "  - {tap: orders, target: dwh, cron: '@hourly', id: late}",
  "  - {tap: b, target: g, cron: '@hourly', id: x}\n  - {tap: b, target: g, cron: '@daily', id: x}",
  "  - {tap: b, target: g, cron: '@hourly', id: X}",
  '  - {tap: "a\\u001b[2J", target: -g, cron: "@hourly"}',
  "pipelinewise: docker",
  "pipelinewise: {command: docker run, config_dir: $HOME/pw, env_file: ~root/env}",
  "pipelinewise: {command: [], env: [A=1]}",
  "pipelinewise: {command: [docker, 2], config_dir: ~}",
  "pipelinewise: {command: '', config_dir: '', env_file: ' '}",
  "pipelinewise: {env: {PORT: 1, 1ST: a, A-B: c, PIPELINEWISE_CONFIG_DIRECTORY: /x}}",
  `pipelinewise: {env: {A: '\${foo:x}', B: '\${HOME}', C: 'x\${env:Y', D: '\${file:~x/y}', E: '\${env:1}'}}`,
  `pipelinewise: {env: {DB_PASSWORD: hunter2, API_TOKEN: '\${file:/run/t}', TOKEN_URL: x}}`,
  "defaults: {timeout: 6h}\nlimits: {}\nalerts: []",
  "timezone: Mars/Olympus",
];

/** The file, and what is said of it. */
function exhibit(text: string): string {
  const { schedule, problems } = parseSchedule(text, {
    file: "schedule.yml",
    path: "/schedule.yml",
    bytes: Buffer.from(text),
  });
  const shown = text.length > 300 ? `${text.slice(0, 60)} … (${text.length} characters)\n` : text;
  const printable = shown.replace(/[\0\r]/g, (character) => (character === "\r" ? "\\r" : "\\0"));
  return `${printable.trimEnd()}\n${"-".repeat(40)}\n${problems.map(renderProblem).join("")}${schedule === undefined ? "" : "(usable)\n"}`;
}

test("each kind of bad file is told as the gallery beside this test shows", async () => {
  const parts = [
    ...FILES.map(([title, text]) => `# ${title}\n\n${exhibit(text)}`),
    ...LINES.map((lines) => `# below a sound pipeline\n\n${exhibit(withPipeline(lines))}`),
  ];
  await expect(parts.join(`\n${"=".repeat(100)}\n`)).toMatchFileSnapshot("bad-files.txt");
});
