import {
  chownSync,
  constants,
  lchownSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { resolveConfigDir } from "../../src/storage/config-dir.ts";
import { copyStateFile, readStateFile, writeStateFile } from "../../src/storage/file.ts";
import { lstat, mkdir, open, readdir, removeFile, rename, rmdir, touch } from "../../src/storage/fs.ts";
import { tempDirectory } from "../support/host.ts";

const asRoot = test.skipIf(process.getuid?.() !== 0);
const OWNER = { uid: 1234, gid: 1235 };
const APPEND = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;

/** A user's directory, opened by root, and beside it one of root's with a file in it. */
async function userDirectory() {
  const place = tempDirectory();
  const [user, roots] = [join(place, "user"), join(place, "roots")];
  mkdirSync(user);
  mkdirSync(roots);
  writeFileSync(join(roots, "canary"), "root's");
  chownSync(user, OWNER.uid, OWNER.gid);
  expect(await resolveConfigDir({ env: {}, cwd: place, uid: 0 }, { flag: user })).toBe(user);
  const file = (name: string) => join(user, name);
  return { place, user, roots, file, canary: () => readFileSync(join(roots, "canary"), "utf8") };
}

const fault = (message: string) => ({ message: expect.stringContaining(message) });

asRoot("what root makes in a user's directory is that user's, and the rest is as elsewhere", async () => {
  const { file } = await userDirectory();
  await mkdir(file("a"), { mode: 0o700 });
  await writeStateFile(file("a/x.json"), "one");
  await writeStateFile(file("a/x.json"), "two");
  const log = await open(file("a/log"), APPEND, 0o600);
  await log.writeText("1", "utf8").finally(() => log.close());
  const again = await open(file("a/log"), APPEND, 0o600);
  await again.writeText("2", "utf8").finally(() => again.close());
  await copyStateFile(file("a/x.json"), file("a/y.json"));
  for (const name of ["a", "a/x.json", "a/log", "a/y.json"]) expect(statSync(file(name))).toMatchObject(OWNER);
  expect(await readStateFile(file("a/y.json"))).toBe("two");
  expect(readFileSync(file("a/log"), "utf8")).toBe("12");
  await touch(file("a/log"), new Date(5_000));
  expect((await lstat(file("a/log"))).mtimeMs).toBe(5_000);
  await rename(file("a/log"), file("log"));
  expect((await readdir(file("a"))).sort()).toEqual(["x.json", "y.json"]);
  for (const name of ["a/x.json", "a/y.json", "a/none", "log"]) await removeFile(file(name));
  await rmdir(file("a"));
  await expect(mkdir(file("none/a"), { mode: 0o700 })).rejects.toMatchObject({
    code: "ENOENT",
    ...fault(`'${file("none")}'`),
  });
  expect(await readdir(file(""))).toEqual([]);
});

asRoot("a link in a user's directory is neither entered nor opened nor listed", async () => {
  const { file, roots, canary } = await userDirectory();
  symlinkSync(roots, file("dir"));
  symlinkSync(join(roots, "canary"), file("file"));
  const isLink = fault("is a symbolic link");
  await expect(readStateFile(file("file"))).rejects.toMatchObject(isLink);
  await expect(readStateFile(file("dir/canary"))).rejects.toMatchObject(isLink);
  await expect(removeFile(file("dir/canary"))).rejects.toMatchObject(isLink);
  await expect(mkdir(file("dir/new"), { mode: 0o700 })).rejects.toMatchObject(isLink);
  await expect(writeStateFile(file("dir/canary"), "x")).rejects.toMatchObject(isLink);
  await expect(rename(file("dir/canary"), file("mine"))).rejects.toMatchObject(isLink);
  await expect(readdir(file("dir"))).rejects.toMatchObject(isLink);
  await expect(open(file("file"), APPEND, 0o600)).rejects.toMatchObject({ code: "ELOOP" });
  await expect(touch(file("file"), new Date(0))).rejects.toMatchObject({ code: "ELOOP" });
  await removeFile(file("file"));
  expect([canary(), readdirSync(roots)]).toEqual(["root's", ["canary"]]);
});

asRoot("a file with a second name is not changed, and neither is anything but a file", async () => {
  const { file, roots, canary } = await userDirectory();
  linkSync(join(roots, "canary"), file("log"));
  mkdirSync(file("dir"));
  const refused = fault("so root does not change it");
  await expect(open(file("log"), APPEND, 0o600)).rejects.toMatchObject(refused);
  await expect(touch(file("log"), new Date(0))).rejects.toMatchObject(refused);
  await expect(open(file("dir"), APPEND, 0o600)).rejects.toMatchObject({ code: "EISDIR" });
  expect(canary()).toBe("root's");
});

asRoot("a user's link to a directory of root's is refused; the user's own is followed", async () => {
  const { place, user, roots, file } = await userDirectory();
  const resolve = (flag: string) => resolveConfigDir({ env: {}, cwd: place, uid: 0 }, { flag });
  symlinkSync(roots, file("link"));
  symlinkSync("sub", file("own"));
  mkdirSync(file("sub"));
  for (const name of ["sub", "own"]) chownSync(file(name), OWNER.uid, OWNER.gid);
  for (const name of ["link", "own"]) lchownSync(file(name), OWNER.uid, OWNER.gid);
  await expect(resolve(file("link"))).rejects.toMatchObject(
    fault(`link leads through a symbolic link of user 1234 to ${roots}, which belongs to user 0`),
  );
  expect(await resolve(file("own"))).toBe(file("sub"));
  renameSync(user, join(place, "elsewhere"));
  symlinkSync(roots, user);
  // The open directory is still the same, although its path now leads elsewhere.
  expect((await readdir(user)).sort()).toEqual(["link", "own", "sub"]);
});
