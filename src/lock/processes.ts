import { readFileSync, readlinkSync } from "node:fs";
import { hostname, uptime } from "node:os";
import { errorCode } from "../errors.ts";
import { findState, listPids } from "../system/proc.ts";
import { parseRunTokens, RUN_TOKEN_ENV } from "./lock.ts";

/** The kernel and the pid namespace of this process. */
export interface Kernel {
  readonly bootId: string;
  readonly pidNamespace: string;
}

/** Stands for the pid namespace without /proc. Then the boot id is unknown too. */
export const NO_NAMESPACE = "0";

/**
 * Reads the identity of the kernel. Every start does this, so it takes few steps; /proc never hangs.
 *
 * Without /proc (macOS) the host name replaces the boot id. After a reboot a dead holder then counts as alive if another
 * process has its pid.
 */
export function readKernel(): Kernel {
  try {
    const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return { bootId, pidNamespace: readlinkSync("/proc/self/ns/pid").replace(/\D/g, "") };
  } catch {
    return { bootId: hostname(), pidNamespace: NO_NAMESPACE };
  }
}

/** The machine's id, which a reboot does not change; "" if the system has none. */
export function machineId(): string {
  try {
    return readFileSync("/etc/machine-id", "utf8").trim();
  } catch {
    return "";
  }
}

/** Milliseconds since boot, including sleep. Nobody sets this clock, so it measures waiting times. */
export const uptimeMs = (): number => uptime() * 1000;

/** Measures time and waits. */
export interface LockClock {
  sinceBootMs(): number;
  /** Resolves after `ms`, or with `until`. */
  pause(ms: number, until?: Promise<unknown>): Promise<void>;
}

export const realClock: LockClock = {
  sinceBootMs: uptimeMs,
  async pause(ms, until) {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await (until === undefined ? over : Promise.race([over, until]));
    clearTimeout(timer);
  },
};

/** The file that is a process's stdin; "" if the process has ended or belongs to another user, so it is not ours. */
function stdinOf(pid: number): string {
  try {
    return readlinkSync(`/proc/${pid}/fd/0`);
  } catch {
    return "";
  }
}

/** Loaded only when it is needed, because most runs look at no process. */
const promises = () => import("node:fs/promises");

const EXEC_PAUSE_MS = 5;
const EXEC_LOOKS = 3;

/**
 * The environment that a process was started with; `undefined` if it has ended or belongs to another user. It is empty
 * for a moment while the process starts another program, so an empty one is read again.
 *
 * @param looks number of looks until an environment counts as empty
 */
export async function environmentOf(pid: number, looks = EXEC_LOOKS): Promise<string | undefined> {
  // Asynchronous: the kernel may block the read while a process is stuck.
  const { readFile } = await promises();
  for (let look = 1; ; look++) {
    const text = await readFile(`/proc/${pid}/environ`, "latin1").catch(() => undefined);
    if (text !== "") return text;
    const state = findState(pid);
    if (state === undefined || state.zombie) return undefined;
    if (state.kernelThread || look >= looks) return text;
    await realClock.pause(EXEC_PAUSE_MS);
  }
}

/** The values of the run token variable in an environment as /proc shows it. */
const tokenValues = (environment: string): readonly string[] =>
  environment.split("\0").flatMap((variable) => {
    const [name, value] = [variable.slice(0, RUN_TOKEN_ENV.length + 1), variable.slice(RUN_TOKEN_ENV.length + 1)];
    return name === `${RUN_TOKEN_ENV}=` ? value : [];
  });

async function belongsTo(pid: number, token: string, flockFile: string): Promise<boolean> {
  const tokens = tokenValues((await environmentOf(pid)) ?? "").flatMap(parseRunTokens);
  return tokens.includes(token) || stdinOf(pid) === flockFile;
}

/** Whether a run of this program started a process. `false` also if its environment cannot be read. */
export function hasRunToken(pid: number): boolean {
  try {
    return tokenValues(readFileSync(`/proc/${pid}/environ`, "latin1")).length > 0;
  } catch {
    return false;
  }
}

/**
 * Finds the running processes of a pipeline: they have the token in their environment, or the kernel lock as their stdin. A
 * zombie has neither. Only root sees the processes of other users.
 *
 * @returns `undefined` without /proc: then processes cannot be found
 */
export async function findPipelineProcesses(token: string, flockFile: string): Promise<readonly number[] | undefined> {
  const found: number[] = [];
  const seen = new Set<number>();
  // A process that was listed may end during the search, after it has started another one. So the search goes on until
  // it finds no new process.
  for (;;) {
    const unseen = listPids()?.filter((pid) => !seen.has(pid));
    if (unseen === undefined) return undefined;
    if (unseen.length === 0) return found;
    for (const pid of unseen) {
      seen.add(pid);
      if (await belongsTo(pid, token, flockFile)) found.push(pid);
    }
  }
}

/**
 * Finds the processes of a pipeline whose PipelineWise has ended, while its wrapper waits for them. Finds none while
 * PipelineWise, which is a child of the wrapper, is running.
 */
export async function findRemaining(token: string, wrapper: number, flockFile: string): Promise<readonly number[]> {
  for (const pid of listPids() ?? []) {
    if (findState(pid)?.parent === wrapper && (await belongsTo(pid, token, flockFile))) return [];
  }
  return (await findPipelineProcesses(token, flockFile)) ?? [];
}

/**
 * Sends a signal to the processes of a pipeline. Each one is checked again just before, because its pid may have been
 * reused.
 *
 * @returns the processes that got the signal
 */
async function signalPipelineProcesses(
  token: string,
  flockFile: string,
  { signal, except }: { readonly signal: NodeJS.Signals; readonly except: readonly number[] },
): Promise<readonly number[]> {
  const told: number[] = [];
  for (const pid of (await findPipelineProcesses(token, flockFile)) ?? []) {
    if (except.includes(pid) || !(await belongsTo(pid, token, flockFile))) continue;
    try {
      process.kill(pid, signal);
      told.push(pid);
    } catch (error) {
      // It has ended, or its pid now belongs to a process of another user.
      if (errorCode(error) !== "ESRCH" && errorCode(error) !== "EPERM") throw error;
    }
  }
  return told;
}

/** Finds and signals the running processes of one run's pipeline. */
export interface TaggedProcesses {
  /** Finds no process if there is no /proc. */
  find(): Promise<readonly number[]>;
  /** @param except processes that have already got the signal */
  signal(signal: NodeJS.Signals, except?: readonly number[]): Promise<readonly number[]>;
}

export const taggedProcesses = (token: string, flockFile: string): TaggedProcesses => ({
  find: async () => (await findPipelineProcesses(token, flockFile)) ?? [],
  signal: (signal, except = []) => signalPipelineProcesses(token, flockFile, { signal, except }),
});
