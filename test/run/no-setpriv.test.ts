import { readFileSync } from "node:fs";
import { expect, test, vi } from "vitest";
import { main } from "../../src/cli/main.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { wrapperLogFile } from "../../src/storage/paths.ts";
import { PAIR_WORDS, sandbox } from "../support/sandbox.ts";

vi.mock("../../src/run/process/process-group.ts", async (original) => ({
  ...(await original<object>()),
  findSetpriv: async () => undefined,
}));

test("a run without setpriv logs what it cannot protect, and status shows it", async () => {
  const { host, paths } = sandbox();
  expect(await runMain(PAIR_WORDS, host)).toBe(0);
  expect(readFileSync(wrapperLogFile(paths, host.name), "utf8")).toContain(
    "setpriv (util-linux) not found or not executable",
  );
  await main(["status"], host);
  expect(host.err()).toContain("setpriv (util-linux) not found or not executable");
});
