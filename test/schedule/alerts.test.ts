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

test("a rule with a ping has the events of each run", () => {
  const { schedule, diagnostics } = parse(`  - {ping: "\${env:CHECK}", taps: [a]}`);
  expect(diagnostics).toEqual([]);
  const when = ["started", "succeeded", "failed", "timed-out", "lost"];
  expect(schedule?.alerts?.[0]).toMatchObject({ when, receiver: { kind: "ping", url: `\${env:CHECK}` } });
});

test.each([
  ["smtp", `smtp: "\${env:URL}", from: x@y.org`, { from: "x@y.org", by: { smtp: `\${env:URL}` } }],
  ["sendmail", "sendmail: /usr/sbin/sendmail", { by: { sendmail: "/usr/sbin/sendmail" } }],
])("mail by %s has its recipients", (_, mail, receiver) => {
  const { schedule, diagnostics } = parse(`  - {when: [failed], email: {to: [a@b.org], ${mail}}}`);
  expect(diagnostics).toEqual([]);
  expect(schedule?.alerts?.[0]?.receiver).toEqual({ kind: "email", to: ["a@b.org"], ...receiver });
});

test("a rule for skipped starts has their number", () => {
  const { schedule } = parse(`  - {when: [failed, skipped: 5], slack: "\${env:SLACK}"}`);
  expect(schedule?.alerts).toMatchObject([{ when: ["failed", "skipped"], skips: 5 }]);
});

test.each([
  ["skipped without a number", `{when: [skipped], slack: "\${env:X}"}`, "skipped needs a number of starts"],
  ["skipped with a word", `{when: [{skipped: often}], slack: "\${env:X}"}`, "skipped"],
  ["skipped zero times", `{when: [{skipped: 0}], slack: "\${env:X}"}`, "skipped"],
  ["skipped twice", `{when: [skipped: 5, skipped: 9], slack: "\${env:X}"}`, "more than once"],
  ["another map", `{when: [{failed: 5}], slack: "\${env:X}"}`, "failed"],
  ["an address in plain text", '{when: [failed], slack: "https://hooks.example.com/s3cr3t"}', "use a reference"],
  ["a password in a URL", `{when: [failed], webhook: "https://u:s3cr3t@\${env:HOST}/"}`, "in plain text"],
  ["an unknown receiver", `{when: [failed], pager: "\${env:X}"}`, "pager"],
  ["no receiver", "{when: [failed]}", "has no receiver"],
  ["two receivers", `{when: [failed], slack: "\${env:X}", webhook: "\${env:Y}"}`, "several receivers"],
  ["an unknown event", `{when: [faild], slack: "\${env:X}"}`, "did you mean failed"],
  [
    "a server for mail in plain text",
    "{when: [failed], email: {to: [a@b], from: c@d, smtp: smtp://u:s3cr3t@h}}",
    "use a reference",
  ],
  ["mail without a sender", `{when: [failed], email: {to: [a@b], smtp: "\${env:X}"}}`, "has no sender"],
  [
    "mail with neither smtp nor sendmail",
    "{when: [failed], email: {to: [a@b], from: c@d}}",
    "neither smtp nor sendmail",
  ],
  [
    "mail with both smtp and sendmail",
    `{when: [failed], email: {to: [a@b], from: c@d, smtp: "\${env:X}", sendmail: /x}}`,
    "both smtp",
  ],
  ["a recipient that is an option", "{when: [failed], email: {to: [-oQ/x@b], sendmail: /x}}", "is not a mail address"],
  ["a relative program", "{when: [failed], email: {to: [a@b], sendmail: sendmail}}", "is not an absolute path"],
  ["no key `when`", `{slack: "\${env:X}"}`, "the key `when` is missing"],
  ["a ping for recoveries", `{ping: "\${env:X}", when: [recovered]}`, "a ping is not sent for recovered"],
  ["a ping with reminders", `{ping: "\${env:X}", remind: 6h}`, "a ping is not repeated"],
  ["a reminder between two starts of tend", `{when: [failed], slack: "\${env:X}", remind: 4m}`, "shorter than 5m"],
  ["no events", `{when: [], slack: "\${env:X}"}`, "when"],
])("%s is refused, and no secret is shown", (_, rule, text) => {
  const { schedule, diagnostics } = parse(`  - ${rule}`);
  expect(schedule).toBeUndefined();
  const shown = JSON.stringify(diagnostics);
  expect(shown).toContain(text);
  expect(shown).not.toContain("s3cr3t");
});
