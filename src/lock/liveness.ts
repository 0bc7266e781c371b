import { errorCode } from "../errors.ts";
import type { DeadHolder, HolderState, LockHeld, LockHolder, Patience } from "./lock.ts";
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
import { findPipelineProcesses, type LockClock, processLives } from "./processes.ts";

/** Dead is proved, never guessed; everything else is held. */
export type Verdict = HolderState | { readonly kind: "dead" };

/** Identity of this process and the lock that it has. */
export interface Here extends ProcessIdentity {
  readonly host: string;
  readonly machineId: string;
  /** `device:inode` whose kernel lock we have now; `null` where there is none to have. */
  readonly flock: string | null;
  readonly heartbeatMs: number;
  readonly leaseMs: number;
}

/** Observations about a holder. Only those that a verdict needs are made. */
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
 * A holder on another host is `unproved` here however long it is silent; `take-over.ts` proves it by waiting.
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

interface Place {
  readonly files: LockFs;
  readonly folder: string;
  /** Names our own files beside the folder. */
  readonly nonce: string;
}

/** How long a holder has been silent: server's clock against server's clock, so that no host's clock matters. */
export async function silentMs({ files, folder, nonce }: Place, token: string): Promise<number> {
  const probe = `${folder}.${nonce}.probe`;
  await files.create(probe, "");
  try {
    const now = await files.times(probe);
    const beat = await files.times(`${folder}/${tokenFileName(token)}`);
    return now.ctimeMs - beat.ctimeMs;
  } finally {
    await files.removeFile(probe).catch(() => {});
  }
}

/** A holder that was watched for a whole lease and gave no sign of life: unless it did since, it is dead. */
export interface Silence {
  readonly token: string;
  /** Time of its last heartbeat, by the file server's clock. */
  readonly beatMs: number;
}

/** One lock folder as one acquiring process sees it. */
export interface Scene {
  readonly files: LockFs;
  readonly folder: string;
  readonly flockFile: string;
  readonly here: Here;
  /** Names our own files beside the folder. */
  readonly nonce: string;
  readonly clock: LockClock;
  readonly patience: Patience;
  /** Finds live processes on this machine through /proc. A test can replace it. */
  readonly processes?: Pick<Witness, "processLives" | "pipelineProcesses"> | undefined;
  /** The holder that was watched for its whole lease without a heartbeat. */
  readonly outlasted?: Silence | undefined;
  /** Called for each dead run whose token this process removed. */
  readonly onDead?: ((dead: DeadHolder) => Promise<void>) | undefined;
}

/** A token whose owner is proved dead. */
export interface Leftover {
  readonly token: string;
  /** `undefined` when its record was never whole. */
  readonly holder: LockHolder | undefined;
}

/** A holder whose silence alone could prove it dead. */
export interface Remote extends Leftover {
  /** As its record says, where that is whole. */
  readonly heartbeatMs: number;
  /** Its lease, by its record, but at least this program's lease. */
  readonly leaseMs: number;
}

/** Either someone has the lock, or whatever stands in the folder may be taken away, or only time can tell. */
export type Finding =
  | LockHeld
  | { readonly kind: "dead"; readonly leftovers: readonly Leftover[] }
  | { readonly kind: "remote"; readonly remote: Remote };

/** Result for a caller that does not wait. */
export const heldBy = ({ holder }: Remote): LockHeld => ({ kind: "held", holder, state: { kind: "unproved" } });

const witnessAt = (scene: Scene): Witness => ({
  processLives,
  pipelineProcesses: (token) => findPipelineProcesses(token, scene.flockFile),
  ...scene.processes,
  silentMs: (token) => silentMs(scene, token),
});

async function isOutlasted({ files, folder, outlasted }: Scene, token: string): Promise<boolean> {
  if (outlasted?.token !== token) return false;
  return (await files.times(`${folder}/${tokenFileName(token)}`)).ctimeMs === outlasted.beatMs;
}

async function findingFor(scene: Scene, token: string): Promise<Finding> {
  const text = await scene.files.read(`${scene.folder}/${tokenFileName(token)}`);
  const record: LockRecord | undefined = parseRecord(text);
  const holder = record === undefined ? undefined : holderOf(record);
  const verdict = await judge(token, record, scene.here, witnessAt(scene));
  const isDead = verdict.kind === "dead" || (verdict.kind === "unproved" && (await isOutlasted(scene, token)));
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

/** Judges every token in the folder; the first that is not proved dead has the lock. */
export async function judgeTokens(scene: Scene, tokens: readonly string[]): Promise<Finding> {
  const leftovers: Leftover[] = [];
  for (const token of tokens) {
    try {
      const finding = await findingFor(scene, token);
      if (finding.kind !== "dead") return finding;
      leftovers.push(...finding.leftovers);
    } catch (error) {
      // The token was removed during the check.
      if (errorCode(error) !== "ENOENT") throw error;
    }
  }
  return { kind: "dead", leftovers };
}
