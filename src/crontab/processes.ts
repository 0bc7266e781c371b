import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { basename, join } from "node:path";

/** A process that reads crontabs. */
export interface DaemonProcess {
  readonly pid: number;
  /** Such as `cron` or `crond`; `busybox` for busybox's crond, where we may see which program it is. */
  readonly program: string;
}

const DAEMONS: ReadonlySet<string> = new Set(["cron", "crond", "cronie", "fcron", "dcron"]);

/**
 * The first process here that reads crontabs.
 *
 * @param root folder to take for `/`
 * @returns "none", or `undefined` where it cannot be told: no /proc, or one that hides other users' processes
 */
export function findDaemonProcess(root: string): DaemonProcess | "none" | undefined {
  const proc = join(root, "proc");
  if (orNothing(() => readFileSync(join(proc, "1", "comm"))) === undefined) return undefined;
  const pids = readdirSync(proc).filter((name) => /^\d+$/.test(name));
  for (const pid of pids.map(Number).sort((one, other) => one - other)) {
    const program = daemonProgram(join(proc, String(pid)));
    if (program !== undefined) return { pid, program };
  }
  return "none";
}

function daemonProgram(folder: string): string | undefined {
  const read = (name: string): string => orNothing(() => readFileSync(join(folder, name), "latin1")) ?? "";
  const comm = read("comm").trimEnd();
  if (comm === "busybox" && read("cmdline").split("\0")[1] === "crond") return "busybox";
  if (!DAEMONS.has(comm)) return undefined;
  // Only root and the daemon's own user may follow this link.
  const binary = orNothing(() => readlinkSync(join(folder, "exe"))) ?? comm;
  return basename(binary).startsWith("busybox") ? "busybox" : comm;
}

/** What has ended meanwhile, or may not be looked at, tells us nothing. */
function orNothing<T>(read: () => T): T | undefined {
  try {
    return read();
  } catch {
    return undefined;
  }
}

/** Whether systemd-cron has made timers of crontab lines: it has no daemon. */
export const hasCronTimers = (root: string): boolean =>
  (orNothing(() => readdirSync(join(root, "run/systemd/generator"))) ?? []).some((unit) =>
    /^cron-.*\.timer$/.test(unit),
  );
