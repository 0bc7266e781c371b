import { END_SIGNALS, type EndSignal } from "../../errors.ts";
import type { Host } from "../../host.ts";

/** A signal that the wrapper got. */
export interface StopSignal {
  readonly kind: "signal";
  readonly signal: EndSignal;
}

/** Signals that ask this process to stop. */
export interface StopSignals {
  /** The first signal; `undefined` if there was none. */
  cause(): StopSignal | undefined;
  /** Resolves at the first signal. */
  readonly first: Promise<StopSignal>;
  /** Resolves at the next signal from now on. */
  next(): Promise<void>;
  close(): void;
}

/**
 * At SIGUSR1 Node would open a debugger. The others would end the wrapper although the pipeline is running: Node itself
 * ignores SIGXFSZ, but a library below the lock's handles it.
 */
const IGNORED = ["SIGUSR1", "SIGUSR2", "SIGXFSZ"] as const;
const ignore = () => {};

const NOT_SUSPENDED =
  "Ctrl-Z does not suspend a run, because its lock would expire on other hosts. To stop the run, press Ctrl-C. To get the shell back, start it with: nohup … &";

/**
 * Handles the signals that would end or suspend this process. Call it before the lock's library is loaded: the handlers
 * of that library release the lock while the pipeline is running.
 *
 * Without a terminal, SIGHUP is ignored. Node does not say whether `nohup` asked for that, but under `nohup` no stream
 * is a terminal, and without a terminal SIGHUP does not mean a hangup.
 */
export function takeStopSignals(host: Pick<Host, "signals" | "hasTerminal" | "stderr">): StopSignals {
  const source = host.signals;
  const ignoresHangup = !host.hasTerminal();
  let cause: StopSignal | undefined;
  let waiting: (() => void)[] = [];
  let resolveFirst: (cause: StopSignal) => void = () => {};
  const first = new Promise<StopSignal>((resolve) => {
    resolveFirst = resolve;
  });
  const handlers = END_SIGNALS.map((signal) => {
    const handler = () => {
      if (signal === "SIGHUP" && ignoresHangup) return;
      cause ??= { kind: "signal", signal };
      resolveFirst(cause);
      const wakers = waiting;
      waiting = [];
      for (const wake of wakers) wake();
    };
    source.on(signal, handler);
    return { signal, handler };
  });
  const refuseToSuspend = () => host.stderr.write(`pipelinewise-sched: ${NOT_SUSPENDED}\n`);
  source.on("SIGTSTP", refuseToSuspend);
  for (const signal of IGNORED) source.on(signal, ignore);
  return {
    cause: () => cause,
    first,
    next: () => new Promise((resolve) => waiting.push(resolve)),
    close() {
      for (const { signal, handler } of handlers) source.off(signal, handler);
      source.off("SIGTSTP", refuseToSuspend);
      for (const signal of IGNORED) source.off(signal, ignore);
    },
  };
}
