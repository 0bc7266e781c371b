import { heldBy, judgeTokens, type Remote, type Scene, type Silence } from "./contenders.ts";
import type { FlockAnswer } from "./flock.ts";
import type { LockHeld, LockHolder } from "./lock.ts";
import { readLockFolder } from "./lock-folder.ts";
import type { LockRecord } from "./record.ts";
import { settle } from "./settle.ts";
import { watchRemote } from "./watch.ts";

/** For so long another start may have the kernel's lock that finds, as we do, what a dead run left. */
const CONTENDER_MS = 5_000;
const CONTENDED_PAUSE_MS = 100;

/** Its record is about to be written, or to be taken away. */
const UNKNOWN: LockHeld = { kind: "held", holder: undefined, state: { kind: "alive" } };

/** A pipeline's flock file, open. */
export interface KernelLock {
  /** Asks the kernel for the lock. */
  take(): Promise<FlockAnswer>;
  /** Gives it back, unless a pipeline has it by now. */
  close(): Promise<void>;
}

/** What a start sees, and what its own record says. */
interface OwnScene extends Scene {
  readonly here: LockRecord;
}

/** One start's way to both layers of a lock. */
export interface Contest<K extends KernelLock, L> {
  openKernelLock(): Promise<K>;
  /** What is done while the kernel is asked. */
  meanwhile(): Promise<void>;
  sceneWith(kernel: K, answer: FlockAnswer): OwnScene;
  /** One try to put our record there; `undefined` when something stands in its place. */
  tryRecord(scene: OwnScene): Promise<L | undefined>;
  /** As for `settle`. */
  readonly settleMs: number;
}

/** Both layers are ours. */
export interface Won<K, L> {
  readonly kind: "won";
  /** Open; ours as far as `answer` says. */
  readonly kernel: K;
  readonly answer: FlockAnswer;
  readonly lock: L;
  readonly scene: Scene;
  readonly tookOverFrom: LockHolder | undefined;
}

/**
 * The kernel says that the pipeline runs; the records tell who it is, if they can. `dead`: the run that they tell of is
 * none, so who has the kernel's lock is most likely another start. On another host that one may well leave again, as it
 * cannot tell what we can.
 */
async function describeHolder(scene: Scene): Promise<LockHeld | "dead"> {
  const found = await readLockFolder(scene.files, scene.folder);
  const finding = found.kind === "tokens" ? await judgeTokens(scene, found.tokens) : undefined;
  if (finding?.kind === "held") return finding;
  if (finding?.kind === "remote") return heldBy(finding.remote);
  return finding !== undefined && finding.leftovers.length > 0 ? "dead" : UNKNOWN;
}

/** Only time can tell. */
interface Undecided {
  readonly kind: "undecided";
  readonly scene: Scene;
  readonly remote: Remote;
}

/** Both layers, one after the other. The kernel's is given back unless we get both. */
async function tryOnce<K extends KernelLock, L>(
  contest: Contest<K, L>,
  outlasted: Silence | undefined,
): Promise<Won<K, L> | LockHeld | Undecided> {
  const kernel = await contest.openKernelLock();
  const sceneAfter = (answer: FlockAnswer): OwnScene => ({ ...contest.sceneWith(kernel, answer), outlasted });
  let keep = false;
  try {
    const asked = kernel.take();
    await contest.meanwhile();
    let begun: number | undefined;
    let answer = await asked;
    for (; answer.kind === "held"; answer = await kernel.take()) {
      const scene = sceneAfter(answer);
      const seen = await describeHolder(scene);
      if (seen !== "dead") return seen;
      begun ??= scene.clock.sinceBootMs();
      if (scene.clock.sinceBootMs() - begun > CONTENDER_MS) return UNKNOWN;
      await scene.clock.pause(CONTENDED_PAUSE_MS);
    }
    const scene = sceneAfter(answer);
    const settled = await settle(scene, () => contest.tryRecord(scene), contest.settleMs);
    if (settled.kind === "held") return settled;
    if (settled.kind === "remote") return { kind: "undecided", scene, remote: settled.remote };
    keep = true;
    const { lock, tookOverFrom } = settled;
    return { kind: "won", kernel, answer, lock, scene, tookOverFrom };
  } finally {
    if (!keep) await kernel.close();
  }
}

/**
 * Tries for both layers until they are ours or someone else's.
 *
 * While another host's silent holder is watched, neither is ours: on a share the kernel's lock is one for all hosts, and
 * the dead holder's own may be able to tell at once what takes us a lease. What was seen before is then looked at anew.
 */
export async function contend<K extends KernelLock, L>(contest: Contest<K, L>): Promise<Won<K, L> | LockHeld> {
  let outlasted: Silence | undefined;
  for (;;) {
    const tried = await tryOnce(contest, outlasted);
    if (tried.kind !== "undecided") return tried;
    const watched = await watchRemote(tried.scene, tried.remote);
    if (watched === "alive") return heldBy(tried.remote);
    outlasted = watched === "gone" ? undefined : watched;
  }
}
