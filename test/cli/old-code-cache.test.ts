import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { removeOldCodeCache } from "../../src/cli/old-code-cache.ts";
import { tempFolder } from "../support/host.ts";
import { installWorld } from "../support/install-world.ts";

const UID = process.getuid?.() ?? 0;
const directoryIn = (root: string) => join(root, "var/tmp", `pipelinewise-sched-${UID}`);

/** A directory of compiled code, as an earlier version left it. */
function leaveCode(root: string): string {
  const directory = directoryIn(root);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  writeFileSync(join(directory, "run.cjs-0123456789abcdef-v20.20.2-x64"), "");
  writeFileSync(join(directory, "main-schedule.cjs-fedcba9876543210-v20.20.2-x64"), "");
  return directory;
}

test("install deletes the compiled code that an earlier version kept, and a dry run does not", async () => {
  const world = installWorld();
  const directory = leaveCode(world.home);
  await world.run("install", "--dry-run");
  expect(existsSync(directory)).toBe(true);
  await world.run("install");
  expect(existsSync(directory)).toBe(false);
});

test("files of other names stay", async () => {
  const root = tempFolder();
  const directory = leaveCode(root);
  writeFileSync(join(directory, "notes.txt"), "mine");
  await removeOldCodeCache({ root, uid: UID });
  expect(readdirSync(directory)).toEqual(["notes.txt"]);
});

test("a link in place of the directory is not followed", async () => {
  const root = tempFolder();
  const elsewhere = leaveCode(tempFolder());
  mkdirSync(join(root, "var/tmp"), { recursive: true });
  symlinkSync(elsewhere, directoryIn(root));
  await removeOldCodeCache({ root, uid: UID });
  expect(readdirSync(elsewhere)).toHaveLength(2);
});
