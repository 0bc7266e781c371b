import { chmodSync, chownSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { resolveConfigDir } from "../../src/storage/config-dir.ts";
import { checkFolder, ensureFolder, findStateFolder, openStateFolder } from "../../src/storage/directory.ts";
import { statePaths } from "../../src/storage/paths.ts";
import { tempFolder } from "../support/host.ts";

const uid = process.getuid?.() ?? 0;
const asRoot = test.skipIf(uid !== 0);
const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);

test("makes .sched for its owner alone, and finds it again", async () => {
  const folder = tempFolder();
  expect(await findStateFolder(folder, uid)).toBeUndefined();
  expect(existsSync(join(folder, ".sched"))).toBe(false);
  expect(await openStateFolder(folder, uid)).toEqual({ paths: statePaths(folder), warnings: [] });
  expect(mode(join(folder, ".sched"))).toBe("700");
  expect(await findStateFolder(folder, uid)).toEqual({ paths: statePaths(folder), warnings: [] });
});

test("makes folders below it, each for its owner alone", async () => {
  const { paths } = await openStateFolder(tempFolder(), uid);
  const folder = join(paths.root, "runs", "2026-11");
  await ensureFolder(paths, folder, uid);
  await ensureFolder(paths, folder, uid);
  expect([mode(join(paths.root, "runs")), mode(folder)]).toEqual(["700", "700"]);
});

test("several processes may make the same folder at once", async () => {
  const { paths } = await openStateFolder(tempFolder(), uid);
  const folder = join(paths.root, "a", "b", "c");
  await Promise.all(Array.from({ length: 20 }, () => ensureFolder(paths, folder, uid)));
  expect(existsSync(folder)).toBe(true);
});

test("a config directory that its group may write is a warning", async () => {
  const folder = tempFolder();
  chmodSync(folder, 0o770);
  const { warnings } = await openStateFolder(folder, uid);
  expect(warnings).toEqual([expect.stringContaining(`${folder} can be written by others (mode 770)`)]);
});

test.each([
  ["a link", (path: string) => symlinkSync("/tmp", path), "is a symbolic link; links are refused inside .sched"],
  ["a link to nowhere", (path: string) => symlinkSync("nowhere", path), "is a symbolic link"],
  ["a file", (path: string) => writeFileSync(path, ""), "is not a directory"],
  [
    "a folder that others may write",
    (path: string) => {
      mkdirSync(path);
      chmodSync(path, 0o777);
    },
    "can be written by others (mode 777)",
  ],
])("refuses %s in place of .sched or of a folder in it", async (_, put, message) => {
  const folder = tempFolder();
  put(join(folder, ".sched"));
  const fault = { exitCode: 74, message: expect.stringContaining(message) };
  await expect(openStateFolder(folder, uid)).rejects.toMatchObject(fault);
  await expect(findStateFolder(folder, uid)).rejects.toMatchObject(fault);
  const { paths } = await openStateFolder(tempFolder(), uid);
  put(join(paths.root, "runs"));
  await expect(ensureFolder(paths, join(paths.root, "runs", "2026-11"), uid)).rejects.toMatchObject(fault);
  await expect(checkFolder(paths, join(paths.root, "runs"), uid)).rejects.toMatchObject(fault);
});

asRoot("refuses a .sched that belongs to a stranger, and takes one of the config directory's owner", async () => {
  const folder = tempFolder();
  mkdirSync(join(folder, ".sched"), { mode: 0o700 });
  chownSync(join(folder, ".sched"), 1234, 1234);
  await expect(openStateFolder(folder, uid)).rejects.toThrow(".sched belongs to user 1234, not to user 0");
  chownSync(folder, 1234, 1234);
  expect((await openStateFolder(folder, uid)).paths.configDir).toBe(folder);
});

asRoot("makes nothing in another user's config directory", async () => {
  const folder = tempFolder();
  await expect(openStateFolder(folder, 1234)).rejects.toThrow("belongs to user 0, and you are user 1234");
  expect(existsSync(join(folder, ".sched"))).toBe(false);
});

asRoot("root may, and what it makes there is the owner's", async () => {
  const folder = tempFolder();
  chownSync(folder, 1234, 1235);
  await resolveConfigDir({ env: {}, cwd: folder, uid: 0 }, { flag: folder });
  const { paths, warnings } = await openStateFolder(folder, 0);
  await ensureFolder(paths, join(paths.root, "runs", "2026-11"), 0);
  expect(warnings).toEqual([]);
  for (const path of [paths.root, join(paths.root, "runs"), join(paths.root, "runs", "2026-11")]) {
    expect(statSync(path)).toMatchObject({ uid: 1234, gid: 1235 });
  }
});
