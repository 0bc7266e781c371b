import { startTicksOf } from "../system/proc.ts";
import type { LockClaim, LockHolder } from "./lock.ts";
import { machineId, readKernel } from "./processes.ts";
import type { LockTiming } from "./timing.ts";

/** Identity of a process, unique across kernels, boots and containers. */
export interface ProcessIdentity {
  /** The kernel's boot id, different after each boot. */
  readonly bootId: string;
  /** Inode of the pid namespace: in another container the same pid is another process. */
  readonly pidNamespace: string;
  readonly pid: number;
  /** Start time in the kernel's ticks since boot. It distinguishes a process from a later one with the same pid. */
  readonly startTicks: number;
}

/** The owner as the token itself names it, even if the owner record is incomplete. */
export interface TokenOwner extends Omit<ProcessIdentity, "bootId"> {
  /** The first eight letters of the boot id. */
  readonly boot: string;
}

const TOKEN = /^([A-Za-z0-9]{1,8})\.(\d+)\.(\d+)\.(\d+)\.[0-9a-f]+$/;
const FILE = /^owner\.(.+)\.json$/;

/** Short form of a boot id for a token. */
export const shortBoot = (bootId: string): string => bootId.replace(/[^A-Za-z0-9]/g, "").slice(0, 8) || "0";

/** Renders a token. @param nonce hexadecimal, different for each attempt, so that all tokens differ */
export function renderToken({ bootId, pidNamespace, pid, startTicks }: ProcessIdentity, nonce: string): string {
  return [shortBoot(bootId), pidNamespace, pid, startTicks, nonce].join(".");
}

/** Parses a token; `undefined` if this program did not create it. */
export function parseToken(token: string): TokenOwner | undefined {
  const [, boot, pidNamespace, pid, startTicks] = TOKEN.exec(token) ?? [];
  if (boot === undefined || pidNamespace === undefined) return undefined;
  return { boot, pidNamespace, pid: Number(pid), startTicks: Number(startTicks) };
}

/** Whether a token's owner is, or was, a process that this one can see: of this boot and this pid namespace. */
export function isFromHere({ boot, pidNamespace }: TokenOwner): boolean {
  const here = readKernel();
  return boot === shortBoot(here.bootId) && pidNamespace === here.pidNamespace;
}

/** Name of the owner record's file, the only file in a lock directory. */
export const tokenFileName = (token: string): string => `owner.${token}.json`;

/** The token in a file name; `undefined` if the file is not an owner record. */
export function tokenInName(fileName: string): string | undefined {
  const token = FILE.exec(fileName)?.[1];
  return token !== undefined && parseToken(token) !== undefined ? token : undefined;
}

/** Content of an owner record. It is written once: the heartbeat touches the file and never rewrites it. */
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
  /** Whether a scheduler started the run. Absent in records of older versions. */
  readonly scheduled?: boolean | undefined;
  /** The run whose end started this one, by the policy `after`. */
  readonly triggeredBy?: string | undefined;
  /** `device:inode` of the file whose kernel lock the holder has; `null` if it could not take one. */
  readonly flock: string | null;
}

const TEXTS = ["host", "machineId", "bootId", "pidNamespace", "runId", "startedAt"] as const;
const NUMBERS = ["pid", "startTicks", "uid", "heartbeatMs", "leaseMs"] as const;

export const renderRecord = (record: LockRecord): string => `${JSON.stringify(record)}\n`;

const isAbsentOr = (type: "string" | "boolean", field: unknown): boolean =>
  field === undefined || typeof field === type;

function isRecord(value: unknown): value is LockRecord {
  if (typeof value !== "object" || value === null) return false;
  // Data from outside: every field is checked.
  const fields = value as Partial<Record<string, unknown>>;
  return (
    fields["format"] === 1 &&
    TEXTS.every((key) => typeof fields[key] === "string") &&
    NUMBERS.every((key) => typeof fields[key] === "number") &&
    isAbsentOr("string", fields["task"]) &&
    isAbsentOr("boolean", fields["scheduled"]) &&
    isAbsentOr("string", fields["triggeredBy"]) &&
    (fields["flock"] === null || typeof fields["flock"] === "string") &&
    !Number.isNaN(Date.parse(String(fields["startedAt"])))
  );
}

/** Parses an owner record; `undefined` if it is incomplete: its writer died or has not finished yet. */
export function parseRecord(text: string): LockRecord | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

export function holderOf({ startedAt, ...record }: LockRecord): LockHolder {
  const { host, pid, runId, task, scheduled, triggeredBy } = record;
  return { host, pid, runId, startedAt: new Date(startedAt), task, scheduled, triggeredBy };
}

/** The owner record of this process. @param flock `device:inode` of the file whose kernel lock it has */
export function recordOf(
  claim: LockClaim,
  flock: string | null,
  { heartbeatMs, leaseMs }: Pick<LockTiming, "heartbeatMs" | "leaseMs">,
): LockRecord {
  return {
    format: 1,
    host: claim.host,
    machineId: machineId(),
    ...readKernel(),
    pid: claim.pid,
    startTicks: startTicksOf(claim.pid),
    uid: claim.uid,
    runId: claim.runId,
    startedAt: claim.startedAt.toISOString(),
    task: claim.task,
    scheduled: claim.scheduled,
    triggeredBy: claim.triggeredBy,
    heartbeatMs,
    leaseMs,
    flock,
  };
}
