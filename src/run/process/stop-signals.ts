import type { SignalSource } from "../../host.ts";
import type { StopCause } from "../outcome.ts";

const SIGNALS = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const;

/** What the user, or the system, asked of us by signals. */
export interface StopSignals {
  /** Why we were asked to stop; `undefined` as long as we were not. */
  cause(): StopCause | undefined;
  /** Resolves at the first signal. */
  readonly first: Promise<StopCause>;
  /** Resolves at the next signal from now: whoever asks again is in a hurry. */
  next(): Promise<void>;
  close(): void;
}

/**
 * Takes the signals that would end us. Before the lock's library is loaded: its own handlers free the lock while the
 * pipeline still runs.
 */
export function takeStopSignals(source: SignalSource): StopSignals {
  let cause: StopCause | undefined;
  let waiting: (() => void)[] = [];
  let announce: (cause: StopCause) => void = () => {};
  const first = new Promise<StopCause>((resolve) => {
    announce = resolve;
  });
  const entries = Object.entries(SIGNALS) as [keyof typeof SIGNALS, number][]; // keys of a literal, typed as string
  const handlers = entries.map(([signal, number]) => {
    const handler = () => {
      cause ??= { kind: "signal", signal, number };
      announce(cause);
      const woken = waiting;
      waiting = [];
      for (const wake of woken) wake();
    };
    source.on(signal, handler);
    return { signal, handler };
  });
  return {
    cause: () => cause,
    first,
    next: () => new Promise((resolve) => waiting.push(resolve)),
    close() {
      for (const { signal, handler } of handlers) source.off(signal, handler);
    },
  };
}
