import { existsSync } from "node:fs";
import { join } from "node:path";
import { DAEMONS, type Daemon } from "../cron/daemons.ts";
import { StoreError } from "../errors.ts";
import { type CrontabKind, findCrontabKind } from "./kind.ts";
import { installedVersion } from "./packages.ts";
import { findDaemonProcess, hasCronTimers } from "./processes.ts";
import type { CallCrontab } from "./program.ts";

/** What would start the lines of a crontab on this machine. */
export interface CronHere {
  /** `other`: a cron whose ways we do not know. */
  readonly kind: Daemon | "other" | "none";
  /** For people, such as "Debian cron 3.0pl1-162". */
  readonly name: string;
  /** Such as "3.0pl1-162"; `undefined` where nothing tells it. */
  readonly version: string | undefined;
  /** `undefined`: it cannot be told. */
  readonly runs: boolean | undefined;
  /** Of its process, where it has one that we can see. */
  readonly pid: number | undefined;
  /** This machine is a container, which has only the processes that its image starts. */
  readonly inContainer: boolean;
}

const NAMES: Readonly<Record<Daemon | "none", string>> = {
  debian: "Debian cron",
  cronie: "cronie",
  busybox: "busybox crond",
  systemd: "systemd-cron",
  none: "none",
};

/** Looks for it. @param root folder to take for `/`; @param call the `crontab` program */
export async function findCronHere(root: string, call: CallCrontab): Promise<CronHere> {
  const inContainer = existsSync(join(root, ".dockerenv")) || existsSync(join(root, "run/.containerenv"));
  if (existsSync(join(root, "System/Library/CoreServices/SystemVersion.plist"))) {
    // launchd starts it as soon as there is a crontab.
    return { kind: "other", name: "macOS's cron", version: undefined, runs: undefined, pid: undefined, inContainer };
  }
  const crontab = await crontabKindOrNone(call);
  const found = findDaemonProcess(root);
  const process = found === "none" ? undefined : found;
  const hasTimers = process === undefined && hasCronTimers(root);
  const kind = hasTimers ? "systemd" : kindOf(process?.program, crontab, root);
  const version =
    crontab?.name === kind && crontab.version !== undefined ? crontab.version : packagedVersion(kind, root);
  const name = kind === "other" ? (process?.program ?? "a cron we do not know") : NAMES[kind];
  return {
    kind,
    name: version === undefined ? name : `${name} ${version}`,
    version,
    runs: hasTimers || process !== undefined ? true : found === "none" ? false : undefined,
    pid: process?.pid,
    inContainer,
  };
}

/** On one line: `Debian cron 3.0pl1-162, running (pid 123)`. */
export function describeCronHere({ kind, name, runs, pid, inContainer }: CronHere): string {
  const where = inContainer ? " in this container" : "";
  if (kind === "none") return `none${where}: there is no crontab program, and no daemon to be seen`;
  if (runs === undefined) return name;
  if (!runs) return `${name}, not running${where}`;
  return `${name}, running${pid === undefined ? "" : ` (pid ${pid})`}`;
}

async function crontabKindOrNone(call: CallCrontab): Promise<CrontabKind | undefined> {
  try {
    return await findCrontabKind(call);
  } catch (error) {
    // One that is not there, or cannot be started, tells nothing; who needs it will say so.
    if (error instanceof StoreError) return undefined;
    throw error;
  }
}

type Kind = CronHere["kind"];

/** By the process, and by whose `crontab` stands beside it: cronie's and busybox's daemon are both called `crond`. */
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
