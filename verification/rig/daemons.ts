import { spawnSync } from "node:child_process";
import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Daemon } from "../../src/cron/run-times.ts";
import { packageDirectory, packageVersion, type Suite } from "./packages.ts";

/** A packaged daemon that can be run on the stepped clock. */
export interface SteppedDaemon {
  readonly kind: Daemon;
  /** With its version; where the package is not here, without. */
  readonly name: string;
  readonly present: boolean;
  /** `traced`: it is linked statically, and takes no preloaded library. */
  readonly clock: "preloaded" | "traced";
  /** The daemon in the foreground. @param log the file that it is to write to, if it cannot use syslog */
  readonly start: (log: string) => readonly string[];
  /** Its own check of a crontab file, without the file; `undefined`: it has none. */
  readonly check: readonly string[] | undefined;
}

/** systemd-cron: a generator that makes a timer of each line. */
export interface TimerGenerator {
  readonly name: string;
  readonly present: boolean;
  /** Without its last word, the directory to write to. */
  readonly words: readonly string[];
}

/** Level 15: starts, ends, failures and pids stand in its log. */
const DEBIAN_WORDS = ["-f", "-L", "15"];

/** The daemon that is installed here. */
export const OWN_CRON: SteppedDaemon = {
  kind: "debian",
  name: `this machine's cron ${installedVersion("cron")}`,
  present: true,
  clock: "preloaded",
  start: () => ["/usr/sbin/cron", ...DEBIAN_WORDS],
  check: ["crontab", "-n"],
};

const inTrixie = (name: string, path: string): string => join(packageDirectory("trixie", name), path);

/** A program of the newer Debian, with the libraries that it was built for. */
function newer(name: string, path: string): readonly string[] {
  const lib = inTrixie("libc6", "usr/lib");
  const triplet = existsSync(lib) ? readdirSync(lib).find((directory) => directory.endsWith("-linux-gnu")) : undefined;
  if (triplet === undefined) return [];
  const directories = ["libc6", "libgcc-s1", "libmd0", "libstdc++6"].map((one) => inTrixie(one, `usr/lib/${triplet}`));
  const loader = readdirSync(join(lib, triplet)).find((file) => file.startsWith("ld-linux")) ?? "ld.so";
  return [join(lib, triplet, loader), "--library-path", directories.join(":"), inTrixie(name, path)];
}

const CRON_13: SteppedDaemon = {
  kind: "debian",
  ...packaged("Debian 13's cron", "trixie", "cron"),
  clock: "preloaded",
  start: () => [inTrixie("cron", "usr/sbin/cron"), ...DEBIAN_WORDS],
  check: [inTrixie("cron", "usr/bin/crontab"), "-n"],
};

const CRONIE: SteppedDaemon = {
  kind: "cronie",
  ...packaged("cronie", "trixie", "cronie"),
  clock: "preloaded",
  start: () => [...newer("cronie", "usr/sbin/crond"), "-n"],
  check: [...newer("cronie", "usr/bin/crontab"), "-T"],
};

const busybox = (suite: Suite, path: string): SteppedDaemon => ({
  kind: "busybox",
  ...packaged("busybox crond", suite, "busybox-static"),
  clock: "traced",
  start: (log) => [
    join(packageDirectory(suite, "busybox-static"), path),
    ...["crond", "-f", "-l", "8", "-L", log, "-c", "/var/spool/cron/crontabs"],
  ],
  check: undefined,
});

export const STEPPED_DAEMONS: readonly SteppedDaemon[] = [
  OWN_CRON,
  CRON_13,
  CRONIE,
  busybox("bookworm", "bin/busybox"),
  busybox("trixie", "usr/bin/busybox"),
];

const GENERATOR = "lib/systemd/system-generators/systemd-crontab-generator";

export const TIMER_GENERATORS: readonly TimerGenerator[] = [
  {
    ...packaged("systemd-cron", "bookworm", "systemd-cron"),
    words: ["/usr/bin/python3", join(packageDirectory("bookworm", "systemd-cron"), GENERATOR)],
  },
  { ...packaged("systemd-cron", "trixie", "systemd-cron"), words: newer("systemd-cron", `usr/${GENERATOR}`) },
];

function packaged(what: string, suite: Suite, name: string): { readonly name: string; readonly present: boolean } {
  const version = packageVersion(suite, name);
  return { name: version === undefined ? `${what} of ${suite}` : `${what} ${version}`, present: version !== undefined };
}

function installedVersion(name: string): string {
  const { stdout } = spawnSync("dpkg-query", ["--status", name], { encoding: "utf8" });
  return /^Version: (.*)$/m.exec(stdout ?? "")?.[1] ?? "";
}
