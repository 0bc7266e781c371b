import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { readEvents } from "../../src/alerts/event.ts";
import { readQueue } from "../../src/alerts/outbox.ts";
import { alertEventsDir, alertQueueDir, alertStateFile } from "../../src/alerts/places.ts";
import { alertWarnings, readAlertState } from "../../src/alerts/state.ts";
import { sandbox } from "../support/sandbox.ts";

const AT = "2026-11-23T12:00:00.000Z";
const ENTRY = { tap: "a", target: "b", command: "run_tap" };
const RUN = { id: "r", host: "h", startedAt: AT, endedAt: AT, exitCode: 1, log: "/x" };
const EVENT = { id: "r", kind: "failed", entry: ENTRY, at: AT, run: RUN, detail: "d", lastLines: ["l"] };
const ALERT = {
  kind: "late",
  ...ENTRY,
  entry: null,
  since: AT,
  reminder: false,
  run: RUN,
  detail: null,
  lastLines: [],
};
const QUEUED = {
  receiver: { kind: "webhook", url: "u" },
  message: { version: 1, id: "m", schedule: "s", alerts: [{ ...ALERT, nextRunAt: null }] },
};
const INCIDENT = { kind: "failed", entry: ENTRY, since: AT, last: EVENT, sentAt: { x: AT } };
const STATE = {
  incidents: { "b/a/run_tap": { outcome: INCIDENT } },
  faults: { x: { reason: "r", since: AT } },
  dropped: 0,
};

type Place = Parameters<typeof readEvents>[0];

/** The value with one of its parts replaced, once for each part and each replacement. */
function mutations(value: unknown): readonly unknown[] {
  const wrong = [5, "no", [], {}, true];
  if (typeof value !== "object" || value === null) return wrong;
  const parts = Object.entries(value).flatMap(([key, part]) =>
    mutations(part).map((other) => (Array.isArray(value) ? [other] : { ...value, [key]: other })),
  );
  return [...wrong, null, ...parts];
}

/** A config directory with one file. */
function withFile(path: (place: Place) => string, text: string) {
  const place = { paths: sandbox().paths, schedule: "pipelinewise" };
  mkdirSync(dirname(path(place)), { recursive: true, mode: 0o700 });
  writeFileSync(path(place), text);
  return place;
}

test.each([
  ["an event", EVENT, alertEventsDir, async (place: Place) => (await readEvents(place)).length],
  [
    "a message",
    QUEUED,
    (paths: Place["paths"], schedule: string) => alertQueueDir(paths, schedule, "outbox"),
    async (place: Place) => (await readQueue(place, "outbox")).size,
  ],
])("a garbled file of %s is removed, whatever part of it is wrong", async (_, whole, directory, count) => {
  const place = withFile(({ paths, schedule }) => `${directory(paths, schedule)}/1.json`, JSON.stringify(whole));
  expect(await count(place)).toBe(1);
  const file = `${directory(place.paths, place.schedule)}/1.json`;
  let removed = 0;
  for (const value of mutations(whole)) {
    writeFileSync(file, JSON.stringify(value));
    if ((await count(place)) === 0) removed++;
  }
  expect(removed).toBeGreaterThan(60);
});

test("a garbled state is read as an empty one, and status says nothing wrong about it", async () => {
  const path = ({ paths, schedule }: Place) => alertStateFile(paths, schedule);
  const place = withFile(path, JSON.stringify(STATE));
  expect(await readAlertState(place)).toMatchObject(STATE);
  let empty = 0;
  for (const value of mutations(STATE)) {
    writeFileSync(path(place), JSON.stringify(value));
    const { incidents } = await readAlertState(place);
    if (Object.keys(incidents).length === 0) empty++;
    for (const warning of await alertWarnings(place)) expect(warning).not.toContain("undefined");
  }
  expect(empty).toBeGreaterThan(60);
});
