import { basename } from "node:path";
import { lock as stockLock } from "proper-lockfile";
import { acquireBoth } from "../../../src/lock/acquire.ts";
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

export const DEAD_TOKEN_FILE = tokenFileName(renderToken(recordOf(DEAD_PID), "d"));

/** Leaves the token of a killed holder. */
export function leaveDeadToken(fs: MemoryFs): void {
  fs.mkdir(FOLDER);
  const path = `${FOLDER}/${DEAD_TOKEN_FILE}`;
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

/** The real code from the kernel's lock to the take-over, as `acquire` puts it together. */
export const realAttempt =
  (spoil: Spoil = (files) => files): Attempt =>
  async (actor, attempt) => {
    const { id, step, fs, lives, host, kernel, isCluster } = actor;
    const record = recordOf(id + 1, host);
    const files = seenBy(id, spoil(memoryLockFs(fs, step, isCluster ? beatOf(actor) : undefined), actor));
    const directory = `/p${id}${FOLDER}`;
    const clock = clockOf(actor);
    const { sinceBootMs } = clock;
    let made = 0;
    const newToken = () => renderToken(record, `${attempt.toString(16)}${(made++).toString(16)}`);
    const ours = { newToken, record: renderRecord(record), makeWithinMs: LEASE_MS / 4 };
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
      contextWith: () => ({
        ...{ files, directory, clock },
        flockFile: "",
        here: record,
        nonce: `${id}${attempt}`,
        waitOptions: {},
        processes: { processLives: (pid: number) => lives(pid - 1), pipelineProcesses: async () => [] },
      }),
      tryLockFile({ expired: outlasted }) {
        actor.forget(JSON.stringify(outlasted));
        return tryLockFile({ ...ours, files, directory, sinceBootMs }, timing);
      },
    });
    if (contest.kind === "held") return false;
    actor.enter();
    await step("work", () => {});
    actor.leave();
    await contest.lock.release();
    await contest.kernel.close();
    return true;
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
