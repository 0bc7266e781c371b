import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { tempDirectory } from "../support/host.ts";

/** 20 pipelines at every minute of a year: more output than any pipe buffers. */
const YEAR = "--from 2026-01-01 --to 2027-01-01";

describe.skipIf(!existsSync("dist/main.cjs"))("the built program, if the reader of its output ends early", () => {
  test.each([
    ["a table", YEAR, /^Runs from /],
    ["blocks", `${YEAR} --by pipeline`, /^Runs from /],
    ["JSON", `${YEAR} --json`, /^\{"runs":\[$/],
  ])("ends with exit code 0 and without a message: %s", (_, words, first) => {
    const home = tempDirectory();
    const pipelines = Array.from({ length: 20 }, (_, index) => `  - {tap: t${index}, target: dwh, cron: "* * * * *"}`);
    writeFileSync(join(home, "schedule.yml"), `pipelines:\n${pipelines.join("\n")}\n`);
    const script = `("$0" "$1" preview ${words}; echo $? > code) | head -1`;
    const { stdout, stderr } = spawnSync(
      "sh",
      ["-c", script, process.execPath, resolve("bin/pipelinewise-sched.cjs")],
      {
        cwd: home,
        env: { HOME: home, PATH: "/usr/bin:/bin" },
        encoding: "utf8",
      },
    );
    expect(stderr).toBe("");
    expect(stdout.trimEnd()).toMatch(first);
    expect(readFileSync(join(home, "code"), "utf8")).toBe("0\n");
  });
});
