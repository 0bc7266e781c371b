import { errorCode } from "../errors.ts";
import type { Host } from "../host.ts";
import type { LockId } from "../pipeline-id.ts";
import { nonce } from "../storage/nonce.ts";
import { flockFile, lockDirectory, type StatePaths } from "../storage/paths.ts";
import { ioError } from "../storage/store-error.ts";
import { LOCK_OPTIONS } from "./acquire.ts";
import { openFlock, takeFlock } from "./flock.ts";
import { checkOwners, heldBy, type LockContext, silentMs } from "./liveness.ts";
import type { DeadHolder, HolderState, LockHolder } from "./lock.ts";
import { diskLockFs, readLockDirectory, removeIfEmpty } from "./lock-directory.ts";
import { parseToken, tokenFileName } from "./owner-record.ts";
import { machineId, readKernel, realClock, type TaggedProcesses, taggedProcesses } from "./processes.ts";
import { reap, watchFromOutside } from "./take-over.ts";
import { LOCK_TIMING } from "./timing.ts";

/** The wrapper is gone, and a process that this user does not recognise has the kernel lock: probably its pipeline. */
interface HiddenState {
  readonly kind: "hidden";
}

/** One token in a lock directory as this host sees it. The kernel lock was not taken, so it proves nothing here. */
export interface TokenView {
  readonly token: string;
  /** Process id of the holder, valid only on the holder's host. */
  readonly pid: number;
  readonly startTicks: number;
  /** `undefined` if the owner record is incomplete. */
  readonly holder: LockHolder | undefined;
  readonly state: HolderState | { readonly kind: "dead" } | HiddenState;
  /** Time since the last heartbeat, by the file server's clock; `undefined` if this process may only read there. */
  readonly silentMs: number | undefined;
  /** By the clock of the holder's host. */
  readonly lastHeartbeatAt: Date;
}

/** A pipeline's lock, read without changing it. */
export interface LockView {
  readonly tokens: readonly TokenView[];
  /** Running processes of a token's pipeline; without a token, those that have the kernel lock without an owner record. */
  processes(token?: string): TaggedProcesses;
  /** Whether the lock directory still contains the token. */
  has(token: string): Promise<boolean>;
  /**
   * Removes a token that is proved dead, unless a process has the kernel lock: a wrapper that was killed while it
   * started its pipeline leaves a process that does not have the token yet.
   *
   * @returns whether this process removed it
   */
  reap(token: TokenView, onDead: (dead: DeadHolder) => Promise<void>): Promise<boolean>;
  /**
   * Watches a holder on another host. If it sends no heartbeat for its whole lease, removes its token.
   *
   * @param options.giveUp ends the watch
   * @returns whether this process removed the token; at once `false` if the holder has just sent a heartbeat
   */
  outlast(
    token: TokenView,
    options: { readonly onDead: (dead: DeadHolder) => Promise<void>; readonly giveUp: Promise<unknown> },
  ): Promise<boolean>;
  /** Removes a token that is not proved dead, because the user says so. */
  force(token: TokenView, onDead: (dead: DeadHolder) => Promise<void>): Promise<boolean>;
}

/** A value that no process can have in its environment. */
const NO_TOKEN = "\0";

/** Number of checks. A start that takes over the lock has the kernel lock only for a moment. */
const LOOKS = 3;
const LOOK_PAUSE_MS = 100;

/** Whether another process has the kernel lock. Takes the lock for a moment; a start that finds it taken tries again. */
async function isFlockTaken(path: string): Promise<boolean> {
  const { flockProgram: program, flockTimeoutMs: timeoutMs } = LOCK_OPTIONS;
  const file = await openFlock(path);
  return (await takeFlock(file.fd, { program, timeoutMs }).finally(file.close)).kind === "held";
}

/** Whether no process has kept the kernel lock during these checks. */
async function isFlockFree({ flockFile: path, clock }: LockContext): Promise<boolean> {
  for (let look = 0; look < LOOKS; look++) {
    if (!(await isFlockTaken(path))) return true;
    await clock.pause(LOOK_PAUSE_MS);
  }
  return false;
}

/** The state of a token whose wrapper is gone, if this user sees no process of its pipeline. */
async function stateOfDead(scene: LockContext, token: string, seesAll: boolean): Promise<TokenView["state"]> {
  if (seesAll || (await isFlockFree(scene))) return { kind: "dead" };
  await scene.files.times(`${scene.directory}/${tokenFileName(token)}`);
  return { kind: "hidden" };
}

/** @param seesAll whether this user can see all processes of the machine */
async function viewOf(scene: LockContext, token: string, seesAll: boolean): Promise<TokenView | undefined> {
  const owner = parseToken(token);
  if (owner === undefined) return undefined;
  try {
    const { mtime: lastHeartbeatAt } = await scene.files.times(`${scene.directory}/${tokenFileName(token)}`);
    const heartbeat = { silentMs: await silentMs(scene, token), lastHeartbeatAt };
    const found = await checkOwners(scene, [token]);
    const finding = found.kind === "remote" ? heldBy(found.remote) : found;
    const { pid, startTicks } = owner;
    if (finding.kind === "held") {
      return { token, pid, startTicks, holder: finding.holder, state: finding.state, ...heartbeat };
    }
    const left = finding.leftovers[0];
    if (left === undefined) return undefined; // It was removed during the check.
    const state = await stateOfDead(scene, token, seesAll);
    return { token, pid, startTicks, holder: left.holder, state, ...heartbeat };
  } catch (error) {
    if (errorCode(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Reads the holder of a pipeline's lock and its state. */
export async function inspectLock(
  paths: StatePaths,
  pipeline: LockId,
  { name, uid }: Pick<Host, "name" | "uid">,
): Promise<LockView> {
  const scene: LockContext = {
    files: diskLockFs,
    directory: lockDirectory(paths, pipeline),
    flockFile: flockFile(paths, pipeline),
    here: {
      host: name,
      machineId: machineId(),
      ...readKernel(),
      pid: 0,
      startTicks: 0,
      flock: null,
      ...LOCK_TIMING,
    },
    nonce: nonce(),
    clock: realClock,
    waitOptions: {},
  };
  /** Turns a system error into a StoreError: the directory may belong to another user. */
  const orFault = async <T>(work: Promise<T>): Promise<T> => {
    try {
      return await work;
    } catch (error) {
      throw errorCode(error) === undefined ? error : ioError("inspect the lock", scene.directory, error);
    }
  };
  const found = await orFault(readLockDirectory(scene.files, scene.directory));
  const names = found.kind === "tokens" ? found.tokens : [];
  const views = await orFault(Promise.all(names.map((token) => viewOf(scene, token, uid === 0))));
  const tokens = views.filter((view) => view !== undefined);
  const take = async (view: TokenView, onDead: (dead: DeadHolder) => Promise<void>): Promise<boolean> => {
    const taken = await reap({ ...scene, onDead }, view);
    await removeIfEmpty(scene.files, scene.directory);
    return taken;
  };
  const outlast: LockView["outlast"] = async (view, { onDead, giveUp }) => {
    const watching: LockContext = { ...scene, waitOptions: { giveUp } };
    const found = await checkOwners(watching, [view.token]);
    if (found.kind !== "remote") return false;
    const expired = await watchFromOutside(watching, found.remote);
    if (expired === "alive" || expired === "gone") return false;
    const isDead = (await checkOwners({ ...watching, expired }, [view.token])).kind === "dead";
    return isDead && take(view, onDead);
  };
  return {
    tokens,
    processes: (token = NO_TOKEN) => taggedProcesses(token, scene.flockFile),
    async has(token) {
      const now = await orFault(readLockDirectory(scene.files, scene.directory));
      return now.kind === "tokens" && now.tokens.includes(token);
    },
    async reap(view, onDead) {
      return view.state.kind === "dead" && (await orFault(isFlockFree(scene))) && (await orFault(take(view, onDead)));
    },
    outlast: (view, options) => orFault(outlast(view, options)),
    force: (view, onDead) => orFault(take(view, onDead)),
  };
}
