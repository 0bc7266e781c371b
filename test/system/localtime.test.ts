import { mkdirSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { localtimeFingerprint } from "../../src/system/localtime.ts";
import { tempDirectory } from "../support/host.ts";

test("the fingerprint of /etc/localtime is its target, its content, or that it is missing", () => {
  const root = tempDirectory();
  const path = join(root, "etc/localtime");
  expect(localtimeFingerprint(root)).toBe("ENOENT");
  mkdirSync(join(root, "etc"));
  symlinkSync("/usr/share/zoneinfo/Europe/London", path);
  expect(localtimeFingerprint(root)).toBe("link /usr/share/zoneinfo/Europe/London");
  const marks = ["TZif2 one", "TZif2 two", "TZif2 one"].map((text) => {
    rmSync(path);
    writeFileSync(path, text);
    return localtimeFingerprint(root);
  });
  expect(marks[0]).toMatch(/^file [0-9a-f]+$/);
  expect(marks[0]).toBe(marks[2]);
  expect(marks[0]).not.toBe(marks[1]);
});
