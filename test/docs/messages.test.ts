import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const PAGE = readFileSync("docs/troubleshooting.md", "utf8").replaceAll(/^```.*?^```$/gms, "");

const SOURCE = readdirSync("src", { recursive: true, encoding: "utf8" })
  .filter((file) => file.endsWith(".ts"))
  .map((file) => readFileSync(join("src", file), "utf8"))
  .join("\n");

/** Quoted text that is not a message of this program: commands to type, and messages of cron. */
const OTHERS = /^(?:pipelinewise-sched|pipelinewise:|service|journalctl|ps|env|find|findmnt|No MTA|No such file)\b/;

/** Capital letters, numbers and file names on the page are placeholders. */
const VALUES = /\b[A-Z][A-Z_]+\b|\d+(?: min| s)?|…|→|\.\w+|"[^"]*"|\/|`[^`]*`/;

const quoted = [...PAGE.matchAll(/``(.+?)``|`([^`]+)`|^ {4}(\S.*)$/gm)]
  .map(([, long, short, block]) => (long ?? short ?? block ?? "").replaceAll(/\s+/g, " ").trim())
  .filter((text) => text.split(" ").length > 3 && !OTHERS.test(text));

/** The parts of a message between its values, if they are long enough to search for. */
const partsOf = (message: string): readonly string[] =>
  message
    .split(VALUES)
    .map((part) => part.replaceAll(/^[^a-z]+|[^a-z]+$/g, ""))
    .filter((part) => part.split(" ").length > 2);

test("docs/troubleshooting.md quotes messages", () => {
  expect(quoted.length).toBeGreaterThan(20);
});

test.each(quoted)("the program has the message %s", (message) => {
  for (const part of partsOf(message)) expect(SOURCE).toContain(part);
});
