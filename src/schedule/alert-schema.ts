import * as z from "zod/mini";
import {
  ALERT_KINDS,
  type AlertRule,
  PING_KINDS,
  RECEIVER_KINDS,
  type Receiver,
  URL_RECEIVER_KINDS,
} from "../alert-rules.ts";
import { nearestWord } from "../text/suggest.ts";
import { quoted } from "./diagnostic.ts";
import { duration, listOf, number, text } from "./schema-parts.ts";
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

/** The events that a rule lists by their name alone. */
const WORDS = ALERT_KINDS.filter((kind) => kind !== "skipped");

const SKIPPED_HINT = "Write `when: [failed, skipped: 5]`: an alert after five skipped starts in a row.";

function parseKind(value: string): AlertRule["when"][number] {
  if (value === "skipped") throw new ValueError("skipped needs a number of starts", SKIPPED_HINT);
  if (/^skipped: *\d+$/.test(value)) {
    throw new ValueError(`${quoted(value)} is text, not a number of starts`, `Remove the quotes: ${value}.`);
  }
  const kind = WORDS.find((one) => one === value);
  if (kind !== undefined) return kind;
  const near = nearestWord(value, ALERT_KINDS);
  throw new ValueError(
    `unknown event ${quoted(value)}${near === undefined ? "" : `; did you mean ${near}?`}`,
    `Use one of ${[...WORDS, "skipped: 5"].join(", ")}.`,
  );
}

function parsePattern(value: string): string {
  if (/^[A-Za-z0-9_.*-]+$/.test(value)) return value;
  throw new ValueError(`${quoted(value)} is not a pattern of ids`, "Write an id, or a part of it and *: orders_*.");
}

/** An address such as `local@domain`. Quoted local parts and display names are not supported. */
function parseMailAddress(value: string): string {
  if (/^[A-Za-z0-9_][A-Za-z0-9_.+-]*@[A-Za-z0-9.-]+$/.test(value)) return value;
  throw new ValueError(`${quoted(value)} is not a mail address`, "Write only the address: team@example.com.");
}

function parseProgram(value: string): string {
  if (/^\/[^\p{Cc}]+$/u.test(value)) return value;
  throw new ValueError(
    `${quoted(value)} is not an absolute path`,
    "Write the path of the program: /usr/sbin/sendmail.",
  );
}

const address = (description: string) =>
  z.optional(text(parseAddress, { description, examples: [`\${file:~/.secrets/alerts}`] }));
const patterns = (description: string) => z.optional(listOf(text(parsePattern, {}), description));

const email = z
  .strictObject({
    to: listOf(text(parseMailAddress, {}), "Mail addresses of the recipients."),
    from: z.optional(text(parseMailAddress, { description: "Mail address of the sender. Required with smtp." })),
    smtp: address(
      "URL of the SMTP server, by reference: smtps://USER:PASSWORD@HOST for TLS, smtp://USER:PASSWORD@HOST for STARTTLS.",
    ),
    sendmail: z.optional(
      text(parseProgram, {
        description: "Absolute path of a program that accepts mail as sendmail does.",
        examples: ["/usr/sbin/sendmail"],
      }),
    ),
  })
  .check(
    z.check(({ value, issues }) => {
      const { from, smtp, sendmail } = value;
      const refuse = (message: string, hint: string) =>
        issues.push({ code: "custom", input: value, path: [], message, params: { hint } });
      if (smtp === undefined && sendmail === undefined) {
        refuse(
          "the mail has neither smtp nor sendmail",
          "Add one of them: the server or the program that gets the mail.",
        );
      } else if (smtp !== undefined && sendmail !== undefined) {
        refuse("the mail has both smtp and sendmail", "Remove one of them.");
      } else if (smtp !== undefined && from === undefined) {
        refuse("the mail has no sender", "Add `from: ADDRESS`. The SMTP server must accept mail from this address.");
      }
    }),
  );

const skipped = z.strictObject({
  skipped: number("Number of skipped starts in a row after which the alert is sent.", {
    least: 1,
    most: 1000,
    whole: true,
  }),
});

const rule = z
  .strictObject({
    when: z.optional(
      listOf(
        z.union([text(parseKind, { enum: [...WORDS] }), skipped]),
        `The events that are sent. \`skipped: 5\` is sent after five skipped starts in a row. Required, except with ping. Default for ping: ${PING_KINDS.join(", ")}.`,
      ).check(
        z.check(({ value, issues }) => {
          if (value.filter((one) => typeof one === "object").length < 2) return;
          const message = "the rule lists skipped more than once";
          issues.push({ code: "custom", input: value, path: [], message, params: { hint: "Write several rules." } });
        }),
      ),
    ),
    slack: address("URL of a Slack incoming webhook, by reference."),
    webhook: address("URL that gets each message as JSON (docs/monitoring.md), by reference."),
    ping: address(
      "URL of a check of healthchecks.io or of a service with the same API, by reference. It gets a ping at the start and the end of each run.",
    ),
    email: z.optional(email.check(z.meta({ description: "Sends mail." }))),
    taps: patterns("Only pipelines whose tap's id matches one of these patterns, in which * is any text."),
    targets: patterns("Only pipelines whose target's id matches one of these patterns."),
    remind: z.optional(
      duration(
        "Repeats an alert after this time while nothing changes, at least 5m: `tend` sends reminders. Default: never.",
        { least: "5m" },
        ["6h", "1d"],
      ),
    ),
  })
  .check(
    z.check(({ value, issues }) => {
      const refuse = (path: string[], message: string, hint?: string): void => {
        issues.push({ code: "custom", input: value, path, message, params: { hint } });
      };
      const given = RECEIVER_KINDS.filter((kind) => value[kind] !== undefined);
      if (given.length !== 1) {
        const hint = `Write one of ${RECEIVER_KINDS.join(", ")}. For several receivers, write several rules.`;
        return refuse([], `the rule has ${given.length === 0 ? "no receiver" : "several receivers"}`, hint);
      }
      const { ping, when, remind } = value;
      if (ping === undefined) return when === undefined ? refuse(["when"], "missing") : undefined;
      const other = when?.find((kind) => !PING_KINDS.some((one) => one === kind));
      if (other !== undefined) {
        refuse(
          ["when"],
          `a ping is not sent for ${typeof other === "object" ? "skipped" : other}`,
          `Use some of ${PING_KINDS.join(", ")}, or remove the key.`,
        );
      }
      if (remind !== undefined) refuse(["remind"], "a ping is not repeated", "Remove the key.");
    }),
  );

/** Who is informed about what. */
export const alerts = listOf(
  rule,
  "Rules that say which receiver gets which alerts. A pipeline gives one message for each change of its state.",
);

type WrittenRule = z.output<typeof rule>;

/** The receiver of a rule. The schema ensures that it has one. */
function toReceiver({ email: mail, ...urls }: WrittenRule): Receiver | undefined {
  for (const kind of URL_RECEIVER_KINDS) {
    const url = urls[kind];
    if (url !== undefined) return { kind, url };
  }
  if (mail === undefined) return undefined;
  const { to, from, smtp, sendmail = "" } = mail;
  return { kind: "email", to, from, by: smtp === undefined ? { sendmail } : { smtp } };
}

/** The rules with their receivers. */
export const toAlertRules = (written: readonly WrittenRule[]): readonly AlertRule[] =>
  written.flatMap((one) => {
    const { when: kinds = PING_KINDS, taps, targets, remind } = one;
    const receiver = toReceiver(one);
    const when = kinds.map((kind) => (typeof kind === "object" ? "skipped" : kind));
    const skips = kinds.find((kind) => typeof kind === "object")?.skipped;
    return receiver === undefined ? [] : [{ when, skips, receiver, taps, targets, remindMs: remind }];
  });
