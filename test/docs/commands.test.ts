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

/** Help of each command, by name, as the program prints it. */
async function readHelps(): Promise<ReadonlyMap<string, string>> {
  const helps = new Map<string, string>();
  for (const [, name = ""] of (await helpOf()).matchAll(/^ {2}([a-z]+) {2,}\S/gm)) {
    if (name !== "help") helps.set(name, await helpOf(name));
  }
  return helps;
}

test("docs/commands.md shows each command's help as the program prints it (else: npm run docs)", async () => {
  const helps = await readHelps();
  const page = renderPage(PAGE, (name) => `\`\`\`text\n${(helps.get(name) ?? "").trimEnd()}\n\`\`\``);
  await expect(page).toMatchFileSnapshot(resolve(PAGE));
});

test("docs/commands.md has a part for every command", async () => {
  const helps = await readHelps();
  expect([...generatedParts(PAGE)].sort()).toEqual([...helps.keys()].sort());
});
