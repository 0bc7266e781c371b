import type { HolderState } from "./lock.ts";
import type { LockRecord } from "./record.ts";
import { type ProcessIdentity, parseToken, shortBoot } from "./token.ts";

/** Dead is proved, never guessed; everything else is held. */
export type Verdict = HolderState | { readonly kind: "dead" };

/** Where we stand. */
export interface Here extends ProcessIdentity {
  readonly host: string;
  readonly machineId: string;
  /** `device:inode` whose kernel lock we have now; `null` where there is none to have. */
  readonly flock: string | null;
  readonly heartbeatMs: number;
  readonly leaseMs: number;
}

/** What can be found out about a holder; asked only for what a verdict needs. */
export interface Witness {
  /** Whether that process runs in our pid namespace. */
  processLives(pid: number, startTicks: number): boolean;
  /** Live processes of the pipeline that was started under this token. */
  pipelineProcesses(token: string): Promise<readonly number[]>;
  /** Since the last sign of life, by the file server's clock. */
  silentMs(token: string): Promise<number>;
}

/** Signs of life that may fail to come before a host that was booted again counts as silent. */
const BEATS_OF_SILENCE = 3;

const unproved: Verdict = { kind: "unproved" };
const dead: Verdict = { kind: "dead" };

/** A holder on the kernel that runs us. */
async function judgeHere(token: string, owner: LocalOwner, here: Here, witness: Witness): Promise<Verdict> {
  // We have the kernel lock that its record names: then its wrapper, which keeps it open, is gone.
  const proved = owner.flock !== null && owner.flock === here.flock;
  const visible = owner.pidNamespace === here.pidNamespace;
  if (visible && !proved && witness.processLives(owner.pid, owner.startTicks)) return { kind: "alive" };
  const pids = await witness.pipelineProcesses(token);
  if (pids.length > 0) return { kind: visible || proved ? "orphans" : "contained", pids };
  return visible || proved ? dead : unproved;
}

interface LocalOwner {
  readonly pidNamespace: string;
  readonly pid: number;
  readonly startTicks: number;
  readonly flock: string | null;
}

/**
 * Whether the owner of a token is alive, dead for certain, or out of sight.
 *
 * A holder on another host is `unproved` here however long it is silent; `watch.ts` proves it by waiting.
 *
 * @param record `undefined` when it is not whole; its owner then never had the lock, and must give up within a lease
 */
export async function judge(
  token: string,
  record: LockRecord | undefined,
  here: Here,
  witness: Witness,
): Promise<Verdict> {
  const owner = parseToken(token);
  if (owner === undefined) return unproved;
  const sameKernel = record === undefined ? owner.boot === shortBoot(here.bootId) : record.bootId === here.bootId;
  if (sameKernel) return judgeHere(token, { ...owner, flock: record?.flock ?? null }, here, witness);
  if (record === undefined) return (await witness.silentMs(token)) > here.leaseMs ? dead : unproved;
  // This machine before it was booted: no process of then is left. The silence tells it from a copy of this machine.
  const booted = record.host === here.host && record.machineId === here.machineId && here.machineId !== "";
  if (booted && (await witness.silentMs(token)) > BEATS_OF_SILENCE * record.heartbeatMs) return dead;
  return unproved;
}
