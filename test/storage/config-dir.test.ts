import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { configDirPath, resolveConfigDir } from "../../src/storage/config-dir.ts";
import { tempDirectory } from "../support/host.ts";

const host = (env: Readonly<Record<string, string>> = {}) => ({ env: { HOME: "/home/etl", ...env }, cwd: "/here" });
const file = { value: "../conf", directory: "/srv/schedules" };

test.each([
  ["the flag before all else", { flag: "conf", file }, { PIPELINEWISE_CONFIG_DIRECTORY: "/env" }, "/here/conf"],
  ["a flag that no shell expanded", { flag: "~/conf" }, {}, "/home/etl/conf"],
  [
    "then the schedule file, counted from its directory",
    { file },
    { PIPELINEWISE_CONFIG_DIRECTORY: "/env" },
    "/srv/conf",
  ],
  ["then the environment", {}, { PIPELINEWISE_CONFIG_DIRECTORY: "/env" }, "/env"],
  ["then ~/.pipelinewise", {}, { PIPELINEWISE_CONFIG_DIRECTORY: "" }, "/home/etl/.pipelinewise"],
])("%s", (_, wish, env, path) => {
  expect(configDirPath(host(env), wish)).toBe(path);
});

test.each([
  [{ cwd: "/", env: {} }, {}, "HOME is not set"],
  [{ cwd: "/", env: { HOME: "" } }, {}, "HOME is not set"],
  [{ cwd: "/", env: { HOME: "etl" } }, {}, 'HOME is "etl", not an absolute path'],
  [{ cwd: "/", env: {} }, { flag: "~/x" }, "HOME is not set"],
  [host(), { flag: "~root/x" }, "~root/x: ~USER is not supported"],
])("says what is missing: %j %j", (where, wish, message) => {
  expect(() => configDirPath(where, wish)).toThrow(message);
});

test("needs no HOME where the directory is named", () => {
  expect(configDirPath({ cwd: "/", env: {} }, { flag: "/x" })).toBe("/x");
});

test("a link to a share is resolved once", async () => {
  const directory = tempDirectory();
  mkdirSync(join(directory, "share"));
  symlinkSync("share", join(directory, ".pipelinewise"));
  expect(await resolveConfigDir({ env: { HOME: directory }, cwd: "/", uid: 1000 })).toBe(join(directory, "share"));
});

test.each([
  ["missing", "does not exist"],
  ["file", "is not a directory"],
  ["file/below", "cannot open the config directory"],
  ["circle", "links run in a circle"],
])("a config directory that is none is an error of the store: %s", async (name, message) => {
  const directory = tempDirectory();
  writeFileSync(join(directory, "file"), "");
  symlinkSync("circle", join(directory, "circle"));
  const resolved = resolveConfigDir({ env: {}, cwd: directory, uid: 1000 }, { flag: name });
  await expect(resolved).rejects.toMatchObject({ exitCode: 74, message: expect.stringContaining(message) });
});
