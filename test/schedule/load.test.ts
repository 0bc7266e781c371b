import { execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { checkScheduleFile, loadSchedule } from "../../src/schedule/load.ts";
import { tempFolder } from "../support/host.ts";

const SOUND = 'pipelines:\n  - {tap: orders, target: dwh, cron: "0 * * * *"}\n';

/** A working folder with one file in it. */
function folderWith(content: string | Uint8Array, name = "schedule.yml"): { readonly cwd: string } {
  const cwd = tempFolder();
  writeFileSync(join(cwd, name), content);
  return { cwd };
}

test("gives the schedule with its absolute path and its bytes", async () => {
  const host = folderWith(SOUND);
  const schedule = await loadSchedule("./schedule.yml", host);
  expect(schedule.source).toEqual({
    path: join(host.cwd, "schedule.yml"),
    bytes: Buffer.from(SOUND),
  });
  expect(schedule.pipelines).toHaveLength(1);
});

test("reads a pipe too, as `preview <(…)` hands it over", async () => {
  const cwd = tempFolder();
  execFileSync("mkfifo", [join(cwd, "pipe")]);
  const writer = spawn("sh", ["-c", `printf '%s' "$0" > pipe`, SOUND], { cwd });
  expect((await loadSchedule("pipe", { cwd })).pipelines).toHaveLength(1);
  await once(writer, "exit");
});

test("throws every problem of a bad schedule in one error, exit code 65", async () => {
  const host = folderWith("name: A\npipelines: []\n");
  await expect(loadSchedule("schedule.yml", host)).rejects.toMatchObject({
    name: "BadScheduleError",
    exitCode: 65,
    problems: [{ path: "name" }, { path: "pipelines" }],
    message: [
      "schedule.yml is not valid: 2 errors",
      'schedule.yml:1:7  name: "A" is not a safe name',
      "    Use 1 to 64 of a-z 0-9 _ - and begin with a letter or digit.",
      "schedule.yml:2:12  pipelines: the list is empty",
      "    Add at least one item.",
    ].join("\n"),
  });
});

describe("a file that cannot be read", () => {
  test("does not exist: exit code 66, with the path that was looked at", async () => {
    const cwd = tempFolder();
    await expect(loadSchedule("schedule.yml", { cwd })).rejects.toMatchObject({
      exitCode: 66,
      message: `no such file: ${join(cwd, "schedule.yml")}`,
      hint: expect.stringContaining("schedule.yml"),
    });
  });

  test("is a directory: exit code 66", async () => {
    const cwd = tempFolder();
    mkdirSync(join(cwd, "conf"));
    await expect(loadSchedule("conf/", { cwd })).rejects.toMatchObject({
      exitCode: 66,
      message: `${join(cwd, "conf")} is a directory`,
      hint: "Name a file in it, such as conf/schedule.yml.",
    });
  });

  test("lies below a file: exit code 66", async () => {
    await expect(loadSchedule("schedule.yml/x.yml", folderWith(SOUND))).rejects.toMatchObject({ exitCode: 66 });
  });

  test.skipIf(process.getuid?.() === 0)("may not be read: exit code 74", async () => {
    const host = folderWith(SOUND);
    chmodSync(join(host.cwd, "schedule.yml"), 0);
    await expect(loadSchedule("schedule.yml", host)).rejects.toMatchObject({ exitCode: 74 });
  });

  test("fails as it is read: exit code 74", async () => {
    await expect(loadSchedule("/proc/self/mem", { cwd: "/" })).rejects.toMatchObject({
      exitCode: 74,
      message: expect.stringContaining("cannot read /proc/self/mem"),
    });
  });
});

describe("a file that is no schedule by its bytes", () => {
  test.each([
    ["10 MB of pipelines", Buffer.alloc(10_000_000, SOUND)],
    ["one byte more than 1 MiB", Buffer.alloc(1024 * 1024 + 1, "#")],
  ])("%s is refused by its size", async (_, bytes) => {
    const { schedule, problems } = await checkScheduleFile("schedule.yml", folderWith(bytes));
    expect(schedule).toBeUndefined();
    expect(problems).toMatchObject([
      { line: 1, column: 1, message: "the file is larger than 1 MiB", severity: "error" },
    ]);
  });

  test("a device without end is refused by its size", async () => {
    const { problems } = await checkScheduleFile("/dev/zero", { cwd: "/" });
    expect(problems).toMatchObject([{ file: "/dev/zero", message: "the file is larger than 1 MiB" }]);
  });

  test("1 MiB of comment around a pipeline is read", async () => {
    const text = `${SOUND}#`.padEnd(1024 * 1024, "x");
    expect((await loadSchedule("schedule.yml", folderWith(text))).pipelines).toHaveLength(1);
  });

  test.each([
    [
      "Latin-1",
      Buffer.from("name: x\n# Zürich\n", "latin1"),
      { line: 2, column: 4, message: "the byte 0xfc is not valid UTF-8" },
    ],
    ["a character cut off at the end", Buffer.from("a: ü").subarray(0, 4), { line: 1, column: 4 }],
    ["a bad byte first", Buffer.from([0x80]), { line: 1, column: 1, message: "the byte 0x80 is not valid UTF-8" }],
    [
      "UTF-16",
      Buffer.from("\ufeffname: x\n", "utf16le"),
      { line: 1, column: 1, message: "the file is encoded as UTF-16" },
    ],
  ])("%s is shown where it stands", async (_, bytes, problem) => {
    const { problems } = await checkScheduleFile("schedule.yml", folderWith(bytes));
    expect(problems).toMatchObject([{ ...problem, hint: "Save the file as UTF-8." }]);
  });

  test("a byte order mark is taken off, columns stay right", async () => {
    const { problems } = await checkScheduleFile("schedule.yml", folderWith(`\ufeffnam: x\n${SOUND}`));
    expect(problems).toMatchObject([{ line: 1, column: 1, path: "nam" }]);
  });
});
