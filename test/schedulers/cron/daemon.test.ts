import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { type CallCrontab, NoCrontabProgramError } from "../../../src/schedulers/cron/call-crontab.ts";
import { describeDetectedCron, detectCron } from "../../../src/schedulers/cron/daemon.ts";
import { tempDirectory } from "../../support/host.ts";

/** A machine as a directory, by its files; a text that begins with `->` is a link. */
function machine(files: Readonly<Record<string, string>>): string {
  const root = tempDirectory();
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    if (text.startsWith("->")) symlinkSync(text.slice(2), join(root, path));
    else writeFileSync(join(root, path), text);
  }
  return root;
}

const processes = (...each: readonly (readonly [pid: number, comm: string, cmdline?: string])[]) =>
  Object.fromEntries(
    [[1, "init"] as const, ...each].flatMap(([pid, comm, cmdline = comm]) => [
      [`proc/${pid}/comm`, `${comm}\n`],
      [`proc/${pid}/cmdline`, `${cmdline}\0`],
    ]),
  );

const dpkg = (...names: readonly (readonly [name: string, version: string, status?: string])[]) => ({
  "var/lib/dpkg/status": names
    .map(
      ([name, version, status = "install ok installed"]) =>
        `Package: ${name}\nStatus: ${status}\nPriority: important\nVersion: ${version}\nDepends: cron\n`,
    )
    .join("\n"),
});

const says =
  (stderr: string): CallCrontab =>
  async () => ({ exitCode: 1, signal: null, stdout: "", stderr });
const none: CallCrontab = async () => {
  throw new NoCrontabProgramError("/usr/bin:/bin");
};
const DEBIAN = says("\t-n\t(dry run: checks the syntax, then bails out)\n");
const OLD_DEBIAN = says("usage:\tcrontab [-u user] file\n");
const CRONIE = says("cronie 1.5.7\n");
const BUSYBOX = says("BusyBox v1.36.1 (2023) multi-call binary.\n");
const SYSTEMD = says("usage: crontab [-h] [-u USER] [-l | -r | -e | -s] [-i] [file]\n");

test.each([
  [
    "Debian's",
    DEBIAN,
    { ...processes([77, "cron"]), ...dpkg(["libc6", "2.36"], ["cron", "3.0pl1-162"], ["busybox", "1:1.35.0-4"]) },
    ["debian", "Debian cron 3.0pl1-162, running (pid 77)"],
  ],
  [
    "Debian's of before 3.0pl1-160, whose crontab checks nothing",
    OLD_DEBIAN,
    { ...processes([77, "cron"]), ...dpkg(["cron", "3.0pl1-137"]) },
    ["debian", "Debian cron 3.0pl1-137, running (pid 77)"],
  ],
  [
    "Debian's, removed but for its configuration",
    none,
    { ...processes(), ...dpkg(["cron", "3.0pl1-162", "deinstall ok config-files"]) },
    ["none", "none: no crontab program and no daemon was found"],
  ],
  ["cronie", CRONIE, processes([9, "crond"]), ["cronie", "cronie 1.5.7, running (pid 9)"]],
  ["cronie as openSUSE calls it", CRONIE, processes([9, "cron"]), ["cronie", "cronie 1.5.7, running (pid 9)"]],
  [
    "busybox by its usage message",
    BUSYBOX,
    processes([1234, "busybox", "busybox\0crond\0-f"]),
    ["busybox", "busybox crond 1.36.1, running (pid 1234)"],
  ],
  [
    "busybox by its binary, beside Debian's crontab",
    DEBIAN,
    { ...processes([8, "crond"]), "proc/8/exe": "->/bin/busybox", ...dpkg(["busybox-static", "1:1.35.0-4"]) },
    ["busybox", "busybox crond 1:1.35.0-4, running (pid 8)"],
  ],
  [
    "busybox by its crontab, where we may not see the binary",
    BUSYBOX,
    { ...processes([8, "crond"]), "lib/apk/db/installed": "P:musl\nV:1.2.4-r2\n\nP:busybox\nV:1.36.1-r5\n" },
    ["busybox", "busybox crond 1.36.1, running (pid 8)"],
  ],
  [
    "systemd-cron, which has timers and no daemon",
    SYSTEMD,
    { ...processes(), ...dpkg(["systemd-cron", "1.15.19-5"]), "run/systemd/generator/cron-root-root-0.timer": "" },
    ["systemd", "systemd-cron 1.15.19-5, running"],
  ],
  ["another", OLD_DEBIAN, processes([5, "fcron"]), ["other", "fcron, running (pid 5)"]],
  ["none that runs", DEBIAN, processes([8, "busybox", "busybox\0sh"]), ["debian", "Debian cron, not running"]],
  [
    "none, in a container",
    DEBIAN,
    { ...processes([8, "crontab"]), ".dockerenv": "", ...dpkg(["cron", "3.0pl1-162"]) },
    ["debian", "Debian cron 3.0pl1-162, not running in this container"],
  ],
  ["one that /proc hides", CRONIE, {}, ["cronie", "cronie 1.5.7"]],
  ["macOS's", OLD_DEBIAN, { "System/Library/CoreServices/SystemVersion.plist": "<plist/>" }, ["other", "macOS's cron"]],
])("knows the cron at hand: %s", async (_, call, files, [kind, words]) => {
  const cron = await detectCron(machine(files), call);
  expect([cron.kind, describeDetectedCron(cron)]).toEqual([kind, words]);
});
