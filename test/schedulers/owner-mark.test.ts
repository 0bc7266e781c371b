import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { sameSource } from "../../src/schedulers/owner-mark.ts";
import { tempDirectory } from "../support/host.ts";

test.each([
  ["itself", "rel/schedule.yml", true],
  ["the same file by a link", "current/schedule.yml", true],
  ["another file", "other.yml", false],
  ["no file, once it was there", "gone/schedule.yml", true],
  ["a path through a file, which says nothing", "other.yml/schedule.yml", false],
  ["links in a circle, which say nothing", "circle", false],
])("a schedule file was installed from %s: %j", (_, path, expected) => {
  const home = tempDirectory();
  mkdirSync(join(home, "rel"));
  writeFileSync(join(home, "rel/schedule.yml"), "");
  writeFileSync(join(home, "other.yml"), "");
  symlinkSync("rel", join(home, "current"));
  symlinkSync("circle", join(home, "circle"));
  const ours = join(home, "rel/schedule.yml");
  expect(sameSource(ours, { goneCounts: true })(join(home, path))).toBe(expected);
});

test("a file that another host may have is not gone", () => {
  expect(sameSource("/etc/passwd", { goneCounts: false })("/nowhere/schedule.yml")).toBe(false);
});
