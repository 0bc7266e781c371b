/** The longest delay of `setTimeout`, 24.8 days. A longer one would end at once. */
const LONGEST_MS = 2 ** 31 - 1;

/** A timer of any length. The time that the machine is suspended does not count. */
export interface Timer {
  /** Resolves at the end of the time; never after `cancel`. */
  readonly elapsed: Promise<void>;
  readonly cancel: () => void;
}

export function startTimer(ms: number): Timer {
  let timer: NodeJS.Timeout | undefined;
  const elapsed = new Promise<void>((resolve) => {
    const wait = (left: number): void => {
      const next = () => (left > LONGEST_MS ? wait(left - LONGEST_MS) : resolve());
      timer = setTimeout(next, Math.min(left, LONGEST_MS));
    };
    wait(ms);
  });
  return { elapsed, cancel: () => clearTimeout(timer) };
}
