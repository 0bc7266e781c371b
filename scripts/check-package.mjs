// Packs the program as npm would publish it, looks at what is inside, installs it into an empty prefix
// and runs it there: validate, preview and export of the examples.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const folder = mkdtempSync(join(tmpdir(), "pws-package-"));
const npm = (words, cwd) => execFileSync("npm", [...words, "--loglevel=error"], { cwd, encoding: "utf8" });

/** Only what a user needs: bundles with their source maps, JSON Schema, documentation, examples, licences. */
const ALLOWED = [
  /^bin\/pipelinewise-sched\.cjs$/,
  /^dist\/(chunks\/)?[\w.-]+\.cjs(\.map)?$/,
  /^schema\/schedule\.schema\.json$/,
  /^docs\/[\w-]+\.md$/,
  /^examples\/(schedule\.yml|crontab)$/,
  /^(package\.json|README\.md|CHANGELOG\.md|CONTRIBUTING\.md|LICENSE|THIRD-PARTY-LICENSES\.txt)$/,
];

try {
  const [packed] = JSON.parse(npm(["pack", "--json", "--ignore-scripts", "--pack-destination", folder], root));
  const paths = packed.files.map(({ path }) => path);
  const surplus = paths.filter((path) => !ALLOWED.some((allowed) => allowed.test(path)));
  if (surplus.length > 0) throw new Error(`The package contains files that no user needs: ${surplus.join(", ")}`);
  // npm shows the README, so a link to a file that is not in the package would be dead there.
  const links = readFileSync(join(root, "README.md"), "utf8").matchAll(/\]\((?!https?:)([^)#]+)/g);
  const dead = [...links].map(([, path]) => path).filter((path) => !paths.includes(path));
  if (dead.length > 0) throw new Error(`The README links to files that are not in the package: ${dead.join(", ")}`);

  const prefix = join(folder, "prefix");
  npm(["install", "--global", "--prefix", prefix, join(folder, packed.filename)], folder);
  const program = join(prefix, "bin", "pipelinewise-sched");
  const run = (...words) => execFileSync(program, words, { cwd: folder, encoding: "utf8" });
  const schedule = join(root, "examples", "schedule.yml");

  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  if (run("--version").trim() !== version) throw new Error("The installed program does not print its version");
  run("validate", schedule);
  const { runs } = JSON.parse(run("preview", schedule, "--count", "2", "--json"));
  if (runs.length !== 10) throw new Error(`preview --count 2 of five pipelines gave ${runs.length} runs`);
  const words = ["export", schedule, "--node", "/usr/bin/node", "--program", "/usr/local/bin/pipelinewise-sched"];
  if (run(...words) !== readFileSync(join(root, "examples", "crontab"), "utf8")) {
    throw new Error("export of the installed program differs from examples/crontab");
  }
  for (const scheduler of ["airflow", "systemd"]) {
    run(...words, "--on", scheduler, "--config-dir", "/srv/pipelinewise", "--output", join(folder, scheduler));
  }
  console.log(
    `The package (${packed.files.length} files, ${packed.size} bytes) installs into an empty prefix and runs.`,
  );
} finally {
  rmSync(folder, { recursive: true, force: true });
}
