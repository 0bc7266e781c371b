import { errorCode } from "../errors.ts";
import { isProcessRunning } from "../system/proc.ts";
import type { DeadHolder, HolderState, LockHeld, LockHolder, WaitOptions } from "./lock.ts";
import type { LockFs } from "./lock-directory.ts";
import {
  holderOf,
  type LockRecord,
  type ProcessIdentity,
  parseRecord,
  parseToken,
  shortBoot,
  tokenFileName,
} from "./owner-record.ts";
import { findPipelineProcesses, type LockClock, NO_NAMESPACE } from "./processes.ts";

/** Dead is proved, never guessed; everything else is held. */
export type Liveness = HolderState | { readonly kind: "dead" };

/** Identity of this process and the lock that it has. */
export interface LocalIdentity extends ProcessIdentity {
  readonly host: string;
  readonly machineId: string;
  /** `device:inode` of the file whose kernel lock this process has; `null` if it has none. */
  readonly flock: string | null;
  readonly heartbeatMs: number;
  readonly leaseMs: number;
}

/** Observations about a holder. Only those that a verdict needs are made. */
export interface LivenessProbe {
  /** Whether that process runs in our pid namespace. */
  processLives(pid: number, startTicks: number): boolean;
  /** Live processes of the pipeline that was started under this token; `undefined` if they cannot be found. */
  pipelineProcesses(token: string): Promise<readonly number[] | undefined>;
  /** Time since the last heartbeat, by the file server's clock; `undefined` if this process may only read there. */
  heartbeatAgeMs(token: string): Promise<number | undefined>;
}

/** Heartbeats that a host may miss after a reboot before it counts as silent. */
const SILENT_HEARTBEATS = 3;

const unproved: Liveness = { kind: "unproved" };
const dead: Liveness = { kind: "dead" };

/** Checks a holder on this kernel. */
async function checkLocalOwner(
  token: string,
  owner: LocalOwner,
  here: LocalIdentity,
  witness: LivenessProbe,
): Promise<Liveness> {
  // The wrapper keeps the flock file open. This process has the kernel lock that the record names, so the wrapper is gone.
  const proved = owner.flock !== null && owner.flock === here.flock;
  const visible = owner.pidNamespace === here.pidNamespace;
  if (visible && !proved && witness.processLives(owner.pid, owner.startTicks)) return { kind: "alive" };
  const pids = await witness.pipelineProcesses(token);
  if (pids === undefined) return unproved;
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
 * Whether the owner of a token is alive, proved dead, or unproved.
 *
 * A holder on another host is always `unproved` here; `take-over.ts` proves it dead by waiting.
 *
 * @param record `undefined` if it is incomplete: its owner never had the lock and must give up within a lease
 */
export async function checkLiveness(
  token: string,
  record: LockRecord | undefined,
  here: LocalIdentity,
  witness: LivenessProbe,
): Promise<Liveness> {
  const owner = parseToken(token);
  if (owner === undefined) return unproved;
  const sameKernel = record === undefined ? owner.boot === shortBoot(here.bootId) : record.bootId === here.bootId;
  if (sameKernel) return checkLocalOwner(token, { ...owner, flock: record?.flock ?? null }, here, witness);
  if (record === undefined) return ((await witness.heartbeatAgeMs(token)) ?? 0) > here.leaseMs ? dead : unproved;
  // This machine before its last boot: no process of that time is left. The silence distinguishes it from a clone of this
  // machine that is running.
  const bootsAreKnown = record.pidNamespace !== NO_NAMESPACE && here.pidNamespace !== NO_NAMESPACE;
  const sameMachine = record.host === here.host && record.machineId === here.machineId && here.machineId !== "";
  const booted = bootsAreKnown && sameMachine;
  if (booted && ((await witness.heartbeatAgeMs(token)) ?? 0) > SILENT_HEARTBEATS * record.heartbeatMs) return dead;
  return unproved;
}

interface Place {
  readonly files: LockFs;
  readonly directory: string;
  /** Part of the names of this process's own files beside the lock directory. */
  readonly nonce: string;
}

/** Errors of a file system on which this process may only read. */
const READ_ONLY = ["EROFS", "EACCES", "EPERM"];

/**
 * Time since a holder's last heartbeat. Both times are by the file server's clock, so no host's clock matters.
 *
 * @returns `undefined` if this process may only read there: a new file is the only way to ask for the server's time
 */
export async function silentMs({ files, directory, nonce }: Place, token: string): Promise<number | undefined> {
  const probe = `${directory}.${nonce}.probe`;
  try {
    await files.create(probe, "");
  } catch (error) {
    if (READ_ONLY.includes(errorCode(error) ?? "")) return undefined;
    throw error;
  }
  try {
    const now = await files.times(probe);
    const beat = await files.times(`${directory}/${tokenFileName(token)}`);
    return now.ctimeMs - beat.ctimeMs;
  } finally {
    await files.removeFile(probe).catch(() => {});
  }
}

/** A holder that sent no heartbeat during a watch of a whole lease. It is dead unless it has sent one since. */
export interface ExpiredHeartbeat {
  readonly token: string;
  /** Time of its last heartbeat, by the file server's clock. */
  readonly beatMs: number;
}

/** A lock directory and the process that wants to acquire the lock. */
export interface LockContext {
  readonly files: LockFs;
  readonly directory: string;
  readonly flockFile: string;
  readonly here: LocalIdentity;
  /** Part of the names of this process's own files beside the lock directory. */
  readonly nonce: string;
  readonly clock: LockClock;
  readonly waitOptions: WaitOptions;
  /** Finds live processes on this machine through /proc. A test can replace it. */
  readonly processes?: Pick<LivenessProbe, "processLives" | "pipelineProcesses"> | undefined;
  /** The holder that was watched for its whole lease without a heartbeat. */
  readonly expired?: ExpiredHeartbeat | undefined;
  /** Called for each dead run whose token this process removed. */
  readonly onDead?: ((dead: DeadHolder) => Promise<void>) | undefined;
}

/** A token whose owner is proved dead. */
export interface DeadToken {
  readonly token: string;
  /** `undefined` if its owner record was never complete. */
  readonly holder: LockHolder | undefined;
}

/** A holder that only a watch can prove dead. */
export interface RemoteHolder extends DeadToken {
  /** From its owner record, or this program's own value if the record is incomplete. */
  readonly heartbeatMs: number;
  /** Its lease, by its record, but at least this program's lease. */
  readonly leaseMs: number;
}

/** Another run has the lock, or all tokens are dead and may be removed, or a holder must be watched. */
export type OwnerCheck =
  | LockHeld
  | { readonly kind: "dead"; readonly leftovers: readonly DeadToken[] }
  | { readonly kind: "remote"; readonly remote: RemoteHolder };

/** Result for a caller that does not wait. */
export const heldBy = ({ holder }: RemoteHolder): LockHeld => ({ kind: "held", holder, state: { kind: "unproved" } });

const createProbe = (scene: LockContext): LivenessProbe => ({
  processLives: isProcessRunning,
  pipelineProcesses: (token) => findPipelineProcesses(token, scene.flockFile),
  ...scene.processes,
  heartbeatAgeMs: (token) => silentMs(scene, token),
});

async function hasExpired({ files, directory, expired: outlasted }: LockContext, token: string): Promise<boolean> {
  if (outlasted?.token !== token) return false;
  return (await files.times(`${directory}/${tokenFileName(token)}`)).ctimeMs === outlasted.beatMs;
}

async function checkOwner(scene: LockContext, token: string): Promise<OwnerCheck> {
  const text = await scene.files.read(`${scene.directory}/${tokenFileName(token)}`);
  const record: LockRecord | undefined = parseRecord(text);
  const holder = record === undefined ? undefined : holderOf(record);
  const verdict = await checkLiveness(token, record, scene.here, createProbe(scene));
  const isDead = verdict.kind === "dead" || (verdict.kind === "unproved" && (await hasExpired(scene, token)));
  if (isDead) return { kind: "dead", leftovers: [{ token, holder }] };
  if (verdict.kind === "unproved") {
    const { heartbeatMs, leaseMs } = scene.here;
    const lease = Math.max(leaseMs, record?.leaseMs ?? 0);
    return {
      kind: "remote",
      remote: { token, holder, heartbeatMs: record?.heartbeatMs ?? heartbeatMs, leaseMs: lease },
    };
  }
  return { kind: "held", holder, state: verdict };
}

/** Checks every token in the lock directory. The first one that is not proved dead has the lock. */
export async function checkOwners(scene: LockContext, tokens: readonly string[]): Promise<OwnerCheck> {
  const leftovers: DeadToken[] = [];
  for (const token of tokens) {
    try {
      const finding = await checkOwner(scene, token);
      if (finding.kind !== "dead") return finding;
      leftovers.push(...finding.leftovers);
    } catch (error) {
      // The token was removed during the check.
      if (errorCode(error) !== "ENOENT") throw error;
    }
  }
  return { kind: "dead", leftovers };
}
