import { chmodSync, chownSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { resolveConfigDir } from "../../src/storage/config-dir.ts";
import {
  checkDirectory,
  ensureDirectory,
  findStateDirectory,
  openStateDirectory,
} from "../../src/storage/directory.ts";
import { statePaths } from "../../src/storage/paths.ts";
import { tempDirectory } from "../support/host.ts";

const uid = process.getuid?.() ?? 0;
const asRoot = test.skipIf(uid !== 0);
const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

test("makes .sched for its owner alone, and finds it again", async () => {
  const directory = tempDirectory();
  expect(await findStateDirectory(directory, uid)).toBeUndefined();
  expect(existsSync(join(directory, ".sched"))).toBe(false);
  expect(await openStateDirectory(directory, uid)).toEqual({ paths: statePaths(directory), warnings: [] });
  expect(mode(join(directory, ".sched"))).toBe("700");
  expect(await findStateDirectory(directory, uid)).toEqual({ paths: statePaths(directory), warnings: [] });
});

test("makes directories below it, each for its owner alone", async () => {
  const { paths } = await openStateDirectory(tempDirectory(), uid);
  const directory = join(paths.root, "runs", "2026-11");
  await ensureDirectory(paths, directory, uid);
  await ensureDirectory(paths, directory, uid);
  expect([mode(join(paths.root, "runs")), mode(directory)]).toEqual(["700", "700"]);
});

test("several processes may make the same directory at once", async () => {
  const { paths } = await openStateDirectory(tempDirectory(), uid);
  const directory = join(paths.root, "a", "b", "c");
  await Promise.all(Array.from({ length: 20 }, () => ensureDirectory(paths, directory, uid)));
  expect(existsSync(directory)).toBe(true);
});

test("a config directory that its group may write is a warning", async () => {
  const directory = tempDirectory();
  chmodSync(directory, 0o770);
  const { warnings } = await openStateDirectory(directory, uid);
  expect(warnings).toEqual([expect.stringContaining(`${directory} can be written by others (mode 770)`)]);
});

test.each([
  ["a link", (path: string) => symlinkSync("/tmp", path), "is a symbolic link; links are refused inside .sched"],
  ["a link to nowhere", (path: string) => symlinkSync("nowhere", path), "is a symbolic link"],
  ["a file", (path: string) => writeFileSync(path, ""), "is not a directory"],
  [
    "a directory that others may write",
    (path: string) => {
      mkdirSync(path);
      chmodSync(path, 0o777);
    },
    "can be written by others (mode 777)",
  ],
])("refuses %s in place of .sched or of a directory in it", async (_, put, message) => {
  const directory = tempDirectory();
  put(join(directory, ".sched"));
  const fault = { exitCode: 74, message: expect.stringContaining(message) };
  await expect(openStateDirectory(directory, uid)).rejects.toMatchObject(fault);
  await expect(findStateDirectory(directory, uid)).rejects.toMatchObject(fault);
  const { paths } = await openStateDirectory(tempDirectory(), uid);
  put(join(paths.root, "runs"));
  await expect(ensureDirectory(paths, join(paths.root, "runs", "2026-11"), uid)).rejects.toMatchObject(fault);
  await expect(checkDirectory(paths, join(paths.root, "runs"), uid)).rejects.toMatchObject(fault);
});

asRoot("refuses a .sched that belongs to a stranger, and takes one of the config directory's owner", async () => {
  const directory = tempDirectory();
  mkdirSync(join(directory, ".sched"), { mode: 0o700 });
  chownSync(join(directory, ".sched"), 1234, 1234);
  await expect(openStateDirectory(directory, uid)).rejects.toThrow(".sched belongs to user 1234, not to user 0");
  chownSync(directory, 1234, 1234);
  expect((await openStateDirectory(directory, uid)).paths.configDir).toBe(directory);
});

asRoot("makes nothing in another user's config directory", async () => {
  const directory = tempDirectory();
  await expect(openStateDirectory(directory, 1234)).rejects.toThrow("belongs to user 0, and you are user 1234");
  expect(existsSync(join(directory, ".sched"))).toBe(false);
});

asRoot("root may, and what it makes there is the owner's", async () => {
  const directory = tempDirectory();
  chownSync(directory, 1234, 1235);
  await resolveConfigDir({ env: {}, cwd: directory, uid: 0 }, { flag: directory });
  const { paths, warnings } = await openStateDirectory(directory, 0);
  await ensureDirectory(paths, join(paths.root, "runs", "2026-11"), 0);
  expect(warnings).toEqual([]);
  for (const path of [paths.root, join(paths.root, "runs"), join(paths.root, "runs", "2026-11")]) {
    expect(statSync(path)).toMatchObject({ uid: 1234, gid: 1235 });
  }
});

test.skipIf(uid !== 0)("names the owner of a config directory that this user may not read", async () => {
  const configDir = tempDirectory();
  chmodSync(configDir, 0o700);
  process.seteuid?.(65_534);
  try {
    await expect(findStateDirectory(configDir, 65_534)).rejects.toMatchObject({
      message: `cannot check ${configDir}/.sched: permission denied; ${configDir} belongs to user 0`,
      hint: "Run this as its owner, or name your own config directory with --config-dir.",
    });
  } finally {
    process.seteuid?.(0);
  }
});
