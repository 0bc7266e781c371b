import { spawnSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { renderDiff } from "../../src/text/diff.ts";
import { tempDirectory } from "../support/host.ts";

const NAMES = { before: "old", after: "new" };
const numbers = (count: number): string => Array.from({ length: count }, (_, index) => `${index + 1}\n`).join("");

test("equal texts have no diff", () => {
  expect(renderDiff("a\n", "a\n", NAMES)).toBe("");
});

test("the diff shows the changes with three lines of context, as `diff -u` does", () => {
  const after = numbers(20).replace("5\n", "five\n").replace("17\n", "").replace("8\n", "8\n8b\n");
  expect(renderDiff(numbers(20), after, NAMES)).toMatchInlineSnapshot(`
    "--- old
    +++ new
    @@ -2,10 +2,11 @@
     2
     3
     4
    -5
    +five
     6
     7
     8
    +8b
     9
     10
     11
    @@ -14,7 +15,6 @@
     14
     15
     16
    -17
     18
     19
     20
    "
  `);
});

test("the diff shows where a newline is missing at the end", () => {
  expect(renderDiff("a", "a\n", NAMES)).toBe(
    "--- old\n+++ new\n@@ -1,1 +1,1 @@\n-a\n\\ No newline at end of file\n+a\n",
  );
});

test("the diff of thousands of lines that all change is complete and fast", () => {
  const diff = renderDiff(numbers(9000), numbers(9000).replaceAll("\n", "x\n"), NAMES);
  expect(diff.split("\n")).toHaveLength(3 + 18_000 + 1);
});

const hasPatch = spawnSync("patch", ["--version"]).status === 0;

test.skipIf(!hasPatch)("`patch` applies the diff to the old text and gets the new one", () => {
  const directory = tempDirectory();
  const text = fc
    .record({ lines: fc.array(fc.constantFrom("a", "b", "c", "", "# d"), { maxLength: 25 }), ends: fc.boolean() })
    .map(({ lines, ends }) => lines.join("\n") + (ends && lines.length > 0 ? "\n" : ""));
  fc.assert(
    fc.property(text, text, (before, after) => {
      fc.pre(before !== "" && after !== "");
      writeFileSync(join(directory, "old"), before);
      const input = renderDiff(before, after, NAMES);
      if (before === after) return input === "";
      const { stdout, status } = spawnSync("patch", ["-s", "-o", "-", "old"], {
        cwd: directory,
        input,
        encoding: "utf8",
      });
      return status === 0 && stdout === after;
    }),
    { seed: 3, numRuns: 150 },
  );
});
