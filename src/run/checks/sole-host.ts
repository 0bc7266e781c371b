import { existsSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { Host } from "../../host.ts";
import { allLocal } from "../../storage/deadline.ts";
import type { StatePaths } from "../../storage/paths.ts";

/** The pid namespace of the machine itself, the same on every kernel (PROC_PID_INIT_INO in include/linux/proc_ns.h). */
const MACHINE_NAMESPACE = "pid:[4026531836]";

/** Whether another host has a record in the history. */
async function hasOtherHost(paths: StatePaths, ours: string): Promise<boolean> {
  const { listHistoryHosts } = await import("../../history/read.ts");
  return (await listHistoryHosts(paths)).some((host) => host !== ours);
}

/**
 * Whether only processes that this process can see use the config directory: all mounts of this machine are local
 * (an NFS server mounts `nfsd`), this process is not in a container, /proc hides no process, and no other host is in
 * the history. If any of that is not known, the answer is no.
 */
export async function isSoleHost(paths: StatePaths, { name, root }: Pick<Host, "name" | "root">): Promise<boolean> {
  const proc = join(root, "proc");
  try {
    return (
      readlinkSync(join(proc, "self/ns/pid")) === MACHINE_NAMESPACE &&
      existsSync(join(proc, "1/stat")) &&
      allLocal(readFileSync(join(proc, "self/mountinfo"), "utf8")) &&
      !(await hasOtherHost(paths, name))
    );
  } catch {
    return false;
  }
}
