import { resolve } from "node:path";
import { expect, test } from "vitest";
import { commandNames, readHelps } from "../support/helps.ts";
import { generatedParts, renderPage } from "./generated.ts";

const PAGE = "docs/commands.md";

test("docs/commands.md contains the current help of each command (to update it: npm run docs)", async () => {
  const helps = await readHelps();
  const page = renderPage(PAGE, (name) => `\`\`\`text\n${(helps.get(name) ?? "").trimEnd()}\n\`\`\``);
  await expect(page).toMatchFileSnapshot(resolve(PAGE));
});

test("docs/commands.md has a section for every command", async () => {
  expect([...generatedParts(PAGE)].sort()).toEqual([...(await commandNames())].sort());
});
