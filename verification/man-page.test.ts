import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tempDirectory } from "../test/support/host.ts";
import { runToEnd } from "../test/support/run-program.ts";
import { inCi, lackingForManPage } from "./rig/needs.ts";

const FILE = "man/pipelinewise-sched.1";

const CHECKERS = [
  ["man", "--warnings", "--local-file"],
  ["mandoc", "-T", "lint", "-W", "warning"],
] as const;

/** The warnings of a program about a man page. */
async function warningsOf(words: readonly string[], file: string): Promise<readonly string[]> {
  const { stdout, stderr } = await runToEnd([...words, file], { env: { LC_ALL: "C.UTF-8", MAN_KEEP_STDERR: "1" } });
  // The page has no date, because it is generated from the help.
  return `${stdout}\n${stderr}`
    .split("\n")
    .filter((line) => /: warning: /i.test(line) && !line.includes("missing date"));
}

test.for(CHECKERS)("%s accepts the man page, and warns about a wrong one", async (words, { skip }) => {
  const lacking = lackingForManPage();
  if (lacking !== undefined && inCi) throw new Error(lacking);
  if (lacking !== undefined) skip(lacking);
  expect(await warningsOf(words, FILE)).toEqual([]);
  const wrong = join(tempDirectory(), "wrong.1");
  writeFileSync(wrong, `${readFileSync(FILE, "utf8")}.SH WRONG\n\\*[missing]\n`);
  expect(await warningsOf(words, wrong)).not.toEqual([]);
});
