import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { diskLockFs, readLockFolder, removeIfEmpty, takeAway } from "../../src/lock/lock-directory.ts";
import { tokenFileName } from "../../src/lock/owner-record.ts";
import { tempFolder } from "../support/host.ts";

const token = "ab.1.2.3.ff";

/** A lock folder that holds these files. */
function folderWith(...names: readonly string[]): string {
  const folder = join(tempFolder(), "a.lock");
  mkdirSync(folder);
  for (const name of names) writeFileSync(join(folder, name), "");
  return folder;
}

test("of many that take one token away exactly one has taken it", async () => {
  const folder = folderWith(tokenFileName(token));
  const takers = Array.from({ length: 50 }, (_, index) => takeAway(diskLockFs, folder, token, `taker${index}`));
  expect((await Promise.all(takers)).filter((taken) => taken)).toHaveLength(1);
  expect(readdirSync(folder)).toEqual([]);
  expect(readdirSync(join(folder, ".."))).toEqual(["a.lock"]);
});

test("a folder that holds a token is not removed", async () => {
  const folder = folderWith(tokenFileName(token));
  await removeIfEmpty(diskLockFs, folder);
  expect(await readLockFolder(diskLockFs, folder)).toEqual({ kind: "tokens", tokens: [token] });
});

test("an empty folder is removed, and one that is gone is no error", async () => {
  const folder = folderWith();
  expect(await readLockFolder(diskLockFs, folder)).toEqual({ kind: "empty" });
  await removeIfEmpty(diskLockFs, folder);
  await removeIfEmpty(diskLockFs, folder);
  expect(await readLockFolder(diskLockFs, folder)).toEqual({ kind: "absent" });
});

test("what NFS keeps of a removed file is no stranger's", async () => {
  expect(await readLockFolder(diskLockFs, folderWith(".nfs000000000001"))).toEqual({ kind: "empty" });
});
