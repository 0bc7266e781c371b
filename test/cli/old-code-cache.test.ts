import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { removeOldCodeCache } from "../../src/cli/old-code-cache.ts";
import { fakeMachine } from "../support/fake-machine.ts";
import { tempDirectory } from "../support/host.ts";

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
  const machine = fakeMachine();
  const directory = leaveCode(machine.home);
  await machine.run("install", "--dry-run");
  expect(existsSync(directory)).toBe(true);
  await machine.run("install");
  expect(existsSync(directory)).toBe(false);
});

test("files with other names are kept", async () => {
  const root = tempDirectory();
  const directory = leaveCode(root);
  writeFileSync(join(directory, "notes.txt"), "mine");
  await removeOldCodeCache({ root, uid: UID });
  expect(readdirSync(directory)).toEqual(["notes.txt"]);
});

test("a symbolic link instead of the directory is not followed", async () => {
  const root = tempDirectory();
  const elsewhere = leaveCode(tempDirectory());
  mkdirSync(join(root, "var/tmp"), { recursive: true });
  symlinkSync(elsewhere, directoryIn(root));
  await removeOldCodeCache({ root, uid: UID });
  expect(readdirSync(elsewhere)).toHaveLength(2);
});
