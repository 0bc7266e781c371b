import type { LockHolder } from "./lock.ts";
import type { ProcessIdentity } from "./token.ts";

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
  /** What the run stands for, where it stands for more than itself. */
  readonly task?: string | undefined;
  /** Which inode's kernel lock the holder has, as `device:inode`; `null` where it could not take one. */
  readonly flock: string | null;
  /** What the holder's host lacks for the whole lock, a sentence each; left out where that is nothing. */
  readonly lacks?: readonly string[] | undefined;
}

const TEXTS = ["host", "machineId", "bootId", "pidNamespace", "runId", "startedAt"] as const;
const NUMBERS = ["pid", "startTicks", "uid", "heartbeatMs", "leaseMs"] as const;

export const renderRecord = (record: LockRecord): string => `${JSON.stringify(record)}\n`;

function isRecord(value: unknown): value is LockRecord {
  if (typeof value !== "object" || value === null) return false;
  // Bytes from outside: every field is looked at before it counts as one of ours.
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
