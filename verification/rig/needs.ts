import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { delimiter, join } from "node:path";
import { SYSTEM_PATH } from "../../test/support/run-program.ts";
import { FAKETIME } from "./faketime.ts";

interface Need {
  readonly what: string;
  readonly present: () => boolean;
  readonly packages: readonly string[];
}

/** Programs that the rig needs, and the Debian packages that contain them. */
const NEEDS: readonly Need[] = [
  { what: "the cron daemon", present: () => hasProgram("cron") && hasProgram("crontab"), packages: ["cron"] },
  {
    what: "a C compiler",
    present: () => hasProgram("cc") && existsSync("/usr/include/stdlib.h"),
    packages: ["gcc", "libc6-dev"],
  },
  {
    what: "unshare, nsenter and setpriv",
    present: () => ["unshare", "nsenter", "setpriv"].every(hasProgram),
    packages: ["util-linux"],
  },
  { what: "mount", present: () => hasProgram("mount"), packages: ["mount"] },
  { what: "zone data", present: () => existsSync("/usr/share/zoneinfo/Europe/London"), packages: ["tzdata"] },
];

/** Further programs for the tests of systemd-cron. */
const TIMER_NEEDS: readonly Need[] = [
  { what: "systemd-analyze", present: () => hasProgram("systemd-analyze"), packages: ["systemd"] },
  { what: "Debian's python3", present: () => existsSync("/usr/bin/python3"), packages: ["python3"] },
];

/** Further programs for the lock's fault list, which is skipped without them. */
const LOCK_NEEDS: readonly Need[] = [{ what: "faketime", present: () => existsSync(FAKETIME), packages: ["faketime"] }];

/** Programs with which the Airflow tests install Airflow. The tests report it if one is missing. */
const AIRFLOW_NEEDS: readonly Need[] = [
  {
    what: "python3 with venv",
    present: () => spawnSync("python3", ["-c", "import ensurepip, venv"]).status === 0,
    packages: ["python3", "python3-venv"],
  },
];

/** Further programs for the tests of containers. */
const CONTAINER_NEEDS: readonly Need[] = [
  { what: "podman", present: () => existsSync("/usr/bin/podman"), packages: ["podman"] },
  // crun, Debian's default, needs cgroups that a machine in a container does not have.
  { what: "runc", present: () => hasProgram("runc"), packages: ["runc"] },
];

/** The program with which the tests of the metrics check them. */
const METRICS_NEEDS: readonly Need[] = [
  { what: "promtool", present: () => hasProgram("promtool"), packages: ["prometheus"] },
];

/** The shells in which the tests of completion type, and the program that gives them a terminal. */
const COMPLETION_NEEDS: readonly Need[] = ["bash", "zsh", "fish"]
  .map((shell): Need => ({ what: shell, present: () => hasProgram(shell), packages: [shell] }))
  .concat({ what: "script", present: () => hasProgram("script"), packages: ["bsdutils"] });

/** The programs with which the test of the man page checks it. */
const MAN_PAGE_NEEDS: readonly Need[] = [
  { what: "man", present: () => hasProgram("man"), packages: ["man-db"] },
  { what: "mandoc", present: () => hasProgram("mandoc"), packages: ["mandoc"] },
];

/** In CI nothing may be left out: what is missing is installed, and a test that cannot run fails. */
export const inCi = process.env["CI"] === "true";

/** Packages that would bring what is not there. */
export const missingPackages = (): readonly string[] =>
  missing([
    ...NEEDS,
    ...TIMER_NEEDS,
    ...LOCK_NEEDS,
    ...AIRFLOW_NEEDS,
    ...CONTAINER_NEEDS,
    ...METRICS_NEEDS,
    ...COMPLETION_NEEDS,
    ...MAN_PAGE_NEEDS,
  ]).flatMap(({ packages }) => packages);

/** Why no private cron can be made here, as one sentence; `undefined` when it can. */
export function cannotRun(): string | undefined {
  if (process.platform !== "linux") return "the private cron machine is made of Linux namespaces";
  if (process.getuid?.() !== 0)
    return "the private cron machine needs root (a mount namespace, jobs started as their user)";
  const lacking = missing(NEEDS);
  return lacking.length === 0 ? namespaceFault() : describeMissing(lacking);
}

/** Why no timers can be read here, as one sentence; `undefined` when they can. */
export function cannotReadTimers(): string | undefined {
  const lacking = missing(TIMER_NEEDS);
  return lacking.length === 0 ? cannotRun() : describeMissing(lacking);
}

/** The parts that the tests of containers lack, as one sentence; `undefined` if all are here. */
export function lackingForContainers(): string | undefined {
  const lacking = missing(CONTAINER_NEEDS);
  return lacking.length === 0 ? undefined : describeMissing(lacking);
}

/** The parts that the tests of the metrics lack, as one sentence; `undefined` if all are here. */
export function lackingForMetrics(): string | undefined {
  const lacking = missing(METRICS_NEEDS);
  return lacking.length === 0 ? undefined : describeMissing(lacking);
}

/** The parts that the tests of completion lack, as one sentence; `undefined` if all are here. */
export function lackingForCompletion(): string | undefined {
  const lacking = missing(COMPLETION_NEEDS);
  return lacking.length === 0 ? undefined : describeMissing(lacking);
}

/** The parts that the test of the man page lacks, as one sentence; `undefined` if all are here. */
export function lackingForManPage(): string | undefined {
  const lacking = missing(MAN_PAGE_NEEDS);
  return lacking.length === 0 ? undefined : describeMissing(lacking);
}

function describeMissing(lacking: readonly Need[]): string {
  const packages = lacking.flatMap(({ packages }) => packages).join(" ");
  return `not here: ${lacking.map(({ what }) => what).join(", ")} (on Debian: apt-get install ${packages})`;
}

/** Root in a container may be root without mounts. */
function namespaceFault(): string | undefined {
  const words = ["--mount", "--propagation", "private", "mount", "-t", "tmpfs", "rig", "/tmp"];
  const { status, stderr } = spawnSync("unshare", words, { encoding: "utf8", env: { PATH: SYSTEM_PATH } });
  return status === 0 ? undefined : `this machine lets nobody mount in a namespace of his own: ${stderr.trim()}`;
}

const missing = (needs: readonly Need[]) => needs.filter(({ present }) => !present());

/** Whether the system has a program, by its name. */
export const hasProgram = (name: string): boolean =>
  SYSTEM_PATH.split(delimiter).some((directory) => existsSync(join(directory, name)));
