import { mkdirSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { waitForSpool } from "../../../src/schedulers/cron/crontab-program.ts";
import { tempDirectory } from "../../support/host.ts";

const CHANGED = new Date("2026-11-23T12:00:00.250Z");

/** How long a write waits at `now` when the spool changed at 12:00:00.250. */
async function waitedAt(now: string, spool = "var/spool/cron/crontabs"): Promise<readonly number[]> {
  const root = tempDirectory();
  const directory = join(root, spool);
  mkdirSync(directory, { recursive: true });
  utimesSync(directory, CHANGED, CHANGED);
  const waits: number[] = [];
  await waitForSpool({ root, now: () => new Date(now) }, async (ms) => waits.push(ms));
  return waits;
}

test.each([
  ["the second of the last change is waited out", "2026-11-23T12:00:00.600Z", [400]],
  ["to its end", "2026-11-23T12:00:00.999Z", [1]],
  ["the next second is another time to the daemon", "2026-11-23T12:00:01.000Z", []],
  ["an old change does not matter", "2026-11-23T12:34:56.000Z", []],
  ["a clock that was set back is not waited for", "2026-11-23T11:00:00.000Z", []],
])("%s", async (_name, now, expected) => {
  expect(await waitedAt(now)).toEqual(expected);
});

test("where there is no such directory, there is nothing to wait for", async () => {
  expect(await waitedAt("2026-11-23T12:00:00.600Z", "var/cron/tabs")).toEqual([]);
});
