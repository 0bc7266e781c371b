import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { diskLockFs, readLockDirectory, removeIfEmpty, removeToken } from "../../src/lock/lock-directory.ts";
import { tokenFileName } from "../../src/lock/owner-record.ts";
import { tempDirectory } from "../support/host.ts";

const token = "ab.1.2.3.ff";

/** A lock directory that holds these files. */
function directoryWith(...names: readonly string[]): string {
  const directory = join(tempDirectory(), "a.lock");
  mkdirSync(directory);
  for (const name of names) writeFileSync(join(directory, name), "");
  return directory;
}

test("of many that take one token away exactly one has taken it", async () => {
  const directory = directoryWith(tokenFileName(token));
  const takers = Array.from({ length: 50 }, (_, index) => removeToken(diskLockFs, directory, token, `taker${index}`));
  expect((await Promise.all(takers)).filter((taken) => taken)).toHaveLength(1);
  expect(readdirSync(directory)).toEqual([]);
  expect(readdirSync(join(directory, ".."))).toEqual(["a.lock"]);
});

test("a directory that holds a token is not removed", async () => {
  const directory = directoryWith(tokenFileName(token));
  await removeIfEmpty(diskLockFs, directory);
  expect(await readLockDirectory(diskLockFs, directory)).toEqual({ kind: "tokens", tokens: [token] });
});

test("an empty directory is removed, and a missing one is ignored", async () => {
  const directory = directoryWith();
  expect(await readLockDirectory(diskLockFs, directory)).toEqual({ kind: "empty" });
  await removeIfEmpty(diskLockFs, directory);
  await removeIfEmpty(diskLockFs, directory);
  expect(await readLockDirectory(diskLockFs, directory)).toEqual({ kind: "absent" });
});

test("a file that NFS keeps after its removal is ignored", async () => {
  expect(await readLockDirectory(diskLockFs, directoryWith(".nfs000000000001"))).toEqual({ kind: "empty" });
});
