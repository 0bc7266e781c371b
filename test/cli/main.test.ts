import { expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { testHost } from "../support/host.ts";

test("says its version and ends with 0", async () => {
  const host = testHost();
  expect(await main(["--version"], host)).toBe(0);
  expect(host.out()).toBe("0.0.0-test\n");
});

test("an unknown option is a usage error", async () => {
  const host = testHost();
  expect(await main(["--prewiev"], host)).toBe(64);
  expect(host.err()).toContain("--prewiev");
});
