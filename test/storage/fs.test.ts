import { closeSync, openSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { readToEnd } from "../../src/storage/fs.ts";
import { tempFolder } from "../support/host.ts";

function read(path: string): Promise<string> {
  const fd = openSync(path, "r");
  onTestFinished(() => closeSync(fd));
  return new Promise((resolve, reject) => {
    readToEnd(fd, "utf8", (error, text) => (error === null ? resolve(text) : reject(error)));
  });
}

test.each(["", "one line\n", "é".repeat(100_000)])("a file is read whole", async (text) => {
  const path = join(tempFolder(), "file");
  writeFileSync(path, text);
  expect(await read(path)).toBe(text);
});

test("a read that fails is an error, never an empty or a short text", async () => {
  await expect(read(tempFolder())).rejects.toMatchObject({ code: "EISDIR" });
});
