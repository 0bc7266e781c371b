import type { Patience } from "./lock.ts";
import { diskLockFs, type LockFs } from "./lock-fs.ts";
import { type LockClock, realClock } from "./machine.ts";
import { LOCK_TIMING, type LockTiming } from "./timing.ts";

/** What tests change; a run takes `LOCK_OPTIONS`. */
export interface LockOptions {
  readonly timing: LockTiming;
  /** util-linux's or busybox's flock, by name or path. */
  readonly flockProgram: string;
  readonly flockTimeoutMs: number;
  /** For how long dead locks may be cleared and others be met before the share counts as broken. */
  readonly settleMs: number;
  readonly files: LockFs;
  readonly clock: LockClock;
  readonly patience?: Patience | undefined;
}

export const LOCK_OPTIONS: LockOptions = {
  timing: LOCK_TIMING,
  flockProgram: "flock",
  flockTimeoutMs: 5_000,
  settleMs: 20_000,
  files: diskLockFs,
  clock: realClock,
};
