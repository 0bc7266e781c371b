import { beforeEach, expect, onTestFinished, test, vi } from "vitest";
import { startTimer } from "../../src/system/timer.ts";
import { DAY_MS } from "../../src/time-units.ts";

beforeEach(() => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
});

test.each([1, DAY_MS, 24 * DAY_MS, 31 * DAY_MS])(
  "a timer of %i ms elapses at that time, and not before",
  async (ms) => {
    let elapsed = false;
    void startTimer(ms).elapsed.then(() => {
      elapsed = true;
    });
    await vi.advanceTimersByTimeAsync(ms - 1);
    expect(elapsed).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(elapsed).toBe(true);
  },
);

test("a timer that was cancelled never elapses", async () => {
  let elapsed = false;
  const timer = startTimer(31 * DAY_MS);
  void timer.elapsed.then(() => {
    elapsed = true;
  });
  await vi.advanceTimersByTimeAsync(30 * DAY_MS);
  timer.cancel();
  expect(vi.getTimerCount()).toBe(0);
  await vi.advanceTimersByTimeAsync(2 * DAY_MS);
  expect(elapsed).toBe(false);
});
