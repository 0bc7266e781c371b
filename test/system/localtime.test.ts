import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { localtimeMark } from "../../src/system/localtime.ts";
import { tempFolder } from "../support/host.ts";

test("/etc/localtime is told by where it leads, by its content, or by its absence", () => {
  const root = tempFolder();
  const path = join(root, "etc/localtime");
  expect(localtimeMark(root)).toBe("ENOENT");
  mkdirSync(join(root, "etc"));
  symlinkSync("/usr/share/zoneinfo/Europe/London", path);
  expect(localtimeMark(root)).toBe("link /usr/share/zoneinfo/Europe/London");
  const marks = ["TZif2 one", "TZif2 two", "TZif2 one"].map((text) => {
    rmSync(path);
    writeFileSync(path, text);
    return localtimeMark(root);
  });
  expect(marks[0]).toMatch(/^file [0-9a-f]+$/);
  expect(marks[0]).toBe(marks[2]);
  expect(marks[0]).not.toBe(marks[1]);
});
