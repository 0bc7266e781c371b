import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { claimSlot, markHandled, readHandled } from "../../src/slots/store.ts";
import { slotFile, statePaths } from "../../src/storage/paths.ts";
import { tempFolder, testHost } from "../support/host.ts";

const ENTRY = { tap: "a", target: "dwh", command: "run_tap" } as const;
const NOW = new Date("2026-11-23T12:06:00Z");
const OLDER = new Date("2026-11-23T12:00:00Z");
const NEWER = new Date("2026-11-23T12:05:00Z");

function world() {
  const paths = statePaths(tempFolder());
  mkdirSync(paths.root, { mode: 0o700 });
  const host = testHost({ now: () => NOW });
  const file = slotFile(paths, ENTRY, "run_tap");
  return {
    paths,
    host,
    file,
    read: () => readHandled(paths, ENTRY, NOW),
    left: () => readdirSync(dirname(file)).length,
  };
}

test("a run that is about to note its slot leaves a newer one that was skipped meanwhile", async () => {
  const { paths, host, read, left } = world();
  const claim = await claimSlot(paths, ENTRY, host, { slot: OLDER, run: "run" });
  await markHandled(paths, ENTRY, { ...host, name: "other" }, { slot: NEWER, run: "skip" });
  await claim.settle();
  expect(await read()).toMatchObject({ slot: NEWER, run: "skip" });
  await claim.drop();
  expect(left()).toBe(1);
});

test("a run notes its slot again where a late note of an older one was written over it", async () => {
  const { paths, host, file, read, left } = world();
  const claim = await claimSlot(paths, ENTRY, host, { slot: NEWER, run: "run" });
  await claim.settle();
  writeFileSync(file, JSON.stringify({ slot: OLDER, host: "other", run: "skip" }));
  await claim.settle();
  expect(await read()).toMatchObject({ slot: NEWER, run: "run", skipped: false });
  await claim.drop();
  expect(left()).toBe(1);
});

test("a skip leaves a newer slot noted", async () => {
  const { paths, host, read } = world();
  await markHandled(paths, ENTRY, host, { slot: NEWER, run: "one" });
  await markHandled(paths, ENTRY, host, { slot: OLDER, run: "two" });
  expect(await read()).toMatchObject({ slot: NEWER, run: "one", skipped: true });
});
