import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename, join } from "node:path";
import { DAEMONS, type Daemon } from "../../cron/run-times.ts";
import { errorCode, StoreError } from "../../errors.ts";
import { listPids } from "../../system/proc.ts";
import type { CallCrontab } from "./call-crontab.ts";
import { type CrontabKind, findCrontabKind } from "./crontab-program.ts";

/**
 * Finds the version of a package that dpkg or apk has installed.
 *
 * @param root directory that replaces `/`
 * @returns `undefined` if neither has installed it
 */
function installedVersion(name: string, root: string): string | undefined {
  const inDpkg = paragraph(`Package: ${name}`, textOf(join(root, "var/lib/dpkg/status")));
  if (/^Status: \S+ \S+ installed$/m.test(inDpkg)) return /^Version: (\S+)$/m.exec(inDpkg)?.[1];
  return /^V:(\S+)$/m.exec(paragraph(`P:${name}`, textOf(join(root, "lib/apk/db/installed"))))?.[1];
}

/** The paragraph that contains a line. Empty lines separate the paragraphs of both files. */
function paragraph(line: string, text: string): string {
  const at = `\n${text}`.indexOf(`\n${line}\n`);
  if (at === -1) return "";
  const [start, end] = [text.lastIndexOf("\n\n", at), text.indexOf("\n\n", at)];
  return text.slice(start === -1 ? 0 : start, end === -1 ? undefined : end);
}

function textOf(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EACCES"].includes(errorCode(error) ?? "")) return "";
    throw error;
  }
}

/** A process that reads crontabs. */
interface DaemonProcess {
  readonly pid: number;
  /** Such as `cron` or `crond`; `busybox` for busybox's crond, if this user may see the program. */
  readonly program: string;
}

const DAEMON_PROGRAMS: ReadonlySet<string> = new Set(["cron", "crond", "cronie", "fcron", "dcron"]);

/**
 * Finds the first process that reads crontabs.
 *
 * @param root directory that replaces `/`
 * @returns "none", or `undefined` if /proc is missing or hides the processes of other users
 */
function findDaemonProcess(root: string): DaemonProcess | "none" | undefined {
  const proc = join(root, "proc");
  if (orNothing(() => readFileSync(join(proc, "1", "comm"))) === undefined) return undefined;
  for (const pid of listPids(root) ?? []) {
    const program = daemonProgram(join(proc, String(pid)));
    if (program !== undefined) return { pid, program };
  }
  return "none";
}

function daemonProgram(directory: string): string | undefined {
  const read = (name: string): string => orNothing(() => readFileSync(join(directory, name), "latin1")) ?? "";
  const comm = read("comm").trimEnd();
  if (comm === "busybox" && read("cmdline").split("\0")[1] === "crond") return "busybox";
  if (!DAEMON_PROGRAMS.has(comm)) return undefined;
  // Only root and the daemon's own user can read this link.
  const binary = orNothing(() => readlinkSync(join(directory, "exe"))) ?? comm;
  return basename(binary).startsWith("busybox") ? "busybox" : comm;
}

/** A process that has ended, or that this user may not inspect, gives no information. */
function orNothing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** Whether systemd-cron has created timers for crontab lines. It has no daemon. */
const hasCronTimers = (root: string): boolean =>
  (orNothing(() => readdirSync(join(root, "run/systemd/generator"))) ?? []).some((unit) =>
    /^cron-.*\.timer$/.test(unit),
  );

/** The cron that would start the lines of a crontab on this machine. */
export interface DetectedCron {
  /** `other`: an unknown cron. */
  readonly kind: Daemon | "other" | "none";
  /** For people, such as "Debian cron 3.0pl1-162". */
  readonly name: string;
  /** Such as "3.0pl1-162"; `undefined` if it is unknown. */
  readonly version: string | undefined;
  /** `undefined` if that cannot be determined. */
  readonly runs: boolean | undefined;
  /** Process id, if its process is visible. */
  readonly pid: number | undefined;
  /** Whether this machine is a container, which runs only the processes that its image starts. */
  readonly inContainer: boolean;
}

const NAMES: Readonly<Record<Daemon | "none", string>> = {
  debian: "Debian cron",
  cronie: "cronie",
  busybox: "busybox crond",
  systemd: "systemd-cron",
  none: "none",
};

/**
 * Detects the cron of this machine.
 *
 * @param root directory that replaces `/`
 * @param call calls the `crontab` program
 */
export async function detectCron(root: string, call: CallCrontab): Promise<DetectedCron> {
  const inContainer = existsSync(join(root, ".dockerenv")) || existsSync(join(root, "run/.containerenv"));
  if (existsSync(join(root, "System/Library/CoreServices/SystemVersion.plist"))) {
    // launchd starts cron as soon as a crontab exists.
    return { kind: "other", name: "macOS's cron", version: undefined, runs: undefined, pid: undefined, inContainer };
  }
  const crontab = await crontabKindOrNone(call);
  const found = findDaemonProcess(root);
  const process = found === "none" ? undefined : found;
  const hasTimers = process === undefined && hasCronTimers(root);
  const kind = hasTimers ? "systemd" : kindOf(process?.program, crontab, root);
  const version =
    crontab?.name === kind && crontab.version !== undefined ? crontab.version : packagedVersion(kind, root);
  const name = kind === "other" ? (process?.program ?? "an unknown cron") : NAMES[kind];
  return {
    kind,
    name: version === undefined ? name : `${name} ${version}`,
    version,
    runs: hasTimers || process !== undefined ? true : found === "none" ? false : undefined,
    pid: process?.pid,
    inContainer,
  };
}

/** Describes the cron on one line: `Debian cron 3.0pl1-162, running (pid 123)`. */
export function describeDetectedCron({ kind, name, runs, pid, inContainer }: DetectedCron): string {
  const where = inContainer ? " in this container" : "";
  if (kind === "none") return `none${where}: no crontab program and no daemon was found`;
  if (runs === undefined) return name;
  if (!runs) return `${name}, not running${where}`;
  return `${name}, running${pid === undefined ? "" : ` (pid ${pid})`}`;
}

async function crontabKindOrNone(call: CallCrontab): Promise<CrontabKind | undefined> {
  try {
    return await findCrontabKind(call);
  } catch (error) {
    // A program that is missing or cannot be started gives no information; later steps report that.
    if (error instanceof StoreError) return undefined;
    throw error;
  }
}

type Kind = DetectedCron["kind"];

/**
 * Identifies the cron by its process and its `crontab` program: the daemons of cronie and busybox are both called
 * `crond`.
 */
function kindOf(program: string | undefined, crontab: CrontabKind | undefined, root: string): Kind {
  if (program === undefined && crontab === undefined) return "none";
  if (program === "busybox") return "busybox";
  if (program !== undefined && !/^(?:cron|crond|cronie)$/.test(program)) return "other";
  if (crontab !== undefined && crontab.name !== "other") return crontab.name;
  return DAEMONS.find((kind) => packagedVersion(kind, root) !== undefined) ?? "other";
}

const PACKAGES: Readonly<Record<Daemon, readonly string[]>> = {
  debian: ["cron"],
  cronie: ["cronie"],
  busybox: ["busybox-static", "busybox"],
  systemd: ["systemd-cron"],
};

function packagedVersion(kind: Kind, root: string): string | undefined {
  if (kind === "other" || kind === "none") return undefined;
  for (const name of PACKAGES[kind]) {
    const version = installedVersion(name, root);
    if (version !== undefined) return version;
  }
  return undefined;
}
