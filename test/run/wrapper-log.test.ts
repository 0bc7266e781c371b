import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { runMain } from "../../src/cli/run-command.ts";
import { wrapperLogFile, wrapperLogWarningFile } from "../../src/storage/paths.ts";
import { PAIR_WORDS, sandbox } from "../support/sandbox.ts";

/** A sandbox whose wrapper log cannot be opened. */
function withoutLog(block: (log: string) => void) {
  const clock = { now: new Date("2026-11-23T12:00:00Z") };
  const box = sandbox("exit 0", { now: () => clock.now });
  box.install();
  const log = wrapperLogFile(box.paths, box.host.name);
  block(log);
  return { ...box, clock, log, warnings: () => box.host.err().match(/^.*Shown once a day\.\)$/gm) ?? [] };
}

describe.each([
  { what: "a directory", block: (log: string) => mkdirSync(log), why: "it is a directory" },
  {
    what: "a symbolic link",
    block: (log: string) => {
      writeFileSync(`${log}.target`, "");
      symlinkSync(`${log}.target`, log);
    },
    why: "it is a symbolic link, or links run in a circle",
  },
])("with $what in place of the wrapper log", ({ block, why }) => {
  test("a run goes on without it, and warns once a day", async () => {
    const box = withoutLog(block);
    expect([await runMain(PAIR_WORDS, box.host), await runMain(PAIR_WORDS, box.host)]).toEqual([0, 0]);
    expect(box.warnings()).toEqual([
      `pipelinewise-sched: cannot write ${box.log}: ${why}. Runs on testhost have no wrapper log until you repair this. (Shown once a day.)`,
    ]);
    box.clock.now = new Date("2026-11-24T12:00:00Z");
    await runMain(PAIR_WORDS, box.host);
    expect(box.warnings()).toHaveLength(2);
    expect((await box.records()).map(({ outcome }) => outcome)).toEqual(["succeeded", "succeeded", "succeeded"]);
  });
});

test("if the day of the warning cannot be stored either, each run warns and goes on", async () => {
  const box = withoutLog((log) => mkdirSync(log));
  mkdirSync(wrapperLogWarningFile(box.paths, box.host.name));
  expect([await runMain(PAIR_WORDS, box.host), await runMain(PAIR_WORDS, box.host)]).toEqual([0, 0]);
  expect(box.warnings()).toHaveLength(2);
});
