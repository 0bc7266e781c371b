import { basename } from "node:path";
import { lock as stockLock } from "proper-lockfile";
import { acquireBoth } from "../../../src/lock/acquire.ts";
import type { LockContext } from "../../../src/lock/liveness.ts";
import type { LockFs } from "../../../src/lock/lock-directory.ts";
import { tryLockFile } from "../../../src/lock/lock-file.ts";
import {
  type LockRecord,
  parseToken,
  renderRecord,
  renderToken,
  tokenFileName,
  tokenInName,
} from "../../../src/lock/owner-record.ts";
import type { LockClock } from "../../../src/lock/processes.ts";
import { type MemoryFs, memoryLockFs } from "./memory-fs.ts";
import type { Actor, Attempt } from "./simulation.ts";

export const FOLDER = "/a.lock";
/** Heartbeats are no part of this: they touch a token by its name, and make nothing. */
const timing = { heartbeatMs: 1_000_000_000, selfFenceMs: 1_000_000_000 };
/** One heartbeat without a sign of life proves a holder dead. */
const LEASE_MS = timing.heartbeatMs;
/** So long that after one pause nobody goes on waiting for a contender that does not move. */
const SHORTEST_PAUSE_MS = 6_000;
/** By the file server's clock; who is dead gave no sign of life since 0. */
const NOW_MS = 1e12;
/** Of no process that is explored. */
const DEAD_PID = 99;

const BOOT_IDS = ["b", "c"] as const;

/** @param host of two */
const recordOf = (pid: number, host = 0): LockRecord => ({
  format: 1,
  host: "here",
  machineId: "m",
  bootId: BOOT_IDS[host] ?? "",
  pidNamespace: "1",
  pid,
  startTicks: 1,
  uid: 0,
  runId: `r${pid}`,
  startedAt: "2026-11-23T12:00:00.000Z",
  heartbeatMs: timing.heartbeatMs,
  leaseMs: LEASE_MS,
  flock: null,
});

export const DEAD_TOKEN = renderToken(recordOf(DEAD_PID), "d");
export const DEAD_TOKEN_FILE = tokenFileName(DEAD_TOKEN);

/** Leaves the token of a killed holder. */
export function leaveDeadToken(fs: MemoryFs, directory = FOLDER): void {
  fs.mkdir(directory);
  const path = `${directory}/${DEAD_TOKEN_FILE}`;
  fs.create(path);
  fs.write(path, renderRecord(recordOf(DEAD_PID)));
}

/** The library knows the locks of its process by their paths; each process here has its own path to the one directory. */
function seenBy(id: number, files: LockFs): LockFs {
  const real = (path: string) => path.slice(`/p${id}`.length) || "/";
  return {
    makeDirectory: (path) => files.makeDirectory(real(path)),
    create: (path, text) => files.create(real(path), text),
    list: (path) => files.list(real(path)),
    kind: (path) => files.kind(real(path)),
    read: (path) => files.read(real(path)),
    times: (path) => files.times(real(path)),
    touch: (path, at) => files.touch(real(path), at),
    rename: (from, to) => files.rename(real(from), real(to)),
    removeFile: (path) => files.removeFile(real(path)),
    removeDirectory: (path) => files.removeDirectory(real(path)),
  };
}

/** Spoils a process's view of the share, to see that this is noticed. */
export type Spoil = (files: LockFs, actor: Actor) => LockFs;

/** A clock that goes on while this process waits. */
function clockOf({ step }: Actor): LockClock {
  let now = 0;
  return {
    sinceBootMs: () => now,
    pause(ms) {
      now += Math.max(ms, SHORTEST_PAUSE_MS);
      return step("pause", () => {});
    },
  };
}

/** A running holder has just sent a heartbeat. */
const beatOf =
  ({ lives }: Actor) =>
  (path: string): number => {
    const owner = parseToken(tokenInName(basename(path)) ?? "");
    return owner === undefined || lives(owner.pid - 1) ? NOW_MS : 0;
  };

/** A lock that a process has, and its view of the network file system. */
export interface HeldScene {
  readonly token: string;
  readonly files: LockFs;
  readonly context: Omit<LockContext, "directory">;
}

/** Work of a process while it has its lock. @returns whether it got what it wanted */
type Inside = (actor: Actor, held: HeldScene) => Promise<boolean>;

interface AttemptOptions {
  readonly spoil?: Spoil;
  /** The lock directory of a process; all have the same one by default. */
  readonly directoryOf?: (id: number) => string;
  /** Acquires and releases the lock in no step, for locks that only one process wants. */
  readonly atOnce?: boolean;
  readonly inside?: Inside;
}

/** Works without being interrupted by another process that does the same. */
export async function workAlone({ enter, step, leave }: Actor): Promise<true> {
  enter();
  await step("work", () => {});
  leave();
  return true;
}

/** The real code from the kernel's lock to the take-over, as `acquire` puts it together. */
export const realAttempt =
  ({ spoil = (files) => files, directoryOf = () => FOLDER, ...options }: AttemptOptions = {}): Attempt =>
  async (actor, attempt) => {
    const { atOnce = false, inside = workAlone } = options;
    const { id, step, fs, lives, host, kernel, isCluster } = actor;
    const record = recordOf(id + 1, host);
    const beat = isCluster ? beatOf(actor) : undefined;
    const share = memoryLockFs(fs, step, beat);
    const lockFiles = atOnce ? memoryLockFs(fs, async (_what, act) => act(), beat) : share;
    const files = seenBy(id, spoil(lockFiles, actor));
    const directory = `/p${id}${directoryOf(id)}`;
    const clock = clockOf(actor);
    const { sinceBootMs } = clock;
    let made = 0;
    const newToken = () => renderToken(record, `${attempt.toString(16)}${(made++).toString(16)}`);
    const ours = { newToken, record: renderRecord(record), makeWithinMs: LEASE_MS / 4 };
    const context = {
      clock,
      flockFile: "",
      here: record,
      nonce: `${id}${attempt}`,
      waitOptions: {},
      processes: { processLives: (pid: number) => lives(pid - 1), pipelineProcesses: async () => [] },
    };
    const contest = await acquireBoth({
      settleMs: Number.POSITIVE_INFINITY,
      openKernelLock: async () => ({
        take: async () => {
          if (kernel === undefined) return { kind: "unavailable", why: "" };
          return { kind: (await kernel.take()) ? "taken" : "held" };
        },
        close: async () => kernel?.close(),
      }),
      meanwhile: async () => {},
      contextWith: () => ({ ...context, files, directory }),
      tryLockFile({ expired: outlasted }) {
        actor.forget(JSON.stringify(outlasted));
        return tryLockFile({ ...ours, files, directory, sinceBootMs }, timing);
      },
    });
    if (contest.kind === "held") return false;
    const got = await inside(actor, { token: contest.lock.token, files: share, context: { ...context, files: share } });
    await contest.lock.release();
    await contest.kernel.close();
    return got;
  };

/** The library as it comes: a lock is its directory, and dead is what is old. */
export const stockAttempt: Attempt = async ({ id, fs, step, enter, leave }) => {
  const later = <T>(what: string, act: () => T, done: (error: unknown, value?: T) => void) =>
    void step(what, act).then(
      (value) => done(null, value),
      (error) => done(error),
    );
  const library = {
    mkdir: (_path: string, done: () => void) => later("mkdir", () => fs.mkdir(FOLDER), done),
    stat: (_path: string, done: () => void) => later("stat", () => ({ mtime: fs.mtime(FOLDER) }), done),
    utimes: (_path: string, _a: Date, at: Date, done: () => void) => later("utimes", () => fs.touch(FOLDER, at), done),
    rmdir: (_path: string, done: () => void) => later("rmdir", () => fs.rmdir(FOLDER), done),
    rmdirSync: () => {},
  };
  try {
    const release = await stockLock(`/p${id}${FOLDER}`, {
      lockfilePath: `/p${id}${FOLDER}`,
      realpath: false,
      stale: timing.heartbeatMs,
      fs: library,
      onCompromised: () => {},
    });
    enter();
    await step("work", () => {});
    leave();
    await release();
    return true;
  } catch (error) {
    // A loser sees the directory go, too.
    if (error instanceof Error && "code" in error && ["ELOCKED", "ENOENT"].includes(String(error.code))) return false;
    throw error;
  }
};
