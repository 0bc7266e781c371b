import * as z from "zod/mini";
import { ALERT_KINDS, type AlertRule, RECEIVER_KINDS } from "../alert-rules.ts";
import { nearestWord } from "../text/suggest.ts";
import { quoted } from "./diagnostic.ts";
import { duration, listOf, text } from "./schema-parts.ts";
import { parseEnvValue, ValueError } from "./values.ts";

const ADDRESS_HINT = `Write \${file:PATH} for a file of mode 0600 that contains the URL, or \${env:NAME}. If the URL contains a secret and was in this file, replace the secret: others may have read it.`;

/** The URL of a receiver. It must contain a reference, because it is often a secret; so it is not shown either. */
function parseAddress(value: string): string {
  if (!/\$\{(file|env):[^}]+\}/.test(value)) {
    throw new ValueError("the address of a receiver may be a secret; use a reference", ADDRESS_HINT);
  }
  if (/:\/\/[^/]*@/.test(value)) {
    throw new ValueError("the URL contains a user name or a password in plain text", ADDRESS_HINT);
  }
  return parseEnvValue(value);
}

function parseKind(value: string): AlertRule["when"][number] {
  const kind = ALERT_KINDS.find((one) => one === value);
  if (kind !== undefined) return kind;
  const near = nearestWord(value, ALERT_KINDS);
  throw new ValueError(
    `unknown event ${quoted(value)}${near === undefined ? "" : `; did you mean ${near}?`}`,
    `Use one of ${ALERT_KINDS.join(", ")}.`,
  );
}

function parsePattern(value: string): string {
  if (/^[A-Za-z0-9_.*-]+$/.test(value)) return value;
  throw new ValueError(`${quoted(value)} is not a pattern of ids`, "Write an id, or a part of it and *: orders_*.");
}

const address = (description: string) =>
  z.optional(text(parseAddress, { description, examples: [`\${file:~/.secrets/alerts}`] }));
const patterns = (description: string) => z.optional(listOf(text(parsePattern, {}), description));

const rule = z
  .strictObject({
    when: listOf(text(parseKind, { enum: [...ALERT_KINDS] }), "The events that are sent."),
    slack: address("URL of a Slack incoming webhook, by reference."),
    webhook: address("URL that gets each message as JSON (docs/monitoring.md), by reference."),
    taps: patterns("Only pipelines whose tap's id matches one of these patterns, in which * is any text."),
    targets: patterns("Only pipelines whose target's id matches one of these patterns."),
    remind: z.optional(duration("Repeats an alert after this time while nothing changes. Default: never.")),
  })
  .check(
    z.check(({ value, issues }) => {
      const given = RECEIVER_KINDS.filter((kind) => value[kind] !== undefined);
      if (given.length === 1) return;
      const names = RECEIVER_KINDS.join(", ");
      const message = given.length === 0 ? "the rule has no receiver" : "the rule has several receivers";
      const params = { hint: `Write one of ${names}. For several receivers, write several rules.` };
      issues.push({ code: "custom", input: value, path: [], message, params });
    }),
  );

/** Who is informed about what. */
export const alerts = listOf(
  rule,
  "Rules that say which receiver gets which alerts. A pipeline gives one message for each change of its state.",
);

/** The rules with their receivers. */
export const toAlertRules = (written: z.output<typeof alerts>): readonly AlertRule[] =>
  written.flatMap(({ when, taps, targets, remind, ...receivers }) =>
    RECEIVER_KINDS.flatMap((kind) => {
      const url = receivers[kind];
      return url === undefined ? [] : [{ when, receiver: { kind, url }, taps, targets, remindMs: remind }];
    }),
  );
