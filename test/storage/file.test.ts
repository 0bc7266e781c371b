import {
  chmodSync,
  chownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { readStateFile, readTrustedFile, removeStateFile, writeStateFile } from "../../src/storage/file.ts";
import { tempFolder } from "../support/host.ts";

const uid = process.getuid?.() ?? 0;

test("writes a file for its owner alone and leaves nothing beside it", async () => {
  const folder = tempFolder();
  const path = join(folder, "a.json");
  await writeStateFile(path, "één\n");
  await writeStateFile(path, "två\n");
  expect(await readStateFile(path)).toBe("två\n");
  expect((statSync(path).mode & 0o777).toString(8)).toBe("600");
  expect(readdirSync(folder)).toEqual(["a.json"]);
});

test("what does not exist is undefined, and may be removed", async () => {
  const path = join(tempFolder(), "none", "a.json");
  expect(await readStateFile(path)).toBeUndefined();
  await removeStateFile(path);
});

test("a link in place of a file is neither read nor written through", async () => {
  const folder = tempFolder();
  writeFileSync(join(folder, "secret"), "secret");
  symlinkSync("secret", join(folder, "a.json"));
  symlinkSync("secret", join(folder, "b.json"));
  await expect(readStateFile(join(folder, "a.json"))).rejects.toThrow("a.json: it is a symbolic link");
  await writeStateFile(join(folder, "b.json"), "ours");
  expect(await readStateFile(join(folder, "b.json"))).toBe("ours");
  expect(readFileSync(join(folder, "secret"), "utf8")).toBe("secret");
});

test("a write that fails says what is in the way and leaves the old text", async () => {
  const folder = tempFolder();
  mkdirSync(join(folder, "a.json"));
  await expect(writeStateFile(join(folder, "a.json"), "x")).rejects.toMatchObject({
    exitCode: 74,
    message: expect.stringContaining("cannot write"),
  });
  expect(readdirSync(folder)).toEqual(["a.json"]);
});

test("a file that names commands is not trusted when others may write it", async () => {
  const path = join(tempFolder(), "a.json");
  writeFileSync(path, "{}");
  chmodSync(path, 0o660);
  await expect(readTrustedFile(path, [uid])).rejects.toThrow("can be written by others (mode 660)");
  chmodSync(path, 0o644);
  expect(await readTrustedFile(path, [uid])).toBe("{}");
});

test.skipIf(uid !== 0)("a file that names commands is not trusted when it is a stranger's", async () => {
  const path = join(tempFolder(), "a.json");
  writeFileSync(path, "{}", { mode: 0o600 });
  chownSync(path, 1234, 1234);
  await expect(readTrustedFile(path, [0])).rejects.toThrow("belongs to user 1234");
});
