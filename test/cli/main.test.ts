import { expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { testHost } from "../support/host.ts";

test("--version prints the version and gives exit code 0", async () => {
  const host = testHost();
  expect(await main(["--version"], host)).toBe(0);
  expect(host.out()).toBe("0.0.0-test\n");
});

test("an unknown option is a usage error", async () => {
  const host = testHost();
  expect(await main(["--prewiev"], host)).toBe(64);
  expect(host.err()).toContain("--prewiev");
});

test("the help names every command without loading them", async () => {
  const host = testHost();
  expect(await main(["--help"], host)).toBe(0);
  const names = host.out().matchAll(/^ {2}([a-z]+)(?: \[command\])? {2,}\S/gm);
  expect([...names].map(([, name]) => name)).toEqual([
    "validate",
    "preview",
    "install",
    "uninstall",
    "diff",
    "export",
    "run",
    "stop",
    "pause",
    "resume",
    "status",
    "history",
    "logs",
    "import",
    "state",
    "prune",
    "alerts",
    "tend",
    "metrics",
    "unlock",
    "completion",
    "help",
  ]);
});

test.each([[["help", "preview"]], [["preview", "--help"]]])("%j shows the help of the command", async (argv) => {
  const host = testHost();
  expect(await main(argv, host)).toBe(0);
  expect(host.out()).toContain("--day <date>");
});

test("the error for a mistyped option names the most similar one", async () => {
  const host = testHost();
  expect(await main(["history", "--outcom", "failed"], host)).toBe(64);
  expect(host.err()).toContain("Did you mean --outcome?");
});

test("the error for a mistyped command names the most similar one", async () => {
  const host = testHost();
  expect(await main(["previw"], host)).toBe(64);
  expect(host.err()).toContain("Did you mean preview?");
});
