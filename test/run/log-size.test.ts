import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runMain } from "../../src/cli/run-command.ts";
import { DEFAULT_RETENTION } from "../../src/default-retention.ts";
import { shortenLog } from "../../src/run/process/log-size.ts";
import { looseLocks, PAIR_WORDS, sandbox } from "../support/sandbox.ts";

const MEGABYTE = 1024 ** 2;
const NOTE = /^\[pipelinewise-sched: (\d+) bytes were left out here, because the log reached log_size\] *$/;

const logFile = (text = ""): string => {
  const path = join(mkdtempSync(join(tmpdir(), "pws-log-")), "run.log");
  writeFileSync(path, text);
  return path;
};

/** Numbered lines of 10 bytes. */
const lines = (from: number, count: number): string =>
  Array.from({ length: count }, (_, index) => `${String(from + index).padStart(9, "0")}\n`).join("");

/** A log that was shortened: the lines before and after its note, and the number that the note has. */
function parsed(text: string) {
  const all = text.split("\n");
  const notes = all.flatMap((line, index) => (NOTE.test(line) ? [index] : []));
  const [at] = notes;
  if (at === undefined || notes.length !== 1) throw new Error(`${notes.length} notes`);
  return { head: all.slice(0, at), tail: all.slice(at + 1), leftOut: Number(NOTE.exec(all[at] ?? "")?.[1]) };
}

describe("a log that is too large", () => {
  test("keeps its first half and its last quarter, with a note between them", async () => {
    const path = logFile(lines(0, 200_000));
    await shortenLog(path, MEGABYTE);
    const text = readFileSync(path, "utf8");
    const { head, tail, leftOut } = parsed(text);
    expect(text.startsWith(lines(0, 52_428))).toBe(true);
    expect(head.length).toBe(52_429);
    expect(text.endsWith(`\n${lines(173_786, 26_214)}`)).toBe(true);
    expect(tail.length).toBe(26_215);
    expect(leftOut).toBe(2_000_000 - (text.length - 128));
  });

  test("has the sum in its note when it was shortened again and again", async () => {
    const path = logFile();
    let written = 0;
    for (let round = 0; round < 30; round++) {
      appendFileSync(path, lines(written, 20_000));
      written += 20_000;
      await shortenLog(path, MEGABYTE);
      expect(statSync(path).size).toBeLessThanOrEqual(MEGABYTE);
    }
    const text = readFileSync(path, "utf8");
    expect(parsed(text).leftOut).toBe(written * 10 - (text.length - 128));
    expect(text.startsWith(lines(0, 52_428))).toBe(true);
    expect(text.endsWith(lines(written - 20_000, 20_000))).toBe(true);
  });

  test("is cut in the middle of a line that has no end", async () => {
    const path = logFile("x".repeat(3 * MEGABYTE));
    await shortenLog(path, MEGABYTE);
    const { head, tail } = parsed(readFileSync(path, "utf8"));
    expect([head, tail]).toEqual([["x".repeat(MEGABYTE / 2)], ["x".repeat(MEGABYTE / 4)]]);
  });

  test.each([0, 10, MEGABYTE])("stays as it is with %i bytes", async (size) => {
    const path = logFile("x".repeat(size));
    await shortenLog(path, MEGABYTE);
    expect(readFileSync(path, "utf8")).toBe("x".repeat(size));
  });

  test("is not shortened through a symbolic link", async () => {
    const path = logFile(lines(0, 200_000));
    const link = `${path}.link`;
    symlinkSync(path, link);
    await expect(shortenLog(link, MEGABYTE)).rejects.toThrow("ELOOP");
    expect(statSync(path).size).toBe(2_000_000);
  });
});

test("a process that appends while its log is shortened goes on at the new end", async () => {
  const path = logFile();
  const output = openSync(path, "a");
  // It waits for an answer after each block, so that no line falls between the last read and the truncation.
  const script =
    "while read -r count; do seq -f %09.0f $((count * 20000)) $((count * 20000 + 19999)); echo ok >&3; done";
  const child = spawn("sh", ["-c", script], { stdio: ["pipe", output, "inherit", "pipe"] });
  closeSync(output);
  const ended = once(child, "close");
  const answers = child.stdio[3];
  if (answers === null || answers === undefined || !("read" in answers)) throw new Error("no pipe");
  for (let count = 0; count < 20; count++) {
    child.stdin?.write(`${count}\n`);
    await once(answers, "data");
    await shortenLog(path, MEGABYTE);
    expect(statSync(path).size).toBeLessThanOrEqual(MEGABYTE);
  }
  child.stdin?.end();
  await ended;
  const text = readFileSync(path, "utf8");
  expect(text).not.toContain("\0");
  expect(text.startsWith(lines(0, 52_428))).toBe(true);
  expect(text.endsWith(lines(380_000, 20_000))).toBe(true);
});

describe("the log of a run", () => {
  /** Prints 3 MB and then an error. */
  const script = `seq -f %09.0f 0 299999; echo "ERROR: the last line"; exit 3`;
  const retention = { ...DEFAULT_RETENTION, logBytes: MEGABYTE };

  test.each([[["--scheduled"]], [["--scheduled", "--output"]], [[]]])(
    "has its beginning and its end after run %j",
    async (words) => {
      const { host, install, logText } = sandbox(script);
      install(undefined, { retention });
      expect(await runMain([...PAIR_WORDS, ...words], host, { locks: looseLocks() })).toBe(3);
      const text = logText();
      expect(text.length).toBeLessThanOrEqual(MEGABYTE);
      const { head, tail } = parsed(text);
      expect(head[0]).toBe("000000000");
      expect(tail.slice(-3)).toEqual(["000299999", "ERROR: the last line", ""]);
      if (words.length === 1) expect(host.err()).toContain("  | ERROR: the last line\n");
    },
  );

  test("is shortened while the pipeline is running", async () => {
    const { host, install, file } = sandbox(`
      seq -f %09.0f 0 299999
      log=$(ls $HOME/.pipelinewise/.sched/logs/redshift/microserv_1/*.log)
      while [ "$(wc -c < "$log")" -gt ${MEGABYTE} ]; do sleep 0.05; done
      wc -c < "$log" > $HOME/size
      echo "the end"`);
    install(undefined, { retention });
    expect(await runMain([...PAIR_WORDS, "--scheduled"], host, { locks: looseLocks() })).toBe(0);
    expect(Number(readFileSync(file("size"), "utf8"))).toBeLessThanOrEqual(MEGABYTE);
  });

  test("is complete without the key", async () => {
    const { host, install, logText } = sandbox(script);
    install();
    await runMain([...PAIR_WORDS, "--scheduled"], host, { locks: looseLocks() });
    expect(logText()).toBe(`${lines(0, 300_000)}ERROR: the last line\n`);
  });

  test("is complete, and the run succeeds, if the stored limit cannot be read", async () => {
    const { host, install, logText } = sandbox("echo one");
    install(undefined, { retention: { logsMs: 1 } });
    expect(await runMain([...PAIR_WORDS, "--scheduled"], host, { locks: looseLocks() })).toBe(0);
    expect(logText()).toBe("one\n");
  });
});
