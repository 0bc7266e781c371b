import { execFileSync, spawn } from "node:child_process";
import { chmodSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { checkScheduleFile, loadSchedule } from "../../src/schedule/load.ts";
import { tempDirectory } from "../support/host.ts";

const VALID = 'pipelines:\n  - {tap: orders, target: dwh, cron: "0 * * * *"}\n';

/** A working directory that contains one file. */
function directoryWith(content: string | Uint8Array, name = "schedule.yml"): { readonly cwd: string } {
  const cwd = tempDirectory();
  writeFileSync(join(cwd, name), content);
  return { cwd };
}

test("loadSchedule returns the schedule with its absolute path and its bytes", async () => {
  const host = directoryWith(VALID);
  const schedule = await loadSchedule("./schedule.yml", host);
  expect(schedule.source).toEqual({
    path: join(host.cwd, "schedule.yml"),
    bytes: Buffer.from(VALID),
  });
  expect(schedule.pipelines).toHaveLength(1);
});

test.skipIf(!existsSync("dist/main.cjs")).each([
  ["<(…)", '"$@" <(printf %s "$0")'],
  ["/dev/stdin", 'printf %s "$0" | "$@" /dev/stdin'],
])("the built program reads a schedule from a pipe of the shell: %s", (_, script) => {
  const program = [process.execPath, resolve("bin/pipelinewise-sched.cjs"), "preview", "--json"];
  const options = { cwd: tempDirectory(), encoding: "utf8" } as const;
  expect(execFileSync("bash", ["-c", script, VALID, ...program], options)).toContain('"orders"');
});

test("a FIFO in a directory is refused with exit code 66, because it could be waited for without end", async () => {
  const cwd = tempDirectory();
  execFileSync("mkfifo", [join(cwd, "pipe")]);
  const writer = spawn("sh", ["-c", `printf '%s' "$0" > pipe`, VALID], { cwd });
  onTestFinished(() => void writer.kill("SIGKILL"));
  await expect(loadSchedule("pipe", { cwd })).rejects.toMatchObject({
    exitCode: 66,
    message: `${join(cwd, "pipe")} is a FIFO`,
    hint: expect.stringContaining("<(…)"),
  });
});

test("loadSchedule throws all problems of a schedule in one error with exit code 65", async () => {
  const host = directoryWith("name: A\npipelines: []\n");
  await expect(loadSchedule("schedule.yml", host)).rejects.toMatchObject({
    name: "BadScheduleError",
    exitCode: 65,
    diagnostics: [{ path: "name" }, { path: "pipelines" }],
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
  test("that does not exist gives exit code 66 and its path", async () => {
    const cwd = tempDirectory();
    await expect(loadSchedule("schedule.yml", { cwd })).rejects.toMatchObject({
      exitCode: 66,
      message: `no such file: ${join(cwd, "schedule.yml")}`,
      hint: expect.stringContaining("schedule.yml"),
    });
  });

  test("that is a directory gives exit code 66", async () => {
    const cwd = tempDirectory();
    mkdirSync(join(cwd, "conf"));
    await expect(loadSchedule("conf/", { cwd })).rejects.toMatchObject({
      exitCode: 66,
      message: `${join(cwd, "conf")} is a directory`,
      hint: "Name a file in it, such as conf/schedule.yml.",
    });
  });

  test("whose parent is a file gives exit code 66", async () => {
    await expect(loadSchedule("schedule.yml/x.yml", directoryWith(VALID))).rejects.toMatchObject({ exitCode: 66 });
  });

  test.skipIf(process.getuid?.() === 0)("without read permission gives exit code 74", async () => {
    const host = directoryWith(VALID);
    chmodSync(join(host.cwd, "schedule.yml"), 0);
    await expect(loadSchedule("schedule.yml", host)).rejects.toMatchObject({ exitCode: 74 });
  });

  test("that fails during reading gives exit code 74", async () => {
    await expect(loadSchedule("/proc/self/mem", { cwd: "/" })).rejects.toMatchObject({
      exitCode: 74,
      message: expect.stringContaining("cannot read /proc/self/mem"),
    });
  });
});

test.each([
  ["a\nb.yml", "U+000A"],
  ["a\u001b]0;x.yml", "U+001B"],
  ["a\u202egpj.yml", "U+202E"],
])("a path with a control character is refused before the file is read: %j", async (file, code) => {
  await expect(checkScheduleFile(file, { cwd: "/etl" })).rejects.toMatchObject({
    exitCode: 64,
    message: expect.stringContaining(
      `the path of the schedule file contains the control character ${code}: /etl/a\u{FFFD}`,
    ),
  });
});

test("a schedule file has the path by which its directory was entered", async () => {
  const { cwd } = directoryWith(VALID);
  const link = `${tempDirectory()}/current`;
  symlinkSync(cwd, link);
  const pathFrom = async (PWD: string) => (await loadSchedule("schedule.yml", { cwd, env: { PWD } })).source.path;
  expect(await pathFrom(link)).toBe(`${link}/schedule.yml`);
  expect(await pathFrom("/etc")).toBe(`${cwd}/schedule.yml`);
  expect(await pathFrom("")).toBe(`${cwd}/schedule.yml`);
});

describe("the bytes of a file", () => {
  test.each([
    ["10 MB of pipelines", Buffer.alloc(10_000_000, VALID)],
    ["one byte more than 1 MiB", Buffer.alloc(1024 * 1024 + 1, "#")],
  ])("%s is rejected because of its size", async (_, bytes) => {
    const { schedule, diagnostics } = await checkScheduleFile("schedule.yml", directoryWith(bytes));
    expect(schedule).toBeUndefined();
    expect(diagnostics).toMatchObject([
      { line: 1, column: 1, message: "the file is larger than 1 MiB", severity: "error" },
    ]);
  });

  test("an endless device is rejected because of its size", async () => {
    const { diagnostics } = await checkScheduleFile("/dev/zero", { cwd: "/" });
    expect(diagnostics).toMatchObject([{ file: "/dev/zero", message: "the file is larger than 1 MiB" }]);
  });

  test("a file of 1 MiB that consists mostly of comments is accepted", async () => {
    const text = `${VALID}#`.padEnd(1024 * 1024, "x");
    expect((await loadSchedule("schedule.yml", directoryWith(text))).pipelines).toHaveLength(1);
  });

  test.each([
    [
      "Latin-1",
      Buffer.from("name: x\n# Zürich\n", "latin1"),
      { line: 2, column: 4, message: "the byte 0xfc is not valid UTF-8" },
    ],
    ["a character cut off at the end", Buffer.from("a: ü").subarray(0, 4), { line: 1, column: 4 }],
    [
      "a Latin-1 letter before ASCII",
      Buffer.from("a: caf\u00e9 du monde", "latin1"),
      { line: 1, column: 7, message: "the byte 0xe9 is not valid UTF-8" },
    ],
    [
      "a Latin-1 letter after a byte order mark",
      Buffer.concat([Buffer.from("\ufeffa: "), Buffer.from([0xe9, 0x22])]),
      { line: 1, column: 4, message: "the byte 0xe9 is not valid UTF-8" },
    ],
    ["a bad byte first", Buffer.from([0x80]), { line: 1, column: 1, message: "the byte 0x80 is not valid UTF-8" }],
    [
      "UTF-16",
      Buffer.from("\ufeffname: x\n", "utf16le"),
      { line: 1, column: 1, message: "the file is encoded as UTF-16" },
    ],
  ])("invalid UTF-8 is reported at its position: %s", async (_, bytes, problem) => {
    const { diagnostics } = await checkScheduleFile("schedule.yml", directoryWith(bytes));
    expect(diagnostics).toMatchObject([{ ...problem, hint: "Save the file as UTF-8." }]);
  });

  test("a byte order mark is ignored and does not shift the columns", async () => {
    const { diagnostics } = await checkScheduleFile("schedule.yml", directoryWith(`\ufeffnam: x\n${VALID}`));
    expect(diagnostics).toMatchObject([{ line: 1, column: 1, path: "nam" }]);
  });
});
