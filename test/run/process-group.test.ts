import { chmodSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findSetpriv } from "../../src/run/process/process-group.ts";
import { tempDirectory } from "../support/host.ts";

test("setpriv is used only where it is util-linux's and this user may execute it", async () => {
  const home = tempDirectory();
  const [first, second, busybox] = ["usr", "bin", "busybox"].map((name) => join(home, name, "setpriv"));
  if (first === undefined || second === undefined || busybox === undefined) throw new Error("three places");
  for (const name of ["usr", "bin", "busybox"]) mkdirSync(join(home, name));
  for (const file of [first, second]) writeFileSync(file, "#!/bin/sh\n", { mode: 0o644 });
  symlinkSync("/bin/sh", busybox);
  expect(await findSetpriv([busybox, join(home, "missing/setpriv"), first, second])).toBe(undefined);
  chmodSync(second, 0o755);
  expect(await findSetpriv([busybox, first, second])).toBe(second);
});
