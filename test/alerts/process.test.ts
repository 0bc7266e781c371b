import { describe, expect, test } from "vitest";
import type { AlertRule } from "../../src/alert-rules.ts";
import type { AlertEvent } from "../../src/alerts/event.ts";
import { type Incidents, processEvents } from "../../src/alerts/process.ts";
import { entryPath } from "../../src/pipeline-id.ts";
import { anEntry } from "../support/sandbox.ts";

const RULE: AlertRule = {
  when: ["failed", "timed-out", "lost", "recovered"],
  receiver: { kind: "webhook", url: `\${env:HOOK}` },
};

const NONE: ReadonlySet<string> = new Set();

const entries = [anEntry(), anEntry({ tap: "orders" })];

function event(number: number, kind: AlertEvent["kind"], tap = "microserv_1"): AlertEvent {
  const startedAt = new Date(Date.UTC(2026, 10, 23, 12, number)).toISOString();
  const run = { id: `run-${number}`, host: "testhost", startedAt, endedAt: startedAt };
  const entry = { tap, target: "redshift", command: "run_tap" };
  return { id: run.id, kind, entry, at: startedAt, run, lastLines: [] };
}

/** Processes lists of events one after the other. @returns the kinds of the alerts of each list, by tap */
function alertsOf(
  lists: readonly (readonly AlertEvent[])[],
  { rules = [RULE] as readonly AlertRule[], minutes = 5, off = NONE } = {},
) {
  let incidents: Incidents = {};
  return lists.map((events, index) => {
    const now = new Date(Date.UTC(2026, 10, 23, 12, index * minutes));
    const result = processEvents({ events, incidents, rules, entries, off, now });
    incidents = result.incidents;
    return result.batches.map(({ alerts }) =>
      alerts.map(({ kind, entry, isReminder }) => `${entry.tap} ${kind}${isReminder ? " again" : ""}`),
    );
  });
}

describe("a pipeline gives one alert for each change of its state", () => {
  test.each<[name: string, kinds: readonly AlertEvent["kind"][], alerts: readonly string[]]>([
    [
      "failures are reported once, and the success after them",
      ["failed", "failed", "succeeded"],
      ["failed", "", "recovered"],
    ],
    ["another kind of failure is a change", ["failed", "timed-out", "lost"], ["failed", "timed-out", "lost"]],
    ["a success changes nothing", ["succeeded", "succeeded"], ["", ""]],
    ["a failure after a recovery is reported", ["failed", "succeeded", "failed"], ["failed", "recovered", "failed"]],
  ])("%s", (_, kinds, alerts) => {
    const told = alertsOf(kinds.map((kind, index) => [event(index, kind)]));
    expect(told).toEqual(alerts.map((kind) => (kind === "" ? [] : [[`microserv_1 ${kind}`]])));
  });

  test("a start and a success are reported for each run, in addition to the recovery", () => {
    const rules = [{ ...RULE, when: ["started", "succeeded", "failed", "recovered"] }] as const;
    const started = { ...event(2, "started"), id: "run-2-started" };
    const told = alertsOf([[event(1, "failed")], [started], [event(2, "succeeded")], [event(3, "succeeded")]], {
      rules,
    });
    expect(told.map((lists) => lists.flat())).toEqual([
      ["microserv_1 failed"],
      ["microserv_1 started"],
      ["microserv_1 succeeded", "microserv_1 recovered"],
      ["microserv_1 succeeded"],
    ]);
  });

  test("each rule reports skipped starts once, at its own number, and their end only after that", () => {
    const other = { kind: "webhook", url: `\${env:OTHER}` } as const;
    const rules: readonly AlertRule[] = [
      { ...RULE, when: ["skipped", "recovered"], skips: 2 },
      { when: ["skipped", "recovered"], skips: 4, receiver: other },
    ];
    const skipped = (skips: number) => ({ ...event(skips, "skipped"), skips });
    const told = alertsOf([[skipped(2)], [event(5, "failed")], [skipped(2)], [event(6, "succeeded")]], { rules });
    expect(told).toEqual([[["microserv_1 skipped"]], [], [], [["microserv_1 recovered"]]]);
    const both = alertsOf([[skipped(2)], [skipped(4)], [event(6, "succeeded")]], { rules });
    expect(both).toEqual([
      [["microserv_1 skipped"]],
      [["microserv_1 skipped"]],
      [["microserv_1 recovered"], ["microserv_1 recovered"]],
    ]);
  });

  test("a start of a pipeline that fails changes nothing", () => {
    const started = { ...event(2, "started"), id: "run-2-started" };
    expect(alertsOf([[event(1, "failed")], [started, event(2, "failed")]])).toEqual([[["microserv_1 failed"]], []]);
  });

  test("the end of one run that was stored twice is one alert", () => {
    expect(alertsOf([[event(1, "failed")], [event(1, "lost")]])).toEqual([[["microserv_1 failed"]], []]);
  });

  test("the failures of several pipelines are one message", () => {
    const events = [event(1, "failed"), event(2, "failed", "orders")];
    expect(alertsOf([events])).toEqual([[["microserv_1 failed", "orders failed"]]]);
  });
});

test("a reminder repeats an alert after its time, and not after the recovery", () => {
  const rules = [{ ...RULE, remindMs: 10 * 60_000 }];
  const told = alertsOf([[event(1, "failed")], [], [event(2, "failed")], [event(3, "succeeded")], [], [], []], {
    rules,
  });
  expect(told).toEqual([
    [["microserv_1 failed"]],
    [],
    [["microserv_1 failed again"]],
    [["microserv_1 recovered"]],
    ...[[], [], []],
  ]);
});

test("a paused or disabled entry gets no reminder, and its recovery is still sent", () => {
  const rules = [{ ...RULE, remindMs: 10 * 60_000 }];
  const off = new Set([entryPath(anEntry())]);
  const events = [event(1, "failed"), event(1, "failed", "orders")];
  const told = alertsOf([events, [], [], [event(4, "succeeded")]], { rules, off });
  expect(told).toEqual([
    [["microserv_1 failed", "orders failed"]],
    [],
    [["orders failed again"]],
    [["microserv_1 recovered"]],
  ]);
});

test.each<[name: string, rule: Partial<AlertRule>, alerts: readonly (readonly (readonly string[])[])[]]>([
  ["another tap", { taps: ["order*"] }, [[], []]],
  ["a pattern that matches", { taps: ["micro*"] }, [[["microserv_1 failed"]], [["microserv_1 recovered"]]]],
  ["recoveries of other kinds only", { when: ["lost", "recovered"] }, [[], []]],
  [
    "recoveries and successes",
    { when: ["recovered", "succeeded"] },
    [[], [["microserv_1 succeeded", "microserv_1 recovered"]]],
  ],
  ["recoveries only", { when: ["recovered"] }, [[], [["microserv_1 recovered"]]]],
])("a rule for %s", (_, changes, alerts) => {
  const told = alertsOf([[event(1, "failed")], [event(2, "succeeded")]], { rules: [{ ...RULE, ...changes }] });
  expect(told).toEqual(alerts);
});

test("an incident of an entry that is no longer installed is forgotten", () => {
  const { incidents } = processEvents({
    events: [event(1, "failed", "gone")],
    incidents: {},
    rules: [RULE],
    entries,
    off: NONE,
    now: new Date(),
  });
  expect(incidents).toEqual({});
});
