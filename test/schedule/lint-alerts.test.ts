import { expect, test } from "vitest";
import { lintAlerts } from "../../src/schedule/lint-alerts.ts";
import { parseSchedule } from "../../src/schedule/parse.ts";

const warningsOf = (rule: string, pipeline = ""): readonly string[] =>
  warningsOfFile(
    `alerts:\n  - {when: [failed${rule}, slack: "\${env:X}"}\npipelines:\n  - {tap: a, target: b, cron: "0 * * * *"${pipeline}}\n`,
  );

function warningsOfFile(text: string): readonly string[] {
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

test.each([
  ["two pipelines", "", ["the rule pings one check about 2 pipelines, and a check mixes up their runs"]],
  ["one of two pipelines", ", taps: [a]", []],
])("a ping about %s", (_, rule, warnings) => {
  const pipelines = ["a", "c"].map((tap) => `  - {tap: ${tap}, target: b, cron: "0 * * * *"}\n`).join("");
  const text = `alerts:\n  - {ping: "\${env:X}"${rule}}\npipelines:\n${pipelines}`;
  expect(warningsOfFile(text)).toEqual(warnings);
});
