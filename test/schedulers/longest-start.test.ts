import { expect, test } from "vitest";
import type { Limits, Policies } from "../../src/policies.ts";
import { longestStartMs, longestWithFollowersMs } from "../../src/schedulers/longest-start.ts";
import { MINUTE_MS } from "../../src/time-units.ts";

const hook = (minutes: number) => ({ command: ["true"], timeoutMs: minutes * MINUTE_MS });
const retries = {
  ...{ max: 3, delayMs: MINUTE_MS, backoff: 10, maxDelayMs: 30 * MINUTE_MS },
  on: ["failed", "timed-out"] as const,
};
const timeoutMs = 60 * MINUTE_MS;

// Each timeout is followed by a minute for the stop.
test.each<[what: string, policies: Policies, minutes: number | undefined]>([
  ["without a timeout", { retries, onOverlap: { waitMs: MINUTE_MS } }, undefined],
  ["with a timeout", { timeoutMs }, 61],
  ["with retries, which wait for 1, 10 and 30 minutes", { timeoutMs, retries }, 4 * 61 + 41],
  ["with a wait for another run", { timeoutMs, onOverlap: { waitMs: 20 * MINUTE_MS } }, 81],
  ["that replaces another run", { timeoutMs, onOverlap: "replace" }, 62],
  [
    "with hooks, of which only one of after_success and after_failure runs",
    { timeoutMs, hooks: { before: hook(1), after: hook(2), afterSuccess: hook(3), afterFailure: hook(5) } },
    61 + 2 + 3 + 6,
  ],
])("the longest time of a start %s", (_, policies, minutes) => {
  expect(longestStartMs({ target: "dwh", policies }, undefined)).toBe(
    minutes === undefined ? undefined : minutes * MINUTE_MS,
  );
});

test.each<[what: string, limits: Partial<Limits>, minutes: number]>([
  ["of its target", { target: { dwh: 1 } }, 91],
  ["of its source", { source: { shop: 1 } }, 91],
  ["of each host", { host: 1 }, 91],
  ["of other targets and sources only", { target: { lake: 1 }, source: { crm: 1 } }, 61],
])("the longest time of a start under a limit %s", (_, limits, minutes) => {
  const entry = { target: "dwh", source: "shop", policies: { timeoutMs } };
  const all = { target: {}, source: {}, queueMs: 30 * MINUTE_MS, ...limits };
  expect(longestStartMs(entry, all)).toBe(minutes * MINUTE_MS);
});

test("the longest time of a start includes the entries that run after it, at the same time as each other", () => {
  const pair = (tap: string) => ({ tap, target: "w" });
  const entry = (tap: string, minutes: number | undefined, ...after: readonly string[]) => ({
    ...{ ...pair(tap), command: "run_tap", after: after.map(pair) },
    policies: { timeoutMs: minutes === undefined ? undefined : minutes * MINUTE_MS },
  });
  const first = entry("a", 10);
  const entries = [first, entry("b", 20, "a"), entry("c", 30, "a"), entry("d", 40, "b"), entry("e", undefined, "c")];
  expect(longestWithFollowersMs(first, { entries })).toBe((11 + 21 + 41) * MINUTE_MS);
});
