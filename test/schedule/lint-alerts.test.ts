import { expect, test } from "vitest";
import { lintAlerts } from "../../src/schedule/lint-alerts.ts";
import { parseSchedule } from "../../src/schedule/parse.ts";

function warningsOf(rule: string, pipeline = ""): readonly string[] {
  const text = `alerts:\n  - {when: [failed${rule}, slack: "\${env:X}"}\npipelines:\n  - {tap: a, target: b, cron: "0 * * * *"${pipeline}}\n`;
  const file = { path: "/x/schedule.yml", file: "schedule.yml", bytes: new Uint8Array() };
  const { schedule, diagnostics } = parseSchedule(text, file);
  if (schedule === undefined) throw new Error(JSON.stringify(diagnostics));
  return lintAlerts(schedule).map(({ message }) => message);
}

test.each([
  [
    "late, which no pipeline can be",
    ", late]",
    "",
    ["the rule lists late, but none of its pipelines has the key `fresh_within`"],
  ],
  [
    "overdue, which no pipeline can be",
    ", overdue]",
    ", fresh_within: 2h",
    ["the rule lists overdue, but none of its pipelines has the key `running_longer_than`"],
  ],
  [
    "events of other pipelines",
    "], taps: [c]",
    "",
    ["the rule does not apply to any pipeline, so it never sends an alert"],
  ],
  [
    "events of a pipeline without alerts",
    "]",
    ", alerts: off",
    ["the rule does not apply to any pipeline, so it never sends an alert"],
  ],
  ["what its pipeline can be", ", late, overdue]", ", fresh_within: 2h, running_longer_than: 1h", []],
])("a rule that lists %s", (_, rule, pipeline, warnings) => {
  expect(warningsOf(rule, pipeline)).toEqual(warnings);
});
