import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished } from "vitest";
import { openFlock, takeFlock } from "../../src/lock/flock.ts";
import { type LockRecord, recordOf, renderRecord, renderToken, tokenFileName } from "../../src/lock/owner-record.ts";
import { LOCK_TIMING } from "../../src/lock/timing.ts";
import type { LockId } from "../../src/pipeline-id.ts";
import { flockFile, lockDirectory, type StatePaths } from "../../src/storage/paths.ts";

export const DEAD_RUN = { id: "0dead0dead0dea", startedAt: "2026-11-23T09:00:00.000Z" } as const;
export const LAST_BEAT = "2026-11-23T09:10:00.000Z";

/** The pid of a process that has ended. */
const deadPid = (): number => spawnSync("true").pid;

/**
 * Leaves the lock of a run whose wrapper died on this host.
 *
 * @param changes fields of its record that differ from the default
 * @param which lock, if not that of the pipeline
 */
export function leaveDeadLock(
  paths: StatePaths,
  changes: Partial<LockRecord> = {},
  which: Partial<LockId> = {},
): { token: string; file: string } {
  const claim = {
    host: "testhost",
    pid: deadPid(),
    uid: 0,
    runId: DEAD_RUN.id,
    startedAt: new Date(DEAD_RUN.startedAt),
    limitations: [],
  };
  const record = { ...recordOf(claim, null, LOCK_TIMING), startTicks: 1, task: "run_tap", ...changes };
  const token = renderToken(record, "abc123");
  const directory = lockDirectory(paths, { tap: "microserv_1", target: "redshift", dataDiff: false, ...which });
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const file = join(directory, tokenFileName(token));
  writeFileSync(file, renderRecord(record), { mode: 0o600 });
  utimesSync(file, new Date(LAST_BEAT), new Date(LAST_BEAT));
  return { token, file };
}

/**
 * Starts a process that has the kernel lock of a dead run, but neither its token nor the lock as stdin. A wrapper that is
 * killed while it starts its pipeline leaves such a process, which then becomes the pipeline.
 *
 * @returns ends the process
 */
export async function leaveLockedProcess(paths: StatePaths): Promise<() => Promise<void>> {
  const file = await openFlock(flockFile(paths, { tap: "microserv_1", target: "redshift", dataDiff: false }));
  expect(await takeFlock(file.fd, { program: "flock", timeoutMs: 30_000 })).toEqual({ kind: "taken" });
  const child = spawn("sleep", ["600"], { stdio: ["ignore", "ignore", "ignore", file.fd] });
  const ended = once(child, "exit");
  onTestFinished(() => void child.kill("SIGKILL"));
  await file.close();
  return async () => {
    child.kill("SIGKILL");
    await ended;
  };
}
