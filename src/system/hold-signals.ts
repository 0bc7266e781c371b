import { END_SIGNALS, type EndSignal, InterruptedError } from "../errors.ts";
import type { SignalSource } from "../host.ts";

/** The steps of one process that hold its signals back. */
interface Hold {
  depth: number;
  signal: EndSignal | undefined;
  readonly listeners: Set<() => void>;
  readonly release: () => void;
}

const holds = new WeakMap<SignalSource, Hold>();

function takeSignals(signals: SignalSource): Hold {
  const handlers = END_SIGNALS.map((signal) => {
    const handler = () => {
      hold.signal ??= signal;
      for (const listener of hold.listeners) listener();
    };
    signals.on(signal, handler);
    return { signal, handler };
  });
  const release = () => {
    holds.delete(signals);
    for (const { signal, handler } of handlers) signals.off(signal, handler);
  };
  const hold: Hold = { depth: 0, signal: undefined, listeners: new Set(), release };
  holds.set(signals, hold);
  return hold;
}

/**
 * Runs a step that must not end half-way: a signal that asks this process to end is held back until the step has ended.
 * Such steps may be nested; then the outermost one ends the process.
 *
 * @param done says what is complete at the end of the step, for the error
 * @param onSignal called at each signal, and at once if there was one
 * @throws InterruptedError if the step succeeded and a signal came; the error of the step if it failed
 */
export async function holdSignals<T>(
  signals: SignalSource,
  step: () => Promise<T>,
  { done, onSignal = () => {} }: { readonly done: string; readonly onSignal?: () => void },
): Promise<T> {
  const hold = holds.get(signals) ?? takeSignals(signals);
  hold.depth++;
  hold.listeners.add(onSignal);
  if (hold.signal !== undefined) onSignal();
  try {
    const result = await step();
    // Node delivers a signal that came during synchronous file operations only now.
    if (hold.depth === 1) await new Promise(setImmediate);
    if (hold.depth === 1 && hold.signal !== undefined) throw new InterruptedError(hold.signal, done);
    return result;
  } finally {
    hold.listeners.delete(onSignal);
    if (--hold.depth === 0) hold.release();
  }
}
