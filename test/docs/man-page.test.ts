import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { helpOf, readHelps } from "../support/helps.ts";
import { renderManPage } from "./man-page.ts";

const FILE = "man/pipelinewise-sched.1";

test("the man page contains the current help of each command (to update it: npm run docs)", async () => {
  const page = readFileSync("docs/commands.md", "utf8");
  const man = renderManPage({ help: await helpOf(), commands: await readHelps(), page });
  await expect(man).toMatchFileSnapshot(resolve(FILE));
});

test("the man page describes every option and every exit code", async () => {
  const man = readFileSync(FILE, "utf8").replaceAll("\\-", "-");
  for (const [name, help] of await readHelps()) {
    const section = man.split(`\n.SS ${name}\n`)[1]?.split(/\n\.S[SH] /)[0] ?? "";
    for (const [, option] of help.matchAll(/^ {2}(?:-\w, )?(--(?!help)[a-z-]+)/gm)) expect(section).toContain(option);
  }
  for (const code of ["0", "64", "65", "66", "70", "74", "75", "124"])
    expect(man).toContain(`\n.TP\n\\fB${code}\\fR\n`);
});
