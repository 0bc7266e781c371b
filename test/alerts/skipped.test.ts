import { existsSync, rmSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { AlertRule } from "../../src/alert-rules.ts";
import { readEvents } from "../../src/alerts/event.ts";
import { alertSkipsFile } from "../../src/alerts/places.ts";
import { main } from "../../src/cli/main.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { anEntry, PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { until } from "../support/wait.ts";

const receiver = { kind: "webhook", url: `\${env:HOOK}` } as const;
const RULES: readonly AlertRule[] = [
  { when: ["skipped", "recovered"], skips: 2, receiver },
  { when: ["skipped"], skips: 3, receiver },
];

/** A machine whose pipeline runs until `go` exists, and whose clock shows this minute after noon. */
function machine(alerts = RULES) {
  let minute = 0;
  const now = () => new Date(Date.UTC(2026, 10, 23, 12, minute));
  const box = sandbox('touch "$HOME/started"; while [ ! -e "$HOME/go" ]; do sleep 0.1; done', { now });
  box.install([anEntry()], { alerts });
  const host = { ...box.host, program: "/nonexistent" };
  const place = { paths: box.paths, schedule: "pipelinewise" };
  const startAt = (at: number) => {
    minute = at;
    return runMain([...PAIR_WORDS, "--scheduled"], host);
  };
  return {
    ...box,
    startAt,
    /** Runs the pipeline, with starts at these minutes while it is running. */
    async runOver(minutes: readonly number[]) {
      rmSync(box.file("go"), { force: true });
      rmSync(box.file("started"), { force: true });
      const running = startAt((minutes[0] ?? 0) - 5);
      await until("the pipeline is running", () => existsSync(box.file("started")));
      for (const at of minutes) expect(await startAt(at)).toBe(0);
      writeFileSync(box.file("go"), "");
      expect(await running).toBe(0);
    },
    events: async () => (await readEvents(place)).map(({ event }) => `${event.kind} ${event.skips ?? ""}`.trim()),
    details: async () => (await readEvents(place)).map(({ event }) => event.detail),
    skipsFile: alertSkipsFile(box.paths, "pipelinewise", anEntry()),
  };
}

test("skipped starts in a row give an event at each number that a rule names, and then the success", async () => {
  const box = machine();
  await box.runOver([5, 10, 15, 20, 25]);
  expect(await box.events()).toEqual(["skipped 2", "skipped 3", "succeeded"]);
  expect(await box.details()).toContainEqual(
    expect.stringMatching(
      /^2 starts in a row were skipped; at the last one, microserv_1 → redshift is locked by host testhost/,
    ),
  );
});

test("a run ends a row", async () => {
  const box = machine();
  await box.runOver([5]);
  await box.runOver([15]);
  expect(await box.events()).toEqual([]);
});

test("two starts for one slot, such as of two hosts, count once", async () => {
  const box = machine();
  await box.runOver([5, 5, 5]);
  expect(await box.events()).toEqual([]);
});

test("a start that is skipped because of a pause does not count", async () => {
  const box = machine();
  await main(["pause", ...PAIR_WORDS], box.host);
  for (const at of [5, 10, 15]) expect(await box.startAt(at)).toBe(0);
  expect(await box.events()).toEqual([]);
  expect(await box.records()).toHaveLength(3);
});

test("nothing is counted without a rule that asks for it", async () => {
  const box = machine([{ when: ["failed"], receiver }]);
  await box.runOver([5, 10]);
  expect(existsSync(box.skipsFile)).toBe(false);
});

test("a skip that cannot be counted is recorded, and says so", async () => {
  const box = machine();
  writeFileSync(`${box.paths.root}/alerts`, "");
  await box.runOver([5]);
  expect(box.host.err()).toContain("could not count a skipped start: ");
  expect((await box.records()).map(({ outcome }) => outcome)).toEqual(["succeeded", "skipped"]);
});
