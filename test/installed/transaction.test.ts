import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { applyChanges, type FileChange } from "../../src/installed/transaction.ts";
import { tempDirectory } from "../support/host.ts";

/** A directory with two files and a change to each of three: one changes, one goes, one comes. */
function directoryOfFiles(): {
  readonly changes: readonly FileChange[];
  readonly look: () => Record<string, string>;
  readonly directory: string;
} {
  const directory = tempDirectory();
  writeFileSync(join(directory, "a"), "a old");
  writeFileSync(join(directory, "b"), "b old");
  return {
    directory,
    changes: [
      { path: join(directory, "a"), before: "a old", after: "a new" },
      { path: join(directory, "b"), before: "b old", after: undefined },
      { path: join(directory, "c"), before: undefined, after: "c new" },
    ],
    look: () =>
      Object.fromEntries(readdirSync(directory).map((name) => [name, readFileSync(join(directory, name), "utf8")])),
  };
}

test("makes all changes and leaves nothing beside them", async () => {
  const { changes, look } = directoryOfFiles();
  await (await applyChanges(changes)).keep();
  expect(look()).toEqual({ a: "a new", c: "c new" });
});

test("takes all changes back", async () => {
  const { changes, look } = directoryOfFiles();
  const before = look();
  await (await applyChanges(changes)).undo();
  expect(look()).toEqual(before);
});

test("when one change fails, none is made", async () => {
  const { changes, look, directory } = directoryOfFiles();
  const before = look();
  const impossible = { path: join(directory, "missing", "d"), before: undefined, after: "d" };
  await expect(applyChanges([...changes, impossible])).rejects.toThrow("cannot write");
  expect(look()).toEqual(before);
});

test("a file that is too large to be read is put back when another change fails", async () => {
  const directory = tempDirectory();
  const path = join(directory, "large");
  writeFileSync(path, "old");
  truncateSync(path, 2 ** 30);
  const impossible = { path: join(directory, "missing", "d"), before: undefined, after: "d" };
  await expect(applyChanges([{ path, before: "", after: "new" }, impossible])).rejects.toThrow("cannot write");
  expect(readdirSync(directory)).toEqual(["large"]);
  expect(statSync(path).size).toBe(2 ** 30);
});

test("what does not change is not touched", async () => {
  const path = join(tempDirectory(), "missing", "a");
  await (await applyChanges([{ path, before: "same", after: "same" }])).keep();
});
