import { resolve } from "node:path";
import { expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { testHost } from "../support/host.ts";
import { generatedParts, renderPage } from "./generated.ts";

const PAGE = "docs/commands.md";

async function helpOf(...command: readonly string[]): Promise<string> {
  const host = testHost();
  expect(await main([...command, "--help"], host)).toBe(0);
  return host.out();
}

/** The names of the commands in a help text. */
const namesIn = (help: string): readonly string[] =>
  [...(help.split(/^Commands:$/m)[1] ?? "").matchAll(/^ {2}([a-z]+) {2,}\S/gm)]
    .map(([, name = ""]) => name)
    .filter((name) => name !== "help");

/** Help of each command, by name, as the program prints it. A command with subcommands has the help of those. */
async function readHelps(): Promise<ReadonlyMap<string, string>> {
  const helps = new Map<string, string>();
  for (const name of namesIn(await helpOf())) {
    const help = await helpOf(name);
    const inner = namesIn(help);
    if (inner.length === 0) helps.set(name, help);
    for (const word of inner) helps.set(`${name} ${word}`, await helpOf(name, word));
  }
  return helps;
}

test("docs/commands.md contains the current help of each command (to update it: npm run docs)", async () => {
  const helps = await readHelps();
  const page = renderPage(PAGE, (name) => `\`\`\`text\n${(helps.get(name) ?? "").trimEnd()}\n\`\`\``);
  await expect(page).toMatchFileSnapshot(resolve(PAGE));
});

test("docs/commands.md has a section for every command", async () => {
  const helps = await readHelps();
  expect([...generatedParts(PAGE)].sort()).toEqual([...helps.keys()].sort());
});
