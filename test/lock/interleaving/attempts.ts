import { lock as stockLock } from "proper-lockfile";
import type { LockFs } from "../../../src/lock/lock-fs.ts";
import { type LockRecord, renderRecord } from "../../../src/lock/record.ts";
import { tryRecordLock } from "../../../src/lock/record-lock.ts";
import { settle } from "../../../src/lock/settle.ts";
import { renderToken, tokenFileName } from "../../../src/lock/token.ts";
import { type MemoryFs, memoryLockFs } from "./memory-fs.ts";
import type { Actor, Attempt } from "./world.ts";

export const FOLDER = "/a.lock";
/** Heartbeats are no part of this: they touch a token by its name, and make nothing. */
const timing = { heartbeatMs: 1_000_000_000, selfFenceMs: 1_000_000_000 };
const LEASE_MS = 1_000;
/** Of no process that is explored. */
const DEAD_PID = 99;

const recordOf = (pid: number): LockRecord => ({
  format: 1,
  host: "here",
  machineId: "m",
  bootId: "b",
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

/** What a holder that was killed has left. */
export function leaveDeadToken(fs: MemoryFs): void {
  fs.mkdir(FOLDER);
  const path = `${FOLDER}/${DEAD_TOKEN_FILE}`;
  fs.create(path);
  fs.write(path, renderRecord(recordOf(DEAD_PID)));
}

/** The library knows the locks of its process by their paths; each process here has its own path to the one folder. */
function seenBy(id: number, files: LockFs): LockFs {
  const real = (path: string) => path.slice(`/p${id}`.length);
  return {
    makeFolder: (path) => files.makeFolder(real(path)),
    create: (path, text) => files.create(real(path), text),
    list: (path) => files.list(real(path)),
    kind: (path) => files.kind(real(path)),
    read: (path) => files.read(real(path)),
    times: (path) => files.times(real(path)),
    touch: (path, at) => files.touch(real(path), at),
    rename: (from, to) => files.rename(real(from), real(to)),
    removeFile: (path) => files.removeFile(real(path)),
    removeFolder: (path) => files.removeFolder(real(path)),
  };
}

/** Spoils a process's view of the share, to see that this is noticed. */
export type Spoil = (files: LockFs, actor: Actor) => LockFs;

/** The real code from the adapter to the take-over, as `acquire` puts it together, without the kernel's lock. */
export const realAttempt =
  (spoil: Spoil = (files) => files): Attempt =>
  async (actor, attempt) => {
    const { id, step, fs, lives } = actor;
    const record = recordOf(id + 1);
    const files = seenBy(id, spoil(memoryLockFs(fs, step), actor));
    const folder = `/p${id}${FOLDER}`;
    const clock = { sinceBootMs: () => 0, pause: () => step("pause", () => {}) };
    let made = 0;
    const scene = {
      files,
      folder,
      flockFile: "",
      here: record,
      nonce: `${id}${attempt}`,
      clock,
      patience: {},
      processes: { processLives: (pid: number) => lives(pid - 1), pipelineProcesses: async () => [] },
    };
    const options = {
      files,
      folder,
      newToken: () => renderToken(record, `${attempt.toString(16)}${(made++).toString(16)}`),
      record: renderRecord(record),
      makeWithinMs: LEASE_MS / 4,
      sinceBootMs: clock.sinceBootMs,
    };
    const tryToLock = () => {
      actor.forget();
      return tryRecordLock(options, timing);
    };
    const settled = await settle(scene, tryToLock, Number.POSITIVE_INFINITY);
    if (settled.kind === "held") return false;
    actor.enter();
    await step("work", () => {});
    actor.leave();
    await settled.lock.release();
    return true;
  };

/** The library as it comes: a lock is its folder, and dead is what is old. */
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
    // A loser sees the folder go, too.
    if (error instanceof Error && "code" in error && ["ELOCKED", "ENOENT"].includes(String(error.code))) return false;
    throw error;
  }
};
