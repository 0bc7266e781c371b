import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  crontabProgram,
  findCrontabKind,
  recogniseCrontab,
  systemCrontab,
} from "../../../src/schedulers/cron/crontab-program.ts";
import { fakeCrontab } from "../../support/crontab.ts";
import { tempFolder } from "../../support/host.ts";

const open = (fake: { readonly env: Readonly<Record<string, string>> }) => systemCrontab(crontabProgram(fake));

test("a user without a crontab has an empty one", async () => {
  expect(await open(fakeCrontab()).read()).toBe("");
});

test("bytes come and go as they are, whatever their encoding", async () => {
  const bytes = "# caf\xe9 \xc3\xa9\n0 0 * * * true";
  const fake = fakeCrontab("old\n");
  await open(fake).write(bytes, "old\n");
  expect(fake.text()).toBe(bytes);
  expect(await open(fake).read()).toBe(bytes);
});

test("writing nothing takes the crontab away, as the user had none before", async () => {
  const fake = fakeCrontab("old\n");
  await open(fake).write("", "old\n");
  expect(fake.text()).toBeUndefined();
});

test("asks in English and without Debian's header, whatever the environment says", async () => {
  const folder = tempFolder();
  writeFileSync(join(folder, "crontab"), '#!/bin/sh\necho "$LC_ALL, header: $CRONTAB_NOHEADER"\n', { mode: 0o755 });
  const env = { PATH: `${folder}:/usr/bin:/bin`, CRONTAB_NOHEADER: "N", LC_ALL: "de_DE.UTF-8" };
  expect((await crontabProgram({ env })(["-l"])).stdout).toBe("C, header: \n");
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
  const crontab = open({ env: { PATH: tempFolder() } });
  await expect(crontab.read()).rejects.toMatchObject({
    exitCode: 74,
    message: expect.stringContaining("there is no `crontab` program on the PATH"),
    hint: expect.stringContaining("apt-get install cron"),
  });
});

test("a crontab that changed since it was read is left alone", async () => {
  const fake = fakeCrontab("theirs\n");
  await expect(open(fake).write("ours\n", "old\n")).rejects.toThrow("was modified at the same time");
  expect(fake.text()).toBe("theirs\n");
});

test("a crontab that reads otherwise than it was written is put back", async () => {
  const fake = fakeCrontab("old\n", "mangles");
  await expect(open(fake).write("run\n", "old\n")).rejects.toThrow("differs from what was written");
  expect(fake.text()).toBe("old\n");
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
