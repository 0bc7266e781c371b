import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { type FlockFile, openFlock, takeFlock } from "../../src/lock/flock.ts";
import { tempDirectory } from "../support/host.ts";

const options = { program: "flock", timeoutMs: 30_000 };

async function opened(path: string): Promise<FlockFile> {
  const file = await openFlock(path);
  onTestFinished(() => file.close());
  return file;
}

/** A program that stands in for flock(1). */
function programThat(script: string): string {
  const program = join(tempDirectory(), "flock");
  writeFileSync(program, `#!/bin/sh\n${script}\n`);
  chmodSync(program, 0o755);
  return program;
}

describe.skipIf(spawnSync("flock", ["--version"]).error !== undefined)("with flock(1)", () => {
  test("the kernel gives the lock to one descriptor, and to the next once that is closed", async () => {
    const path = join(tempDirectory(), "a.flock");
    const first = await openFlock(path);
    const second = await opened(path);
    expect(await takeFlock(first.fd, options)).toEqual({ kind: "taken" });
    expect(await takeFlock(second.fd, options)).toEqual({ kind: "held" });
    await first.close();
    expect(await takeFlock(second.fd, options)).toEqual({ kind: "taken" });
  });
});

test("the file is private and is identified by device and inode", async () => {
  const path = join(tempDirectory(), "a.flock");
  const file = await opened(path);
  const { dev, ino, mode } = statSync(path);
  expect(file.id).toBe(`${dev}:${ino}`);
  expect(mode & 0o777).toBe(0o600);
  expect(readFileSync(path, "utf8")).toBe("");
});

test("a path that is not a regular file is refused", async () => {
  const path = join(tempDirectory(), "a.flock");
  mkdirSync(path);
  await expect(openFlock(path)).rejects.toThrow(/a\.flock: it is a directory/);
});

test.each([
  { what: "is missing", program: () => "no-such-flock", why: /could not be started: .*(ENOENT|EACCES)/ },
  {
    what: "gives no answer",
    program: () => programThat("exec sleep 600"),
    timeoutMs: 100,
    why: /did not answer within 0\.1 s/,
  },
  {
    what: "complains, as busybox does with code 1",
    program: () => programThat("echo no locks >&2; exit 1"),
    why: /^no locks$/,
  },
  { what: "ends with an error of the system", program: () => programThat("exit 71"), why: /ended with 71/ },
])("a flock that $what is unavailable, not held", async ({ program, why, timeoutMs = options.timeoutMs }) => {
  const file = await opened(join(tempDirectory(), "a.flock"));
  expect(await takeFlock(file.fd, { program: program(), timeoutMs })).toEqual({
    kind: "unavailable",
    why: expect.stringMatching(why),
  });
});
