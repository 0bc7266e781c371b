/** A process, told from every other one that this or another kernel has run. */
export interface ProcessIdentity {
  /** Of the kernel: another one after each boot. */
  readonly bootId: string;
  /** Inode of the pid namespace: in containers the same pid is another process. */
  readonly pidNamespace: string;
  readonly pid: number;
  /** When it started, in the kernel's ticks since boot: tells a process from a later one with its pid. */
  readonly startTicks: number;
}

/** What a token says by itself, so that even a record that was never written whole tells whose it is. */
export interface TokenOwner extends Omit<ProcessIdentity, "bootId"> {
  /** The first eight letters of the boot id. */
  readonly boot: string;
}

const TOKEN = /^([A-Za-z0-9]{1,8})\.(\d+)\.(\d+)\.(\d+)\.[0-9a-f]+$/;
const FILE = /^owner\.(.+)\.json$/;

/** Short form of a boot id, as a token bears it. */
export const shortBoot = (bootId: string): string => bootId.replace(/[^A-Za-z0-9]/g, "").slice(0, 8) || "0";

/** @param nonce hex, another one at each attempt, so that no two tokens are ever equal */
export function renderToken({ bootId, pidNamespace, pid, startTicks }: ProcessIdentity, nonce: string): string {
  return [shortBoot(bootId), pidNamespace, pid, startTicks, nonce].join(".");
}

/** `undefined` when `token` is not of our making. */
export function parseToken(token: string): TokenOwner | undefined {
  const [, boot, pidNamespace, pid, startTicks] = TOKEN.exec(token) ?? [];
  if (boot === undefined || pidNamespace === undefined) return undefined;
  return { boot, pidNamespace, pid: Number(pid), startTicks: Number(startTicks) };
}

/** Name of the one file in a held lock folder. */
export const tokenFileName = (token: string): string => `owner.${token}.json`;

/** The token in a file name; `undefined` when the file is not a token of ours. */
export function tokenInName(fileName: string): string | undefined {
  const token = FILE.exec(fileName)?.[1];
  return token !== undefined && parseToken(token) !== undefined ? token : undefined;
}
