import type { LockClaim, LockHolder } from "./lock.ts";
import { machineId, startTicksOf, thisKernel } from "./processes.ts";
import type { LockTiming } from "./timing.ts";

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

/** Content of a token file, written once: the heartbeat touches the file and never rewrites it. */
export interface LockRecord extends ProcessIdentity {
  readonly format: 1;
  readonly host: string;
  /** `/etc/machine-id`; empty where there is none. */
  readonly machineId: string;
  readonly uid: number;
  readonly runId: string;
  /** ISO 8601 UTC. */
  readonly startedAt: string;
  readonly heartbeatMs: number;
  readonly leaseMs: number;
  /** Entry and slot of the run. */
  readonly task?: string | undefined;
  /** Which inode's kernel lock the holder has, as `device:inode`; `null` where it could not take one. */
  readonly flock: string | null;
  /** Limits of the lock on the holder's host, one sentence each; absent when there are none. */
  readonly lacks?: readonly string[] | undefined;
}

const TEXTS = ["host", "machineId", "bootId", "pidNamespace", "runId", "startedAt"] as const;
const NUMBERS = ["pid", "startTicks", "uid", "heartbeatMs", "leaseMs"] as const;

export const renderRecord = (record: LockRecord): string => `${JSON.stringify(record)}\n`;

function isRecord(value: unknown): value is LockRecord {
  if (typeof value !== "object" || value === null) return false;
  // Data from outside: every field is checked.
  const fields = value as Partial<Record<string, unknown>>;
  return (
    fields["format"] === 1 &&
    TEXTS.every((key) => typeof fields[key] === "string") &&
    NUMBERS.every((key) => typeof fields[key] === "number") &&
    (fields["task"] === undefined || typeof fields["task"] === "string") &&
    (fields["flock"] === null || typeof fields["flock"] === "string") &&
    !Number.isNaN(Date.parse(String(fields["startedAt"])))
  );
}

/** `undefined` when the text is not whole: its writer died, or has not finished yet. */
export function parseRecord(text: string): LockRecord | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function holderOf({ host, pid, runId, startedAt, task }: LockRecord): LockHolder {
  return { host, pid, runId, startedAt: new Date(startedAt), ...(task === undefined ? {} : { task }) };
}

/** What our record says. @param flock `device:inode` of the kernel lock that we have; @param lacks a sentence each */
export function recordOf(
  claim: LockClaim,
  flock: string | null,
  { heartbeatMs, leaseMs }: Pick<LockTiming, "heartbeatMs" | "leaseMs">,
  lacks: readonly string[] = [],
): LockRecord {
  return {
    format: 1,
    host: claim.host,
    machineId: machineId(),
    ...thisKernel(),
    pid: claim.pid,
    startTicks: startTicksOf(claim.pid),
    uid: claim.uid,
    runId: claim.runId,
    startedAt: claim.startedAt.toISOString(),
    task: claim.task,
    heartbeatMs,
    leaseMs,
    flock,
    ...(lacks.length === 0 ? {} : { lacks }),
  };
}
