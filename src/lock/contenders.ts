import { errorCode } from "../errors.ts";
import { type Here, judge, type Witness } from "./judge.ts";
import type { DeadHolder, LockHeld, LockHolder, Patience } from "./lock.ts";
import type { LockFs } from "./lock-fs.ts";
import type { LockClock } from "./machine.ts";
import { findPipelineProcesses } from "./pipeline-processes.ts";
import { processLives } from "./process-table.ts";
import { holderOf, type LockRecord, parseRecord } from "./record.ts";
import { silentMs } from "./silence.ts";
import { tokenFileName } from "./token.ts";

/** A holder that was watched for a whole lease and gave no sign of life: unless it did since, it is dead. */
export interface Silence {
  readonly token: string;
  /** Its last one, by the file server's clock. */
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
  /** Who lives on this machine; /proc tells unless a test does. */
  readonly processes?: Pick<Witness, "processLives" | "pipelineProcesses"> | undefined;
  /** What we have watched in vain for a sign of life. */
  readonly outlasted?: Silence | undefined;
  /** Hears of each dead run that was taken away here. */
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
  /** For so long it has to be silent: by its record, but no less than ours. */
  readonly leaseMs: number;
}

/** Either someone has the lock, or whatever stands in the folder may be taken away, or only time can tell. */
export type Finding =
  | LockHeld
  | { readonly kind: "dead"; readonly leftovers: readonly Leftover[] }
  | { readonly kind: "remote"; readonly remote: Remote };

/** What a finding is for one who does not wait. */
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
      // It went while we looked at it.
      if (errorCode(error) !== "ENOENT") throw error;
    }
  }
  return { kind: "dead", leftovers };
}
