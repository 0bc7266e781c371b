import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { applyChanges, type FileChange } from "../../src/installed/transaction.ts";
import { tempFolder } from "../support/host.ts";

/** A folder with two files and a change to each of three: one changes, one goes, one comes. */
function folderOfFiles(): {
  readonly changes: readonly FileChange[];
  readonly look: () => Record<string, string>;
  readonly folder: string;
} {
  const folder = tempFolder();
  writeFileSync(join(folder, "a"), "a old");
  writeFileSync(join(folder, "b"), "b old");
  return {
    folder,
    changes: [
      { path: join(folder, "a"), before: "a old", after: "a new" },
      { path: join(folder, "b"), before: "b old", after: undefined },
      { path: join(folder, "c"), before: undefined, after: "c new" },
    ],
    look: () => Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), "utf8")])),
  };
}

test("makes all changes and leaves nothing beside them", async () => {
  const { changes, look } = folderOfFiles();
  await (await applyChanges(changes)).keep();
  expect(look()).toEqual({ a: "a new", c: "c new" });
});

test("takes all changes back", async () => {
  const { changes, look } = folderOfFiles();
  const before = look();
  await (await applyChanges(changes)).undo();
  expect(look()).toEqual(before);
});

test("when one change fails, none is made", async () => {
  const { changes, look, folder } = folderOfFiles();
  const before = look();
  const impossible = { path: join(folder, "missing", "d"), before: undefined, after: "d" };
  await expect(applyChanges([...changes, impossible])).rejects.toThrow("cannot write");
  expect(look()).toEqual(before);
});

test("what does not change is not touched", async () => {
  const path = join(tempFolder(), "missing", "a");
  await (await applyChanges([{ path, before: "same", after: "same" }])).keep();
});
