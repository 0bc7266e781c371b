import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { lastingPath, lastingPathWarnings } from "../../src/system/lasting-path.ts";
import { tempDirectory } from "../support/host.ts";

/** A directory with an empty file at each path; a link where another path is given. */
function directoryWith(files: Readonly<Record<string, string | undefined>>): string {
  const root = tempDirectory();
  for (const [path, target] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    if (target === undefined) writeFileSync(join(root, path), "");
    else symlinkSync(join(root, target), join(root, path));
  }
  return root;
}

const NVM = "nvm/versions/node/v20.20.2/bin/node";

test.each([
  ["the link on the PATH", NVM, "opt/bin/node"],
  ["a path without a version", "usr/bin/node", "usr/bin/node"],
  ["a link of the distribution", "usr/lib/node20", "opt/nodejs/nodejs"],
  ["no link leads there", "usr/lib/node22", "usr/lib/node22"],
])("Node is called by a path that an update keeps: %s", (_, path, expected) => {
  const root = directoryWith({
    [NVM]: undefined,
    "usr/lib/node20": undefined,
    "usr/lib/node22": undefined,
    "usr/bin/node": undefined,
    "fnm_multishells/7_1/bin/node": NVM,
    "n/22.1.0/bin/node": NVM,
    "opt/bin/node": NVM,
    "opt/nodejs/nodejs": "usr/lib/node20",
  });
  const PATH = ["relative", "fnm_multishells/7_1/bin", "n/22.1.0/bin", "usr/bin", "opt/bin", "opt/nodejs"]
    .map((part, index) => (index === 0 ? part : join(root, part)))
    .join(":");
  expect(lastingPath(join(root, path), ["node", "nodejs"], { PATH })).toBe(join(root, expected));
});

test.each([
  ["/home/etl/.nvm/versions/node/v20.20.2/bin/node", "v20.20.2"],
  ["/opt/homebrew/Cellar/node@22/22.1.0/bin/node", "node@22"],
  ["/usr/bin/node20", "node20"],
  ["/opt/node-v20.11.1-linux-x64/bin/node", "node-v20.11.1-linux-x64"],
  ["/srv/releases/20261126120000/bin/pipelinewise-sched.cjs", "20261126120000"],
])("a path with a version is warned about: %s", (path, version) => {
  expect(lastingPathWarnings(path, "Node", "--node")).toEqual([
    expect.objectContaining({ message: expect.stringContaining(`contains a version (${version})`) }),
  ]);
});

test.each([
  "/usr/bin/node",
  "/usr/local/lib/node_modules/pipelinewise-sched/bin/pipelinewise-sched.cjs",
  "/opt/python3/venv/bin/node",
])("a path without a version is not: %s", (path) => {
  expect(lastingPathWarnings(path, "Node", "--node")).toEqual([]);
});
