import { expect, test } from "vitest";
import { runMain } from "../../src/cli/run-command.ts";
import { StoreError } from "../../src/errors.ts";
import { alertRulesOf, retentionOf } from "../../src/installed/decode-later.ts";
import { anEntry, PAIR_WORDS, sandbox } from "../support/sandbox.ts";

const RULE = { when: ["failed"], receiver: { kind: "webhook", url: "u" } };

test.each([
  ["no list", {}, "alerts is not a list"],
  ["a rule that is not an object", [null], "alerts[0] is not an object"],
  ["an unknown event", [{ ...RULE, when: ["burnt"] }], "alerts[0].when[0] is not one of"],
  ["no receiver", [{ when: [] }], "alerts[0].receiver is not an object"],
  ["a receiver without its URL", [{ ...RULE, receiver: { kind: "slack" } }], "alerts[0].receiver.url is not a string"],
  ["a pattern that is not a string", [{ ...RULE, taps: [5] }], "alerts[0].taps[0] is not a string"],
  ["a number of skips that is not a number", [{ ...RULE, skips: "5" }], "alerts[0].skips is not a number"],
])("alert rules with %s cannot be read", (_, alerts, message) => {
  const read = () => alertRulesOf({ name: "nightly", alerts });
  expect(read).toThrow(StoreError);
  expect(read).toThrow(`the stored schedule nightly cannot be read: ${message}`);
});

test("a retention with a time that is not a number cannot be read", () => {
  expect(() => retentionOf({ name: "nightly", retention: { logsMs: "30d" } })).toThrow(
    "retention.logsMs is not a number",
  );
});

test.each([
  ["a rule that is not an object", [null]],
  ["a number of skips that is not a number", [{ ...RULE, when: ["skipped", "started"], skips: {} }]],
])("a run goes on with garbled alert rules: %s", async (_, alerts) => {
  const box = sandbox();
  box.install([anEntry()], { alerts });
  expect(await runMain(PAIR_WORDS, box.host)).toBe(0);
  expect(box.host.err()).toContain("the stored schedule pipelinewise cannot be read");
  box.install([anEntry({ policies: { enabled: false } })], { alerts });
  expect(await runMain([...PAIR_WORDS, "--scheduled"], box.host)).toBe(0);
  expect((await box.records()).map(({ outcome }) => outcome)).toEqual(["skipped", "succeeded"]);
});
