import { existsSync, mkdirSync, readdirSync, utimesSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { newRunId } from "../../src/history/record.ts";
import type { KeptTimes } from "../../src/policies.ts";
import { prune } from "../../src/retention/prune.ts";
import { runLogFile, runsFile, type StatePaths } from "../../src/storage/paths.ts";
import { DAY_MS } from "../../src/time-units.ts";
import { sandbox } from "../support/sandbox.ts";

export const NOW = new Date("2026-11-23T12:00:00Z");
export const PIPELINE = { tap: "microserv_1", target: "redshift" } as const;
const RETENTION = { logsMs: 30 * DAY_MS, historyMs: 400 * DAY_MS };

/** Writes a file of 10 bytes, as of a time. */
export function writeOld(path: string, at: Date): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  writeFileSync(path, "0123456789", { mode: 0o600 });
  utimesSync(path, at, at);
}

interface OldLog {
  readonly pipeline?: { readonly tap: string; readonly target: string };
  readonly id?: string;
  readonly attempt?: number;
  /** Absent: at the start of the run. */
  readonly writtenAt?: Date;
}

/** Leaves the log of a run. @returns its name */
export function leaveLog(paths: StatePaths, startedAt: Date, changes: OldLog = {}): string {
  const { pipeline = PIPELINE, id = newRunId(startedAt), attempt = 1, writtenAt = startedAt } = changes;
  const path = runLogFile(paths, pipeline, { id, startedAt, attempt });
  writeOld(path, writtenAt);
  return path.slice(dirname(path).length + 1);
}

export const day = (days: number): number => days * DAY_MS;

export const daysAgo = (days: number): Date => new Date(NOW.getTime() - days * DAY_MS);

/** Leaves the logs of this many runs, an hour apart. @returns their names, oldest first */
export const leaveLogs = (paths: StatePaths, days: number, count: number): string[] =>
  Array.from({ length: count }, (_, index) => leaveLog(paths, new Date(daysAgo(days).getTime() + index * 3_600_000)));

export const leaveMonth = (paths: StatePaths, month: string, host = "testhost"): void =>
  writeOld(runsFile(paths, month, host), NOW);

/** All files and directories below `.sched`, sorted. */
export const filesIn = ({ root }: StatePaths): string[] =>
  existsSync(root) ? readdirSync(root, { recursive: true, encoding: "utf8" }).sort() : [];

/** A box, and a removal in it. @param now of all commands */
export function prunable(now = NOW) {
  const box = sandbox("exit 0", { now: () => now });
  mkdirSync(box.paths.root, { mode: 0o700 });
  return {
    ...box,
    logs: (): string[] => {
      const directory = join(box.paths.root, "logs", PIPELINE.target, PIPELINE.tap);
      return existsSync(directory) ? readdirSync(directory).sort() : [];
    },
    prune: (isDryRun = false, retention: KeptTimes = RETENTION, retryMs: Iterable<number> = []) =>
      prune({ host: box.host, paths: box.paths, retention, at: now }, { isDryRun, retryMs }),
  };
}
