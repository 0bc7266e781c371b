import { existsSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";

const TABLE = readFileSync("docs/schedulers.md", "utf8");
const PROOFS = readFileSync("docs/verification.md", "utf8");

const proofs = [...PROOFS.matchAll(/^- \[(\w)\] `([^`]+)`: (.+)$/gm)].map(([, letter, file, titles]) => ({
  letter,
  file: file ?? "",
  titles: [...(titles ?? "").matchAll(/"([^"]+)"/g)].map(([, title]) => title ?? ""),
}));

test("every claim of the table has a proof, and every proof a claim", () => {
  const claimed = new Set([...TABLE.matchAll(/\[(\w)\]/g)].map(([, letter]) => letter));
  expect(proofs.map(({ letter }) => letter)).toEqual([...claimed].sort());
  expect(proofs.length).toBeGreaterThan(10);
});

test.each(proofs)("proof [$letter] names existing tests: $file", ({ file, titles }) => {
  expect(titles.length).toBeGreaterThan(0);
  expect(existsSync(file)).toBe(true);
  const text = readFileSync(file, "utf8");
  for (const title of titles) expect(text).toContain(`"${title}"`);
});
