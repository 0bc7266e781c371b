import { readlinkSync } from "node:fs";
import { readdir, readFile } from "node:fs/promises";
import { RUN_MARK } from "./lock.ts";

/** /proc hides the processes of others (EACCES), and some end meanwhile (ENOENT, ESRCH): they are none of ours. */
function stdinOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/0`);
  } catch {
    return "";
  }
}

/**
 * Live processes of a pipeline: those that bear the token as their mark, or have the kernel lock as their stdin. A zombie
 * has neither. Processes of another user are seen by root only; without /proc none is.
 */
export async function findPipelineProcesses(token: string, flockFile: string): Promise<readonly number[]> {
  const mark = `${RUN_MARK}=${token}`;
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  const found: number[] = [];
  for (const pid of pids) {
    // Not synchronous: the kernel may make us wait for the memory of a process that is stuck.
    const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
    if (environment.split("\0").includes(mark) || stdinOf(pid) === flockFile) found.push(Number(pid));
  }
  return found;
}
