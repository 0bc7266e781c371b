import { errorCode } from "../errors.ts";
import { type Here, judge, type Witness } from "./judge.ts";
import type { DeadHolder, LockHeld, LockHolder } from "./lock.ts";
import type { LockFs } from "./lock-fs.ts";
import { findPipelineProcesses } from "./pipeline-processes.ts";
import { processLives } from "./process-table.ts";
import { holderOf, type LockRecord, parseRecord } from "./record.ts";
import { tokenFileName } from "./token.ts";

/** One lock folder as one acquiring process sees it. */
export interface Scene {
  readonly files: LockFs;
  readonly folder: string;
  readonly flockFile: string;
  readonly here: Here;
  /** Names our own files beside the folder. */
  readonly nonce: string;
  /** Hears of each dead run that was taken away here. */
  readonly onDead?: ((dead: DeadHolder) => Promise<void>) | undefined;
}

/** A token whose owner is proved dead. */
export interface Leftover {
  readonly token: string;
  /** `undefined` when its record was never whole. */
  readonly holder: LockHolder | undefined;
}

/** Either someone has the lock, or whatever stands in the folder may be taken away. */
export type Finding = LockHeld | { readonly kind: "dead"; readonly leftovers: readonly Leftover[] };

/** How long a holder has been silent: server's clock against server's clock, so that no host's clock matters. */
async function silentMs({ files, folder, nonce }: Scene, token: string): Promise<number> {
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

const witnessAt = (scene: Scene): Witness => ({
  processLives,
  pipelineProcesses: (token) => findPipelineProcesses(token, scene.flockFile),
  silentMs: (token) => silentMs(scene, token),
});

async function findingFor(scene: Scene, token: string): Promise<Finding> {
  const text = await scene.files.read(`${scene.folder}/${tokenFileName(token)}`);
  const record: LockRecord | undefined = parseRecord(text);
  const holder = record === undefined ? undefined : holderOf(record);
  const verdict = await judge(token, record, scene.here, witnessAt(scene));
  if (verdict.kind === "dead") return { kind: "dead", leftovers: [{ token, holder }] };
  return { kind: "held", holder, state: verdict };
}

/** Judges every token in the folder; the first that is not proved dead has the lock. */
export async function judgeTokens(scene: Scene, tokens: readonly string[]): Promise<Finding> {
  const leftovers: Leftover[] = [];
  for (const token of tokens) {
    try {
      const finding = await findingFor(scene, token);
      if (finding.kind === "held") return finding;
      leftovers.push(...finding.leftovers);
    } catch (error) {
      // It went while we looked at it.
      if (errorCode(error) !== "ENOENT") throw error;
    }
  }
  return { kind: "dead", leftovers };
}
