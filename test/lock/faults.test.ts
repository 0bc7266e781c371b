import { spawnSync } from "node:child_process";
import { chmodSync, mkdirSync, readdirSync } from "node:fs";
import { dirname } from "node:path";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { StoreError } from "../../src/errors.ts";
import type { LockAttempt } from "../../src/lock/lock.ts";
import { diskLockFs, type LockFs } from "../../src/lock/lock-directory.ts";
import { pipelineLocks } from "../../src/lock/pipeline-locks.ts";
import { type LockClock, realClock } from "../../src/lock/processes.ts";
import { LOCK_TIMING } from "../../src/lock/timing.ts";
import { flockFile, lockDirectory, type StatePaths } from "../../src/storage/paths.ts";
import { claim } from "./claim.ts";
import { buildContender, startContender, stateDirectory } from "./processes.ts";

const pipeline = { tap: "a", target: "dwh", dataDiff: false };

/** A system error; node has no name for some codes of network file systems. */
const fault = (code: string, errno: number): Error =>
  Object.assign(new Error(code.startsWith("E") ? `${code}: told by a test` : code), { code, errno });

const faults = [
  { error: fault("ENOSPC", -28), says: /the disk is full/ },
  { error: fault("EROFS", -30), says: /read-only/ },
  { error: fault("EACCES", -13), says: /permission denied/ },
  { error: fault("EIO", -5), says: /input\/output error/ },
  { error: fault("Unknown system error -122", -122), says: /quota/ },
  { error: fault("Unknown system error -116", -116), says: /ESTALE/ },
];

async function acquireWith(paths: StatePaths, files: Partial<LockFs>): Promise<LockAttempt> {
  const attempt = await pipelineLocks({ files: { ...diskLockFs, ...files } }).acquire(paths, pipeline, claim);
  if (attempt.kind === "acquired") onTestFinished(() => attempt.lock.release());
  return attempt;
}

const left = (paths: StatePaths): readonly string[] => readdirSync(dirname(flockFile(paths, pipeline)));

describe.each(faults)("$error.code", ({ error, says }) => {
  const fail = (): Promise<never> => Promise.reject(error);

  test.each(["makeDirectory", "create", "list", "touch"] as const)(
    "in %s is an error of the store, never 'held'",
    async (step) => {
      const paths = stateDirectory();
      const refused = acquireWith(paths, { [step]: fail });
      await expect(refused).rejects.toThrow(StoreError);
      await expect(refused).rejects.toThrow(says);
      await expect(refused).rejects.toThrow(lockDirectory(paths, pipeline));
    },
  );

  test("leaves no token behind, and the next one gets the lock", async () => {
    const paths = stateDirectory();
    await expect(acquireWith(paths, { create: fail })).rejects.toThrow(StoreError);
    expect(left(paths)).toEqual(["a.flock"]);
    expect((await acquireWith(paths, {})).kind).toBe("acquired");
  });
});

test("the hint about a full disk does not name an earlier content, which a lock does not have", async () => {
  const create = () => Promise.reject(fault("ENOSPC", -28));
  await expect(acquireWith(stateDirectory(), { create })).rejects.toMatchObject({
    hint: "Free some space, then try again.",
  });
});

test("a release that the share refuses is an error of the store, and says which lock it is", async () => {
  const paths = stateDirectory();
  const rename = () => Promise.reject(fault("EROFS", -30));
  const attempt = await pipelineLocks({ files: { ...diskLockFs, rename } }).acquire(paths, pipeline, claim);
  if (attempt.kind !== "acquired") throw new Error("not acquired");
  const refused = attempt.lock.release();
  await expect(refused).rejects.toThrow(StoreError);
  await expect(refused).rejects.toThrow(
    `cannot release the lock ${lockDirectory(paths, pipeline)}: the file system is`,
  );
});

test("a directory that was cleaned away under its maker is made again", async () => {
  let cleaned = 0;
  const attempt = await acquireWith(stateDirectory(), {
    async makeDirectory(path) {
      await diskLockFs.makeDirectory(path);
      cleaned += 1;
      if (cleaned < 3) await diskLockFs.removeDirectory(path);
    },
  });
  expect(attempt.kind).toBe("acquired");
  expect(cleaned).toBe(3);
});

test("two that put their tokens into one directory both step back, and try again", async () => {
  let first = true;
  const paths = stateDirectory();
  const stranger = "owner.0.0.1.0.ff.json";
  const attempt = await acquireWith(paths, {
    async create(path, text) {
      await diskLockFs.create(path, text);
      if (first) await diskLockFs.create(`${dirname(path)}/${stranger}`, "");
      first = false;
    },
    // The other one steps back too.
    async rename(from, to) {
      await diskLockFs.rename(from, to);
      await diskLockFs.removeFile(`${dirname(from)}/${stranger}`).catch(() => {});
    },
  });
  expect(attempt.kind).toBe("acquired");
  expect(readdirSync(lockDirectory(paths, pipeline))).toHaveLength(1);
});

test("a lock whose making took a quarter of the lease is given up", async () => {
  const paths = stateDirectory();
  let now = 0;
  const clock: LockClock = { ...realClock, sinceBootMs: () => now };
  const files: LockFs = {
    ...diskLockFs,
    async create(path, text) {
      await diskLockFs.create(path, text);
      now += LOCK_TIMING.leaseMs / 4;
    },
    // Time goes on while we look who has it.
    async list(path) {
      now += 1_000;
      return diskLockFs.list(path);
    },
    async kind(path) {
      now += 1_000;
      return diskLockFs.kind(path);
    },
  };
  const refused = pipelineLocks({ files, clock }).acquire(paths, pipeline, claim);
  await expect(refused).rejects.toThrow(/cannot acquire lock .*, and no holder was found/);
  expect(left(paths)).toEqual(["a.flock"]);
});

test("a rename that the client sent twice still counts as ours", async () => {
  const paths = stateDirectory();
  const attempt = await acquireWith(paths, {
    async rename(from, to) {
      await diskLockFs.rename(from, to);
      await diskLockFs.rename(from, to);
    },
  });
  if (attempt.kind !== "acquired") throw new Error("not acquired");
  await attempt.lock.release();
  expect(left(paths)).toEqual(["a.flock"]);
});

const canMount = spawnSync("unshare", ["-m", "true"]).status === 0;
const isRoot = process.getuid?.() === 0;

describe("on a real file system", () => {
  let built: Awaited<ReturnType<typeof buildContender>>;
  beforeAll(async () => {
    built = await buildContender();
  });
  afterAll(() => built.remove());

  /** Words that run a script in a mount namespace of its own, with the config directory as `$0`, and then the contender. */
  const inOwnMounts = (paths: StatePaths, script: string): readonly string[] => [
    ...["unshare", "-m", "sh", "-ec", `${script}; exec "$@"`],
    paths.configDir,
  ];

  test.skipIf(!canMount)("a full disk refuses the run and leaves nothing half-written", async () => {
    const paths = stateDirectory();
    const script = `mount -t tmpfs -o size=64k pws "$0"; mkdir -m 700 "$0/.sched"; cat /dev/zero 2>&- >"$0/fill" || true`;
    const contender = await startContender(built.program, paths, {}, inOwnMounts(paths, script));
    expect(await contender.ask("take", "a")).toMatchObject({
      name: "StoreError",
      message: expect.stringMatching(/disk is full/),
    });
    expect(readdirSync(`/proc/${contender.pid}/root${dirname(flockFile(paths, pipeline))}`)).toEqual(["a.flock"]);
  });

  test.skipIf(!canMount)("a read-only store refuses the run", async () => {
    const paths = stateDirectory();
    const script = `mount --bind "$0" "$0"; mount -o remount,ro,bind "$0"`;
    const contender = await startContender(built.program, paths, {}, inOwnMounts(paths, script));
    expect(await contender.ask("take", "a")).toMatchObject({
      name: "StoreError",
      message: expect.stringMatching(/read-only/),
    });
  });

  test.skipIf(!isRoot)("a store of another user refuses the run", async () => {
    const paths = stateDirectory();
    mkdirSync(dirname(lockDirectory(paths, pipeline)), { recursive: true, mode: 0o700 });
    chmodSync(paths.configDir, 0o755);
    const asNobody = ["setpriv", "--reuid", "65534", "--clear-groups"];
    const contender = await startContender(built.program, paths, {}, asNobody);
    expect(await contender.ask("take", "a")).toMatchObject({
      name: "StoreError",
      message: expect.stringMatching(/permission denied/),
    });
  });
});
