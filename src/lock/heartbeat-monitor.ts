import { errorCode, errorMessage } from "../errors.ts";
import type { LockTiming } from "./timing.ts";

export interface WatchdogOptions {
  readonly timing: Pick<LockTiming, "heartbeatMs" | "selfFenceMs" | "watchdogMs">;
  /** A clock that also runs while the machine sleeps. */
  readonly sinceBootMs: () => number;
  /** Touches the owner record, which counts as a heartbeat; fails with ENOENT if the record is gone. */
  readonly verify: () => Promise<void>;
  /** Reports the loss with its reason. May be called more than once. */
  readonly reportLost: (why: string) => void;
}

/**
 * Detects that a holder may have lost its lock. It does not wait for the file system, so a file system that hangs does
 * not stop it.
 */
export interface Watchdog {
  /** Reports a heartbeat that succeeded. @param at when it was sent, which is not later than when it arrived */
  confirmed(at: number): void;
  /** Reports a heartbeat that failed. The lock is not lost yet, because the next one may succeed. */
  refused(error: unknown): void;
  /** Call it every `pollMs`, or as soon afterwards as this process runs again. */
  check(): void;
  readonly pollMs: number;
}

export const GONE = "its owner record no longer exists: somebody removed it, or another run took over the lock";

/** A second, or less with the short heartbeats of a test. */
const pollOf = (heartbeatMs: number): number => Math.min(1_000, heartbeatMs / 4);

/** A tick this late means that the process or the machine was suspended. */
const PAUSE_POLLS = 2.5;

/** After this many heartbeats, another start that watched this holder during a pause has taken over or seen a heartbeat. */
const DOUBT_BEATS = 3;

/** Creates a watchdog. The heartbeat and a timer call it. */
export function createWatchdog({ timing, sinceBootMs, verify, reportLost: sayLost }: WatchdogOptions): Watchdog {
  const { heartbeatMs, selfFenceMs, watchdogMs: pollMs = pollOf(heartbeatMs) } = timing;
  let confirmedAt = sinceBootMs();
  let lookedAt = confirmedAt;
  let wokeAt = Number.NEGATIVE_INFINITY;
  let asking = false;
  let lastFault: string | undefined;

  function refused(error: unknown): void {
    if (errorCode(error) === "ENOENT") sayLost(GONE);
    else lastFault = errorMessage(error);
  }

  function confirmed(at: number): void {
    confirmedAt = Math.max(confirmedAt, at);
    lastFault = undefined;
  }

  async function ask(): Promise<void> {
    if (asking) return;
    asking = true;
    const at = sinceBootMs();
    await verify().then(() => confirmed(at), refused);
    asking = false;
  }

  return {
    confirmed,
    refused,
    pollMs,
    check() {
      const now = sinceBootMs();
      if (now - lookedAt > pollMs * (1 + PAUSE_POLLS)) wokeAt = now;
      lookedAt = now;
      if (now - wokeAt < DOUBT_BEATS * heartbeatMs) void ask();
      // A holder that was suspended may still have the lock. It gets the time of one heartbeat to prove it.
      if (now - confirmedAt <= selfFenceMs || now - wokeAt < heartbeatMs) return;
      const why = lastFault === undefined ? "the file system does not answer" : lastFault;
      sayLost(`no heartbeat could be confirmed for ${Math.round((now - confirmedAt) / 1000)} s: ${why}`);
    },
  };
}
