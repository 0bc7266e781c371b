import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { tempDirectory, testHost } from "../support/host.ts";

const SEED = 20_261_123;
const COUNT = 2000;

/** Numbers in [0, 1), the same ones each time (mulberry32). */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const FULL = `name: warehouse
timezone: Europe/London
pipelinewise:
  command: [docker, run, --rm, pipelinewise]
  config_dir: ~/.pipelinewise
  env: {REGION: eu, DSN: "pg://\${env:HOST}/\${file:~/.db}"}
pipelines:
  - &base {tap: a, target: g, cron: ["*/5 8-18 * * 1-5", "@daily"], note: "by day", extra_log: true}
  - {<<: *base, tap: b, timezone: Asia/Tokyo}
  - tap: c
    target: g
    command: sync_tables
    tables:
      - public.x
      - public.y
    id: weekly
    cron: >-
      0 3 * * 0
  - {tap: d, target: g, cron: '30 4 1,15 * *', command: partial_sync_table, table: x, column: at, start_value: "1"}
`;

/** Texts that might cause errors in YAML, JavaScript or the schema. */
const PIECES = [
  ..."&*!|>%@`{}[],:#?-\"'~\\\t\n\r\0\u001b\u0085\ufeff\ud83d",
  ...[
    "<<: *base",
    "*base",
    "&base ",
    "- ",
    "? ",
    ": ",
    "\n---\n",
    "\n...\n",
    "%YAML 1.1\n---\n",
    "!!int ",
    "!!binary ",
    "!x ",
  ],
  ...[
    "null",
    "~",
    "true",
    "yes",
    "-.inf",
    ".nan",
    "1e999",
    "0x1F",
    "0o17",
    "123456789012345678901",
    "2026-01-01",
    "1:30",
  ],
  ...["__proto__", "constructor", "toString", "hasOwnProperty", "length", "__proto__: {x: 1}\n", "constructor: x\n"],
  ...[
    "[]",
    "{}",
    "[[[[",
    "{a: {b: {c: ",
    '"\\x9b"',
    '"\\ud800"',
    "${file:",
    `\${env:}`,
    "${",
    "|2\n",
    ">-\n",
    "@reboot",
    "5/15",
  ],
];

type Mutation = (text: string, roll: () => number) => string;

const pick = <T>(list: readonly T[], roll: () => number): T | undefined => list[Math.floor(roll() * list.length)];

const mutateLines =
  (change: (line: string, lines: readonly string[], roll: () => number) => readonly string[]): Mutation =>
  (text, roll) => {
    const lines = text.split("\n");
    const at = Math.floor(roll() * lines.length);
    return lines.toSpliced(at, 1, ...change(lines[at] ?? "", lines, roll)).join("\n");
  };

/** Replaces one word or value by such a text. */
const mutateMatch =
  (pattern: RegExp): Mutation =>
  (text, roll) => {
    const match = pick([...text.matchAll(pattern)], roll);
    if (match === undefined) return text;
    return text.slice(0, match.index) + (pick(PIECES, roll) ?? "") + text.slice(match.index + match[0].length);
  };

const MUTATIONS: readonly Mutation[] = [
  mutateLines(() => []),
  mutateLines((line) => [line, line]),
  mutateLines((line, lines, roll) => [line, pick(lines, roll) ?? ""]),
  mutateLines((line, _, roll) => [" ".repeat(Math.floor(roll() * 6)) + line.trim()]),
  mutateLines((line) => [`\t${line}`]),
  mutateMatch(/[a-z_]+(?=:)/g),
  mutateMatch(/(?<=: )[^\n,}]+/g),
  mutateMatch(/[[\]{},:&*"'-]/g),
  mutateMatch(/\d+/g),
  (text, roll) => text.slice(0, Math.floor(roll() * text.length)),
  (text, roll) => {
    const at = Math.floor(roll() * text.length);
    return text.slice(0, at) + (pick(PIECES, roll) ?? "") + text.slice(at);
  },
  (text, roll) => {
    const at = Math.floor(roll() * text.length);
    return text.slice(0, at) + text.slice(at + 1 + Math.floor(roll() * 4));
  },
];

/** A file after one to four mutations, sometimes with a few bytes of invalid UTF-8. */
function mutated(text: string, roll: () => number): Buffer {
  let changed = text;
  for (let rounds = 1 + Math.floor(roll() * 4); rounds > 0; rounds--)
    changed = pick(MUTATIONS, roll)?.(changed, roll) ?? "";
  const bytes = Buffer.from(changed);
  if (roll() < 0.1 && bytes.length > 0) bytes[Math.floor(roll() * bytes.length)] = Math.floor(roll() * 256);
  return bytes;
}

test(`${COUNT} mutated schedule files give exit code 0 or 65 and problems with positions and messages, never a stack`, async () => {
  const roll = dice(SEED);
  const sources = [FULL, readFileSync("examples/schedule.yml", "utf8")];
  const file = join(tempDirectory(), "schedule.yml");
  const codes = { 0: 0, 65: 0 };
  const quiet = testHost();
  for (let round = 0; round < COUNT; round++) {
    const bytes = mutated(pick(sources, roll) ?? "", roll);
    writeFileSync(file, bytes);
    const written = { out: "", err: "" };
    const host = {
      ...quiet,
      stdout: { write: (text: string) => (written.out += text) },
      stderr: { write: (text: string) => (written.err += text) },
    };
    const code = await main(["validate", file, "--json"], host);
    const told = `round ${round}, seed ${SEED}, base64 ${bytes.toString("base64")}\n${written.err}`;
    expect([0, 65], told).toContain(code);
    expect(written.err, told).toBe("");
    codes[code as 0 | 65]++; // checked above
    const { problems } = JSON.parse(written.out);
    if (code === 65) expect(problems.length, told).toBeGreaterThan(0);
    const lines = bytes.toString().split("\n");
    for (const { line, column, message } of problems) {
      expect(line, told).toBeGreaterThan(0);
      expect(line, told).toBeLessThanOrEqual(lines.length);
      expect(column, told).toBeGreaterThan(0);
      expect(column, told).toBeLessThanOrEqual((lines[line - 1] ?? "").length + 1);
      expect(message, told).toMatch(/\S/);
      expect(message, told).not.toMatch(/[\p{Cc}\p{Cs}]/u);
      expect(message, told).not.toMatch(/undefined|\[object|Invalid input|Error:/);
    }
  }
  // Otherwise the mutations are too harmless or too destructive to prove anything.
  expect(codes[0]).toBeGreaterThan(100);
  expect(codes[65]).toBeGreaterThan(1000);
});
