import { EventEmitter } from "node:events";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { StoreError } from "../../../src/errors.ts";
import { replaceBlock } from "../../../src/schedulers/cron/block.ts";
import { crontabProgram, LOOK_LIMITS } from "../../../src/schedulers/cron/call-crontab.ts";
import { findCrontabKind, recogniseCrontab, systemCrontab } from "../../../src/schedulers/cron/crontab-program.ts";
import { NothingDoneError } from "../../../src/schedulers/scheduler.ts";
import { type FakeCrontab, fakeCrontab } from "../../support/crontab.ts";
import { tempDirectory } from "../../support/host.ts";
import { untilFile } from "../../support/wait.ts";

const open = (fake: Pick<FakeCrontab, "env" | "signals">) => systemCrontab(crontabProgram(fake));
const from = (before: string) => ({ before, backup: "/backups/1.crontab" });

test("a user without a crontab has an empty one", async () => {
  expect(await open(fakeCrontab()).read()).toBe("");
});

test("bytes come and go as they are, whatever their encoding", async () => {
  const bytes = "# caf\xe9 \xc3\xa9\n0 0 * * * true";
  const fake = fakeCrontab("old\n");
  await open(fake).write(bytes, from("old\n"));
  expect(fake.text()).toBe(bytes);
  expect(await open(fake).read()).toBe(bytes);
});

test("writing nothing takes the crontab away, as the user had none before", async () => {
  const fake = fakeCrontab("old\n");
  await open(fake).write("", from("old\n"));
  expect(fake.text()).toBeUndefined();
});

test("asks in English and without Debian's header, whatever the environment says", async () => {
  const directory = tempDirectory();
  writeFileSync(join(directory, "crontab"), '#!/bin/sh\necho "$LC_ALL, header: $CRONTAB_NOHEADER"\n', { mode: 0o755 });
  const env = { PATH: `${directory}:/usr/bin:/bin`, CRONTAB_NOHEADER: "N", LC_ALL: "de_DE.UTF-8" };
  expect((await crontabProgram({ env, signals: new EventEmitter() })(["-l"])).stdout).toBe("C, header: \n");
});

test.each([
  [
    "denied",
    "cannot read the crontab: crontab ended with 1 and printed\n    You (etl) are not allowed to use this program (crontab)",
  ],
  ["broken", "cannot read the crontab: crontab ended with 1 and printed\n    crontabs/etl: Input/output error"],
])("a crontab that cannot be read is an error, not an empty one: %s", async (does, message) => {
  await expect(open(fakeCrontab("a\n", does)).read()).rejects.toThrow(message);
});

test("who may not use crontab is told where that is said", async () => {
  await expect(open(fakeCrontab("a\n", "denied")).read()).rejects.toMatchObject({
    exitCode: 74,
    hint: expect.stringContaining("/etc/cron.allow"),
  });
});

test("a machine without a crontab program is told what to install", async () => {
  const crontab = open({ env: { PATH: tempDirectory() }, signals: new EventEmitter() });
  await expect(crontab.read()).rejects.toMatchObject({
    exitCode: 74,
    message: expect.stringContaining("there is no `crontab` program on the PATH"),
    hint: expect.stringContaining("apt-get install cron"),
  });
});

test("a crontab that changed since it was read is left alone", async () => {
  const fake = fakeCrontab("theirs\n");
  await expect(open(fake).write("ours\n", from("old\n"))).rejects.toThrow("was modified at the same time");
  expect(fake.text()).toBe("theirs\n");
});

test("what a user saves while an install waits is kept", async () => {
  const fake = fakeCrontab("old\n");
  const crontab = systemCrontab(crontabProgram(fake), async () =>
    writeFileSync(fake.env["FAKE_CRONTAB"] ?? "", "theirs\n"),
  );
  await expect(crontab.write("ours\n", from("old\n"))).rejects.toThrow("was modified at the same time");
  expect(fake.text()).toBe("theirs\n");
});

const OLD = "0 1 * * * backup\n";
const NEW = replaceBlock(OLD, { name: "x", source: "/s.yml", configDir: "/c" }, ["* * * * * run"]);

test("a line that a user saves right after the write is kept, and the block counts as written", async () => {
  const fake = fakeCrontab(OLD, "edited");
  expect(await open(fake).write(NEW, from(OLD))).toEqual([
    expect.stringMatching(/as planned, but .* neither the previous one nor .*diff \/backups\/1.crontab/),
  ]);
  expect(fake.text()).toBe(`${NEW}7 7 * * * new\n`);
});

test.each([
  ["mangles", StoreError, NEW.replace("run", "walk")],
  ["half", NothingDoneError, OLD.slice(0, 10)],
  ["no-write", NothingDoneError, OLD],
])(
  "after a failed write the error says what the crontab contains, and names the backup: %s",
  async (does, kind, now) => {
    const fake = fakeCrontab(OLD, does);
    const error = await open(fake)
      .write(NEW, from(OLD))
      .catch((error) => error);
    expect(error.constructor).toBe(kind);
    expect(error.message).toContain(
      now === OLD ? "the crontab is still the previous one" : "neither the previous one nor",
    );
    expect(error.hint).toContain("crontab /backups/1.crontab");
    expect(fake.text()).toBe(now);
  },
);

test("a comment that `crontab -l` prints above each crontab does not stay in the crontab", async () => {
  const fake = fakeCrontab(OLD, "notes");
  const before = await open(fake).read();
  await expect(
    open(fake).write(replaceBlock(before, { name: "x", source: "/s.yml", configDir: "/c" }, []), from(before)),
  ).rejects.toThrow(
    'adds lines that are not in the crontab, such as "# the spool is nearly full"; the previous crontab was restored',
  );
  expect(fake.text()).toBe(OLD);
});

test("a line that the user saves before the previous crontab is put back is kept", async () => {
  const fake = fakeCrontab(OLD, "notes");
  let waits = 0;
  const settle = async () => {
    waits++;
    if (waits === 2) writeFileSync(fake.env["FAKE_CRONTAB"] ?? "", "1 1 * * * the-users\n");
  };
  const crontab = systemCrontab(crontabProgram(fake), settle);
  const before = await crontab.read();
  const text = replaceBlock(before, { name: "x", source: "/s.yml", configDir: "/c" }, []);
  await expect(crontab.write(text, from(before))).rejects.toThrow("the crontab now is neither the previous one nor");
  expect([waits, fake.text()]).toEqual([2, "1 1 * * * the-users\n"]);
});

test("an empty answer with an error message is not an empty crontab", async () => {
  await expect(open(fakeCrontab(OLD, "silent")).read()).rejects.toThrow("cannot open the spool");
});

test("the header that Vixie's cron prints is not part of the crontab", async () => {
  const fake = fakeCrontab(OLD, "vixie");
  expect(await open(fake).read()).toBe(OLD);
  await open(fake).write(NEW, from(OLD));
  expect(fake.text()).toBe(NEW);
});

test("a header that an earlier write has put into the crontab does not grow", async () => {
  const header = (await crontabProgram(fakeCrontab("", "vixie"))(["-l"])).stdout;
  const fake = fakeCrontab(header + OLD, "vixie");
  expect(await open(fake).read()).toBe(header + OLD);
  await open(fake).write(header + NEW, from(header + OLD));
  expect(fake.text()).toBe(header + NEW);
});

test.each(["BusyBox v1.36.1 multi-call binary.\n", "usage: crontab [-h] [-u USER]\n"])(
  "a `crontab` that writes no header shows only the user's (%j)",
  async (usage) => {
    const header = (await crontabProgram(fakeCrontab("", "vixie"))(["-l"])).stdout;
    const answer = (exitCode: number, stdout: string, stderr: string) => ({ exitCode, signal: null, stdout, stderr });
    const crontab = systemCrontab(async ([arg]) => (arg === "-l" ? answer(0, header + OLD, "") : answer(1, "", usage)));
    expect(await crontab.read()).toBe(header + OLD);
  },
);

test("a text with the report of an error is not read as the crontab, because lines may be missing", async () => {
  const answer = (stderr: string) => systemCrontab(async () => ({ exitCode: 0, signal: null, stdout: OLD, stderr }));
  const read = () => answer("crontab: read error: Input/output error\n").read();
  await expect(read()).rejects.toThrow(/cannot read the crontab.*\n.*read error: Input\/output error/);
  expect(await answer("crontab: warning: the account expires in 3 days\n").read()).toBe(OLD);
});

test("Debian's `crontab` hides its header, so one that it shows is the user's", async () => {
  const header = (await crontabProgram(fakeCrontab("", "vixie"))(["-l"])).stdout;
  expect(await open(fakeCrontab(header + OLD)).read()).toBe(header + OLD);
});

test("a crontab program that hangs is stopped, and its input is removed", async () => {
  const fake = fakeCrontab(OLD, "hangs");
  const temporary = tempDirectory();
  vi.stubEnv("TMPDIR", temporary);
  onTestFinished(() => void vi.unstubAllEnvs());
  await expect(crontabProgram(fake, { ...LOOK_LIMITS, answerMs: 300, graceMs: 100 })([], NEW)).rejects.toThrow(
    /^`crontab \S+` did not answer within 0.3 seconds, so it was stopped$/,
  );
  expect(readdirSync(temporary)).toEqual([]);
});

test("a signal does not wait for a crontab program that hangs", async () => {
  const fake = fakeCrontab(OLD, "hangs");
  const crontab = systemCrontab(crontabProgram(fake, { ...LOOK_LIMITS, answerMs: 600_000, signalMs: 3_000 }));
  const writing = crontab.write(NEW, from(OLD));
  await untilFile(`${fake.env["FAKE_CRONTAB"]}.hangs`);
  fake.signals.emit("SIGTERM");
  await expect(writing).rejects.toThrow(/did not end after a signal.*\n.*still the previous one/);
  expect(fake.signals.listenerCount("SIGTERM")).toBe(0);
});

test("an answer without an end is not read to its end", async () => {
  const directory = tempDirectory();
  writeFileSync(join(directory, "crontab"), "#!/bin/sh\nexec yes\n", { mode: 0o755 });
  const endless = open({ env: { PATH: `${directory}:/usr/bin:/bin` }, signals: new EventEmitter() });
  await expect(endless.read()).rejects.toThrow("printed more than 16 MiB");
});

test.each([
  ["Debian's", "", "-n"],
  ["cronie's", "cronie", "-T"],
])("%s own check looks at the whole new text, which is not installed", async (_, does, option) => {
  const fake = fakeCrontab("old\n", does);
  expect(await open(fake).check("new\n")).toBe(true);
  expect(fake.text()).toBe("old\n");
  expect(fake.calls()).toEqual(["-V", expect.stringMatching(new RegExp(`^${option} /.*/crontab$`))]);
});

test("what the daemon's check refuses is shown", async () => {
  await expect(open(fakeCrontab("old\n", "refuses")).check("new\n")).rejects.toThrow(
    /rejects the new crontab: crontab ended with 1 and printed\n.*bad minute/,
  );
});

test("where the program has no check, none is made", async () => {
  expect(await open(fakeCrontab("old\n", "busybox")).check("new\n")).toBe(false);
  expect((await findCrontabKind(crontabProgram(fakeCrontab("", "busybox")))).name).toBe("busybox");
});

test.each([
  ["cronie 1.5.7", "cronie", "1.5.7", "-T"],
  ["cronie 1.5.5", "cronie", "1.5.5", undefined],
  ["cronie 1.6", "cronie", "1.6", "-T"],
  [
    "usage:\tcrontab [-u user] [-n] file\n\t-n\t(dry run: checks the syntax, then bails out)\n",
    "debian",
    undefined,
    "-n",
  ],
  ["usage:\tcrontab [-u user] file\n\t-e\t(edit user's crontab)\n", "other", undefined, undefined],
  [
    "Usage:\n crontab [options] file\n -n <host>  set host in cluster to run users' crontabs\n -T <file>  test a crontab file syntax\n",
    "other",
    undefined,
    undefined,
  ],
  ["BusyBox v1.36.1 () multi-call binary.\n", "busybox", "1.36.1", undefined],
  [
    "usage: crontab [-h] [-u USER] [-l | -r | -e | -s] [-i] [file]\ncrontab: error: unrecognized arguments: -V\n",
    "systemd",
    undefined,
    undefined,
  ],
])("knows a crontab program by what it says: %j", (stderr, name, version, checkOption) => {
  expect(recogniseCrontab({ stdout: "", stderr })).toEqual({ name, version, checkOption });
});
