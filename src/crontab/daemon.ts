import { readdir, readFile } from "node:fs/promises";
import type { CallCrontab, CrontabAnswer } from "./program.ts";

/** Which `crontab` program this is, by how it lets a file be checked without installing it. */
export interface CrontabKind {
  readonly name: "debian" | "cronie" | "busybox" | "other";
  /** Option that checks a file and changes nothing; `undefined` where there is none. */
  readonly checkOption: "-n" | "-T" | undefined;
}

/**
 * Tells the programs apart by what they answer to `-V`: cronie says its version; the others know no such option and
 * show how they are used. Never try `-n` to find out: on cronie it sets the host of a cluster.
 */
export function recogniseCrontab({ stdout, stderr }: Pick<CrontabAnswer, "stdout" | "stderr">): CrontabKind {
  const said = stdout + stderr;
  const cronie = /\bcronie (\d+)\.(\d+)(?:\.(\d+))?/.exec(said);
  if (cronie !== null) {
    const [major = 0, minor = 0, patch = 0] = cronie.slice(1).map((part) => Number(part ?? 0));
    const knowsCheck = major * 10_000 + minor * 100 + patch >= 1_05_06;
    return { name: "cronie", checkOption: knowsCheck ? "-T" : undefined };
  }
  if (/busybox/i.test(said)) return { name: "busybox", checkOption: undefined };
  // Debian's since 3.0pl1-160.
  if (/^\s*-n\s+\(dry run\b/m.test(said)) return { name: "debian", checkOption: "-n" };
  return { name: "other", checkOption: undefined };
}

export const findCrontabKind = async (call: CallCrontab): Promise<CrontabKind> => recogniseCrontab(await call(["-V"]));

const DAEMONS: ReadonlySet<string> = new Set(["cron", "crond", "cronie", "fcron", "dcron"]);

async function readProcFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, "latin1");
  } catch {
    // The process has ended, or may not be looked at: either way it tells us nothing.
    return undefined;
  }
}

const isDaemon = (comm: string, cmdline: string): boolean =>
  DAEMONS.has(comm) || (comm === "busybox" && cmdline.split("\0")[1] === "crond");

/**
 * Whether something runs here that reads crontabs; `undefined` where that cannot be told: no /proc, or one that hides
 * other users' processes.
 *
 * @param places where they are looked for
 */
export async function cronDaemonRuns(
  places: { readonly proc: string; readonly timers: string } = { proc: "/proc", timers: "/run/systemd/generator" },
): Promise<boolean | undefined> {
  const { proc, timers } = places;
  if ((await readProcFile(`${proc}/1/comm`)) === undefined) return undefined;
  const pids = (await readdir(proc)).filter((name) => /^\d+$/.test(name));
  for (const pid of pids) {
    const comm = (await readProcFile(`${proc}/${pid}/comm`))?.trimEnd();
    if (comm === undefined) continue;
    if (isDaemon(comm, (await readProcFile(`${proc}/${pid}/cmdline`)) ?? "")) return true;
  }
  // systemd-cron has no daemon: its generator makes a timer of each line.
  return (await readdir(timers).catch(() => [])).some((unit) => /^cron-.*\.timer$/.test(unit));
}
