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
import { basename, dirname, join } from "node:path";
import { expect, test } from "vitest";
import { besideOf, readStateFile, readTrustedFile, removeStateFile, writeStateFile } from "../../src/storage/file.ts";
import { tempDirectory } from "../support/host.ts";

const uid = process.getuid?.() ?? 0;

test("writes a file for its owner alone and leaves nothing beside it", async () => {
  const directory = tempDirectory();
  const path = join(directory, "a.json");
  await writeStateFile(path, "één\n");
  await writeStateFile(path, "två\n");
  expect(await readStateFile(path)).toBe("två\n");
  expect((statSync(path).mode & 0o777).toString(8)).toBe("600");
  expect(readdirSync(directory)).toEqual(["a.json"]);
});

test("what does not exist is undefined, and may be removed", async () => {
  const path = join(tempDirectory(), "none", "a.json");
  expect(await readStateFile(path)).toBeUndefined();
  await removeStateFile(path);
});

test("a link in place of a file is neither read nor written through", async () => {
  const directory = tempDirectory();
  writeFileSync(join(directory, "secret"), "secret");
  symlinkSync("secret", join(directory, "a.json"));
  symlinkSync("secret", join(directory, "b.json"));
  await expect(readStateFile(join(directory, "a.json"))).rejects.toThrow("a.json: it is a symbolic link");
  await writeStateFile(join(directory, "b.json"), "ours");
  expect(await readStateFile(join(directory, "b.json"))).toBe("ours");
  expect(readFileSync(join(directory, "secret"), "utf8")).toBe("secret");
});

test("a write that fails says what is in the way and leaves the old text", async () => {
  const directory = tempDirectory();
  mkdirSync(join(directory, "a.json"));
  await expect(writeStateFile(join(directory, "a.json"), "x")).rejects.toMatchObject({
    exitCode: 74,
    message: expect.stringContaining("cannot write"),
  });
  expect(readdirSync(directory)).toEqual(["a.json"]);
});

test("a file that names commands is not trusted when others may write it", async () => {
  const path = join(tempDirectory(), "a.json");
  writeFileSync(path, "{}");
  chmodSync(path, 0o660);
  await expect(readTrustedFile(path, [uid])).rejects.toThrow("can be written by others (mode 660)");
  chmodSync(path, 0o644);
  expect(await readTrustedFile(path, [uid])).toBe("{}");
});

test.skipIf(uid !== 0)("a file that names commands is not trusted when it is a stranger's", async () => {
  const path = join(tempDirectory(), "a.json");
  writeFileSync(path, "{}", { mode: 0o600 });
  chownSync(path, 1234, 1234);
  await expect(readTrustedFile(path, [0])).rejects.toThrow("belongs to user 1234");
});

test("writers with the same host name and process id do not overwrite each other's temporary file", async () => {
  const path = join(tempDirectory(), "x.skip");
  const texts = Array.from({ length: 50 }, (_, index) => `text ${index}`);
  await Promise.all(texts.map((text) => writeStateFile(path, text)));
  expect(texts).toContain(await readStateFile(path));
  expect(readdirSync(dirname(path))).toEqual([basename(path)]);
  expect(new Set(texts.map(() => besideOf(path))).size).toBe(texts.length);
});
