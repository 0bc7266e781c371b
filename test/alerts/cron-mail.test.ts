import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import type { AlertKind } from "../../src/alert-rules.ts";
import { alertEventsDir } from "../../src/alerts/places.ts";
import { runMain } from "../../src/cli/run-command.ts";
import type { StoredEntry } from "../../src/installed/schedule.ts";
import { anEntry, PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { sendWaiting } from "./send-waiting.ts";
import { startSink } from "./sink.ts";

const FIVE_MINUTES = 300_000;

/** A machine on which cron starts the pipeline every five minutes. The file `broken` contains its exit code. */
async function machine({
  when = ["failed", "recovered"],
  entry = {},
}: {
  when?: readonly AlertKind[];
  entry?: Partial<StoredEntry>;
} = {}) {
  const sink = await startSink();
  const box = sandbox("[ ! -e $HOME/broken ] || { echo 'no connection'; exit 1; }");
  let time = box.host.now().getTime();
  const env = { ...box.host.env, HOOK: sink.url };
  const host = { ...box.host, env, program: "/nonexistent", now: () => new Date(time) };
  box.install([anEntry(entry)], { alerts: [{ when, receiver: { kind: "webhook", url: `\${env:HOOK}` } }] });
  writeFileSync(box.file("broken"), "");
  let written = 0;
  return {
    ...box,
    sink,
    /** Makes one scheduled start. @returns what cron would mail */
    async start(...words: readonly string[]) {
      time += FIVE_MINUTES;
      await runMain([...PAIR_WORDS, "--scheduled", ...words], host);
      const text = box.host.err().slice(written);
      written += text.length;
      return text;
    },
    send: () => sendWaiting(box.paths, host),
  };
}

test.each([
  ["before the alert is sent", false],
  ["after the alert is sent", true],
])("cron mails a failure once for each change of the state, %s", async (_, isSent) => {
  const box = await machine();
  const mails: string[] = [];
  for (const isBroken of [true, true, true, false, true, true]) {
    if (isBroken) writeFileSync(box.file("broken"), "");
    else rmSync(box.file("broken"));
    mails.push(await box.start());
    if (isSent) await box.send();
  }
  expect(mails.map((mail) => mail.includes("no connection"))).toEqual([true, false, false, false, true, false]);
  expect(mails.filter((mail) => mail !== "")).toHaveLength(2);
});

test("cron mails each failure that no alert reports", async () => {
  const lacking = await machine({ when: ["lost", "recovered"] });
  const off = await machine({ entry: { policies: { alerts: false } } });
  for (const box of [lacking, off]) {
    for (const _ of [1, 2]) expect(await box.start()).toContain("no connection");
  }
});

test("cron mails each failure whose alert cannot be stored", async () => {
  const box = await machine();
  expect(await box.start()).toContain("no connection");
  const events = alertEventsDir(box.paths, "pipelinewise");
  rmSync(events, { recursive: true });
  mkdirSync(dirname(events), { recursive: true });
  writeFileSync(events, "not a directory");
  for (const _ of [1, 2]) expect(await box.start()).toContain("no connection");
});

test("a start that shows its output, as under other schedulers, reports each failure", async () => {
  const box = await machine();
  for (const _ of [1, 2]) expect(await box.start("--output")).toContain("failed with exit code 1");
});

test("a pipeline that cannot be started is mailed once", async () => {
  const box = await machine();
  rmSync(box.program);
  expect(await box.start()).toContain(box.program);
  expect(await box.start()).toBe("");
});
