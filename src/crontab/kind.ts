import type { CallCrontab, CrontabAnswer } from "./program.ts";

/** Which `crontab` program this is, and how it lets a file be checked without installing it. */
export interface CrontabKind {
  readonly name: "debian" | "cronie" | "busybox" | "systemd" | "other";
  /** Where it says one. */
  readonly version: string | undefined;
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
    return { name: "cronie", version: cronie[0].slice(7), checkOption: knowsCheck ? "-T" : undefined };
  }
  const busybox = /busybox v?(\S*)/i.exec(said);
  if (busybox !== null) return { name: "busybox", version: busybox[1] || undefined, checkOption: undefined };
  // Debian's since 3.0pl1-160.
  if (/^\s*-n\s+\(dry run\b/m.test(said)) return { name: "debian", version: undefined, checkOption: "-n" };
  // systemd-cron's speaks as Python's argparse does.
  if (/^usage: crontab \[-h\] \[-u USER\]/m.test(said))
    return { name: "systemd", version: undefined, checkOption: undefined };
  return { name: "other", version: undefined, checkOption: undefined };
}

export const findCrontabKind = async (call: CallCrontab): Promise<CrontabKind> => recogniseCrontab(await call(["-V"]));
