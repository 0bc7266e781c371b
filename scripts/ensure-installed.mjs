// Runs `npm ci` when the installed packages differ from the lock file, so that `npm test` and `npm run quickstart` work on
// a fresh clone. When nothing differs it does nothing: `npm ci` would also delete what the tests keep in
// node_modules/.cache.
import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** Name → version of each package a lock file wants on this machine. */
function versions(file) {
  try {
    const { packages } = JSON.parse(readFileSync(`${root}/${file}`, "utf8"));
    return new Map(Object.entries(packages).map(([path, { version, optional }]) => [path, { version, optional }]));
  } catch (error) {
    if (error.code === "ENOENT") return new Map();
    throw error;
  }
}

const wanted = versions("package-lock.json");
const there = versions("node_modules/.package-lock.json");
// Optional packages are those of other platforms: npm leaves them out here.
const lacking = [...wanted].filter(
  ([path, { version, optional }]) => path !== "" && !optional && there.get(path)?.version !== version,
);

if (lacking.length > 0) {
  process.stderr.write(`Installing ${lacking.length} development packages (npm ci) …\n`);
  const words = ["ci", "--no-audit", "--no-fund", "--loglevel=error"];
  const { status, error } = spawnSync("npm", words, { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
  if (error) throw error;
  process.exitCode = status ?? 1;
}
