import { execFileSync } from "node:child_process";
import { constants, mkdirSync, truncateSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { open } from "../../src/storage/fs.ts";
import { tempDirectory } from "../support/host.ts";

const READ = constants.O_RDONLY;
const APPEND = constants.O_RDWR | constants.O_APPEND | constants.O_CREAT;
const WRITE = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT;

async function read(path: string): Promise<string> {
  const file = await open(path, READ);
  return file.readText("utf8").finally(() => file.close());
}

test.each(["", "one line\n", "é".repeat(100_000)])("a file is read whole", async (text) => {
  const path = join(tempDirectory(), "file");
  writeFileSync(path, text);
  expect(await read(path)).toBe(text);
});

test("a file whose size is 0 although it has content is read whole", async () => {
  expect(await read("/proc/self/status")).toContain("Name:");
});

test.each([READ, APPEND, WRITE])(
  "a FIFO, a device and a socket are refused at once, with open flags %i",
  async (flags) => {
    const directory = tempDirectory();
    const at = (name: string) => join(directory, name);
    execFileSync("mkfifo", [at("fifo")]);
    const server = createServer().listen(at("socket"));
    onTestFinished(() => void server.close());
    for (const path of [at("fifo"), "/dev/zero", at("socket")]) {
      await expect(open(path, flags, 0o600)).rejects.toMatchObject({
        exitCode: 74,
        message: expect.stringMatching(/^\/.* is a .*, not a regular file$/),
      });
    }
  },
);

test("a directory is refused where a file is read", async () => {
  const path = join(tempDirectory(), "2026-11.jsonl");
  mkdirSync(path);
  await expect(read(path)).rejects.toMatchObject({
    exitCode: 74,
    message: `${path} is a directory, not a regular file`,
  });
});

test("a file without a useful end is not read into memory", async () => {
  const path = join(tempDirectory(), "sparse");
  writeFileSync(path, "");
  truncateSync(path, 2 ** 40);
  await expect(read(path)).rejects.toThrow(`${path} is larger than 16 MiB, so it is not read`);
});
