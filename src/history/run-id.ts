const TIME_DIGITS = 9;
const RANDOM_DIGITS = 5;

/**
 * A short name for a run: 14 of 0-9 a-z, the start time in front, so that ids sort as the runs began. Two starts in one
 * millisecond, on whatever hosts, differ by their tail (one in 60 million is equal).
 *
 * @param random gives a number in [0, 1)
 */
export function newRunId(startedAt: Date, random: () => number = Math.random): string {
  const time = startedAt.getTime().toString(36).padStart(TIME_DIGITS, "0");
  const tail = Math.floor(random() * 36 ** RANDOM_DIGITS);
  return time + tail.toString(36).padStart(RANDOM_DIGITS, "0");
}
