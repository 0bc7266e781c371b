import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { openSlots } from "../../src/slots/store.ts";
import { slotFile, statePaths } from "../../src/storage/paths.ts";
import { tempDirectory, testHost } from "../support/host.ts";

const ENTRY = { tap: "a", target: "dwh", command: "run_tap" } as const;
const NOW = new Date("2026-11-23T12:06:00Z");
const OLDER = new Date("2026-11-23T12:00:00Z");
const NEWER = new Date("2026-11-23T12:05:00Z");

function machine() {
  const paths = statePaths(tempDirectory());
  mkdirSync(paths.root, { mode: 0o700 });
  const file = slotFile(paths, ENTRY, "run_tap");
  const slotsOf = (name: string) => openSlots({ paths, entry: ENTRY, host: testHost({ name, now: () => NOW }) });
  return { file, slots: slotsOf("testhost"), otherSlots: slotsOf("other"), files: () => readdirSync(dirname(file)) };
}

test("a run does not overwrite a newer slot that was skipped after the run claimed its own", async () => {
  const { slots, otherSlots, files } = machine();
  const claim = await slots.claim({ slot: OLDER, run: "run" });
  await otherSlots.recordSkipped({ slot: NEWER, run: "skip" });
  await claim.commit();
  expect(await slots.findLast()).toMatchObject({ slot: NEWER, run: "skip" });
  await claim.close();
  expect(files()).toHaveLength(1);
});

test("a run records its slot again at its end if a late skip has overwritten it", async () => {
  const { file, slots, files } = machine();
  const claim = await slots.claim({ slot: NEWER, run: "run" });
  await claim.commit();
  writeFileSync(file, JSON.stringify({ slot: OLDER, host: "other", run: "skip" }));
  await claim.close();
  expect(await slots.findLast()).toMatchObject({ slot: NEWER, run: "run", skipped: false });
  expect(files()).toHaveLength(1);
});

test("a run that ends before its slot is committed leaves the slot to another start", async () => {
  const { slots, files } = machine();
  const claim = await slots.claim({ slot: NEWER, run: "run" });
  await claim.close();
  expect(await slots.findLast()).toBeUndefined();
  expect(files()).toEqual([]);
});

test("a skip does not overwrite a newer slot", async () => {
  const { slots } = machine();
  await slots.recordSkipped({ slot: NEWER, run: "one" });
  await slots.recordSkipped({ slot: OLDER, run: "two" });
  expect(await slots.findLast()).toMatchObject({ slot: NEWER, run: "one", skipped: true });
});
