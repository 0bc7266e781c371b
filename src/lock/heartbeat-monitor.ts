import { errorCode, errorMessage } from "../errors.ts";
import type { LockTiming } from "./timing.ts";

export interface WatchdogOptions {
  readonly timing: Pick<LockTiming, "heartbeatMs" | "selfFenceMs">;
  /** A clock that also counts while the machine sleeps. */
  readonly sinceBootMs: () => number;
  /** Asks the share whether our token is there; ENOENT when it is not. Counts as a sign of life where it is. */
  readonly verify: () => Promise<void>;
  /** Reports the loss with its reason. May be called more than once. */
  readonly sayLost: (why: string) => void;
}

/**
 * Detects that a holder may have lost its lock. It does not wait for the file system, so a file system that hangs does
 * not stop it.
 */
export interface Watchdog {
  /** The share has taken a sign of life. @param at when it was sent, which is no later than when it was taken */
  confirmed(at: number): void;
  /** It has refused one, which is no loss: the next may do. */
  refused(error: unknown): void;
  /** To be called every `pollMs`, or as soon after as this process runs again. */
  look(): void;
  readonly pollMs: number;
}

export const GONE = "its owner record no longer exists: somebody removed it, or another run took over the lock";

/** A second, or less where a test's heart beats faster. */
const pollOf = (heartbeatMs: number): number => Math.min(1_000, heartbeatMs / 4);

/** A tick this late means that the process or the machine was suspended. */
const PAUSE_POLLS = 2.5;

/** Whoever was about to take us over while we did not run has done it, or seen a beat, after so many heartbeats. */
const DOUBT_BEATS = 3;

/** @returns fed by the heartbeat and a timer; judges by itself */
export function createWatchdog({ timing, sinceBootMs, verify, sayLost }: WatchdogOptions): Watchdog {
  const { heartbeatMs, selfFenceMs } = timing;
  const pollMs = pollOf(heartbeatMs);
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
    look() {
      const now = sinceBootMs();
      if (now - lookedAt > pollMs * (1 + PAUSE_POLLS)) wokeAt = now;
      lookedAt = now;
      if (now - wokeAt < DOUBT_BEATS * heartbeatMs) void ask();
      // One who slept may still have the lock: it is given the time of a heartbeat to prove it.
      if (now - confirmedAt <= selfFenceMs || now - wokeAt < heartbeatMs) return;
      const why = lastFault === undefined ? "the file system does not answer" : lastFault;
      sayLost(`no heartbeat could be confirmed for ${Math.round((now - confirmedAt) / 1000)} s: ${why}`);
    },
  };
}
