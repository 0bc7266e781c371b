import { errorCode } from "../errors.ts";
import type { Host } from "../host.ts";
import type { LockId } from "../pipeline-id.ts";
import { nonce } from "../storage/nonce.ts";
import { flockFile, lockFolder, type StatePaths } from "../storage/paths.ts";
import { storeFault } from "../storage/store-error.ts";
import { LOCK_OPTIONS } from "./acquire.ts";
import { openFlock, takeFlock } from "./flock.ts";
import { heldBy, judgeTokens, type Scene, silentMs } from "./liveness.ts";
import type { DeadHolder, HolderState, LockHolder } from "./lock.ts";
import { diskLockFs, readLockFolder, removeIfEmpty } from "./lock-directory.ts";
import { parseToken, tokenFileName } from "./owner-record.ts";
import { type MarkedProcesses, machineId, markedProcesses, realClock, thisKernel } from "./processes.ts";
import { bury } from "./take-over.ts";
import { LOCK_TIMING } from "./timing.ts";

/** Its process is gone, and something that this user cannot see has the kernel's lock: most likely its pipeline. */
interface HiddenState {
  readonly kind: "hidden";
}

/**
 * One token in a lock folder, as it looks from this host. Nothing is taken, so the kernel's lock proves nothing here.
 */
export interface TokenView {
  readonly token: string;
  /** Of the process that holds it; it means something on its own host only. */
  readonly pid: number;
  readonly startTicks: number;
  /** `undefined` when its record is not whole. */
  readonly holder: LockHolder | undefined;
  readonly state: HolderState | { readonly kind: "dead" } | HiddenState;
  /** Since the last sign of life, by the file server's clock. */
  readonly silentMs: number;
}

/** A pipeline's lock, seen and not touched. */
export interface LockView {
  readonly tokens: readonly TokenView[];
  /** Live processes of a token's pipeline; without a token, those that have the kernel lock though no record tells. */
  processes(token?: string): MarkedProcesses;
  /** Whether a token is still there. */
  has(token: string): Promise<boolean>;
  /** Takes away what is proved dead. @returns whether we, of all who try, took it */
  bury(token: TokenView, onDead: (dead: DeadHolder) => Promise<void>): Promise<boolean>;
  /** The same for a token that nothing proves dead: on the word of a human who knows better. */
  force(token: TokenView, onDead: (dead: DeadHolder) => Promise<void>): Promise<boolean>;
}

/** No process can have this as its mark. */
const NO_TOKEN = "\0";

/** A start that is about to take the lock over has it for a moment only. */
const LOOKS = 3;
const LOOK_PAUSE_MS = 100;

/** Whether someone has the kernel's lock. It is tried, and let go at once; a start that meets us there tries again. */
async function isLocked(path: string): Promise<boolean> {
  const { flockProgram: program, flockTimeoutMs: timeoutMs } = LOCK_OPTIONS;
  const file = await openFlock(path);
  return (await takeFlock(file.fd, { program, timeoutMs }).finally(file.close)).kind === "held";
}

/** The state of a token whose process is gone and of whose pipeline this user sees nothing. */
async function stateOfDead(scene: Scene, token: string, seesAll: boolean): Promise<TokenView["state"]> {
  if (seesAll) return { kind: "dead" };
  for (let look = 0; look < LOOKS; look++) {
    if (!(await isLocked(scene.flockFile))) return { kind: "dead" };
    await scene.clock.pause(LOOK_PAUSE_MS);
  }
  await scene.files.times(`${scene.folder}/${tokenFileName(token)}`);
  return { kind: "hidden" };
}

/** @param seesAll whether no process of this machine is hidden from us */
async function viewOf(scene: Scene, token: string, seesAll: boolean): Promise<TokenView | undefined> {
  const owner = parseToken(token);
  if (owner === undefined) return undefined;
  try {
    const quiet = await silentMs(scene, token);
    const found = await judgeTokens(scene, [token]);
    const finding = found.kind === "remote" ? heldBy(found.remote) : found;
    const { pid, startTicks } = owner;
    if (finding.kind === "held") {
      return { token, pid, startTicks, holder: finding.holder, state: finding.state, silentMs: quiet };
    }
    const left = finding.leftovers[0];
    if (left === undefined) return undefined; // It went while we looked.
    const state = await stateOfDead(scene, token, seesAll);
    return { token, pid, startTicks, holder: left.holder, state, silentMs: quiet };
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Who holds a pipeline's lock, and whether it lives. */
export async function inspectLock(
  paths: StatePaths,
  pipeline: LockId,
  { name, uid }: Pick<Host, "name" | "uid">,
): Promise<LockView> {
  const scene: Scene = {
    files: diskLockFs,
    folder: lockFolder(paths, pipeline),
    flockFile: flockFile(paths, pipeline),
    here: {
      host: name,
      machineId: machineId(),
      ...thisKernel(),
      pid: 0,
      startTicks: 0,
      flock: null,
      ...LOCK_TIMING,
    },
    nonce: nonce(),
    clock: realClock,
    patience: {},
  };
  /** A refusal of the system is not a bug: the directory may belong to another user. */
  const orFault = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw errorCode(error) === undefined ? error : storeFault("inspect the lock", scene.folder, error);
    }
  };
  const found = await orFault(readLockFolder(scene.files, scene.folder));
  const names = found.kind === "tokens" ? found.tokens : [];
  const views = await orFault(Promise.all(names.map((token) => viewOf(scene, token, uid === 0))));
  const tokens = views.filter((view) => view !== undefined);
  const take = async (view: TokenView, onDead: (dead: DeadHolder) => Promise<void>): Promise<boolean> => {
    const taken = await bury({ ...scene, onDead }, view);
    await removeIfEmpty(scene.files, scene.folder);
    return taken;
  };
  return {
    tokens,
    processes: (token = NO_TOKEN) => markedProcesses(token, scene.flockFile),
    async has(token) {
      const now = await orFault(readLockFolder(scene.files, scene.folder));
      return now.kind === "tokens" && now.tokens.includes(token);
    },
    bury: async (view, onDead) => view.state.kind === "dead" && (await orFault(take(view, onDead))),
    force: (view, onDead) => orFault(take(view, onDead)),
  };
}
