import { readlinkSync } from "node:fs";
import { errorCode } from "../errors.ts";
import { RUN_MARK } from "./lock.ts";

/** /proc hides the processes of others (EACCES), and some end meanwhile (ENOENT, ESRCH): they are none of ours. */
function stdinOf(pid: string): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/0`);
  } catch {
    return "";
  }
}

/** Loaded when it is needed, which takes longer than a run has time for; most runs look at no process. */
const promises = () => import("node:fs/promises");

async function belongsTo(pid: string, token: string, flockFile: string): Promise<boolean> {
  // Not synchronous: the kernel may make us wait for the memory of a process that is stuck.
  const { readFile } = await promises();
  const environment = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => "");
  return environment.split("\0").includes(`${RUN_MARK}=${token}`) || stdinOf(pid) === flockFile;
}

/**
 * Live processes of a pipeline: those that bear the token as their mark, or have the kernel lock as their stdin. A zombie
 * has neither. Processes of another user are seen by root only; without /proc none is.
 */
export async function findPipelineProcesses(token: string, flockFile: string): Promise<readonly number[]> {
  const { readdir } = await promises();
  const pids = (await readdir("/proc").catch(() => [])).filter((name) => /^\d+$/.test(name));
  const found: number[] = [];
  for (const pid of pids) {
    if (await belongsTo(pid, token, flockFile)) found.push(Number(pid));
  }
  return found;
}

/** Sends a signal to those processes, each looked at anew just before: a pid may be another's by then. @returns which */
async function signalPipelineProcesses(
  token: string,
  flockFile: string,
  { signal, except }: { readonly signal: NodeJS.Signals; readonly except: readonly number[] },
): Promise<readonly number[]> {
  const told: number[] = [];
  for (const pid of await findPipelineProcesses(token, flockFile)) {
    if (except.includes(pid) || !(await belongsTo(String(pid), token, flockFile))) continue;
    try {
      process.kill(pid, signal);
      told.push(pid);
    } catch (error) {
      // It has gone, or it is another user's by now, whom we cannot tell anything.
      if (errorCode(error) !== "ESRCH" && errorCode(error) !== "EPERM") throw error;
    }
  }
  return told;
}

/** The live processes of one run's pipeline, found and told by their pids. */
export interface MarkedProcesses {
  find(): Promise<readonly number[]>;
  /** @param except those that have been told already */
  signal(signal: NodeJS.Signals, except?: readonly number[]): Promise<readonly number[]>;
}

export const markedProcesses = (token: string, flockFile: string): MarkedProcesses => ({
  find: () => findPipelineProcesses(token, flockFile),
  signal: (signal, except = []) => signalPipelineProcesses(token, flockFile, { signal, except }),
});
