import { expect, test } from "vitest";
import { parseSchedule } from "../../src/schedule/parse.ts";

const parse = (alerts: string, more = "") =>
  parseSchedule(`alerts:\n${alerts}\npipelines:\n  - {tap: a, target: b, cron: "0 * * * *"${more}}\n`, {
    path: "/x/schedule.yml",
    file: "schedule.yml",
    bytes: new Uint8Array(),
  });

test("a rule has its events, receiver, patterns and time", () => {
  const { schedule, diagnostics } = parse(
    `  - {when: [failed, recovered], slack: "\${env:SLACK}", taps: [a*], remind: 6h}`,
    ", alerts: off",
  );
  expect(diagnostics).toEqual([]);
  expect(schedule?.alerts).toEqual([
    {
      when: ["failed", "recovered"],
      receiver: { kind: "slack", url: `\${env:SLACK}` },
      taps: ["a*"],
      targets: undefined,
      remindMs: 21_600_000,
    },
  ]);
  expect(schedule?.pipelines[0]?.policies?.alerts).toBe(false);
});

test.each([
  ["an address in plain text", '{when: [failed], slack: "https://hooks.example.com/s3cr3t"}', "use a reference"],
  ["a password in a URL", `{when: [failed], webhook: "https://u:s3cr3t@\${env:HOST}/"}`, "in plain text"],
  ["an unknown receiver", `{when: [failed], pager: "\${env:X}"}`, "pager"],
  ["no receiver", "{when: [failed]}", "has no receiver"],
  ["two receivers", `{when: [failed], slack: "\${env:X}", webhook: "\${env:Y}"}`, "several receivers"],
  ["an unknown event", `{when: [faild], slack: "\${env:X}"}`, "did you mean failed"],
  ["no events", `{when: [], slack: "\${env:X}"}`, "when"],
])("%s is refused, and no secret is shown", (_, rule, text) => {
  const { schedule, diagnostics } = parse(`  - ${rule}`);
  expect(schedule).toBeUndefined();
  const shown = JSON.stringify(diagnostics);
  expect(shown).toContain(text);
  expect(shown).not.toContain("s3cr3t");
});
