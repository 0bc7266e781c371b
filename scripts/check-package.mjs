// Packs the program as npm would publish it, looks at what is inside, installs it into an empty prefix
// and runs it there: validate, preview and export of the examples.
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const directory = mkdtempSync(join(tmpdir(), "pws-package-"));
const npm = (words, cwd) => execFileSync("npm", [...words, "--loglevel=error"], { cwd, encoding: "utf8" });

/** Only what a user needs: bundles with their source maps, man page, JSON Schema, documentation, examples, licences. */
const ALLOWED = [
  /^bin\/pipelinewise-sched\.cjs$/,
  /^dist\/(chunks\/)?[\w.-]+\.cjs(\.map)?$/,
  /^man\/pipelinewise-sched\.1$/,
  /^schema\/schedule\.schema\.json$/,
  /^docs\/(adr\/)?[\w-]+\.md$/,
  /^examples\//,
  /^(package\.json|README\.md|CHANGELOG\.md|CONTRIBUTING\.md|LICENSE|THIRD-PARTY-LICENSES\.txt)$/,
];

/** Sources that developer pages name. The package does not contain them. */
const SOURCES = /^(src|test|verification|\.dependency-cruiser\.cjs)(\/|$)/;

/** Checks that each relative link in a packed page leads to a file of the installed package. */
function assertLinks(installed, paths) {
  const dead = paths
    .filter((path) => path.endsWith(".md"))
    .flatMap((page) => {
      const text = readFileSync(join(installed, page), "utf8").replace(/^```.*?^```/gms, "");
      const links = [
        ...text.matchAll(/\]\((?!\w+:|#)([^)#\s]+)/g),
        ...text.matchAll(/^\[[^\]]+\]: (?!\w+:)([^#\s]+)/gm),
      ];
      return links
        .map(([, link]) => join(dirname(page), link))
        .filter((path) => !(SOURCES.test(path) && page !== "README.md") && !existsSync(join(installed, path)))
        .map((path) => `${page}: ${path}`);
    });
  if (dead.length > 0) throw new Error(`Links to files that are not in the package:\n${dead.join("\n")}`);
}

try {
  const [packed] = JSON.parse(npm(["pack", "--json", "--ignore-scripts", "--pack-destination", directory], root));
  const paths = packed.files.map(({ path }) => path);
  const surplus = paths.filter((path) => !ALLOWED.some((allowed) => allowed.test(path)));
  if (surplus.length > 0) throw new Error(`The package contains files that no user needs: ${surplus.join(", ")}`);
  const prefix = join(directory, "prefix");
  npm(["install", "--global", "--prefix", prefix, join(directory, packed.filename)], directory);
  const program = join(prefix, "bin", "pipelinewise-sched");
  assertLinks(join(prefix, "lib", "node_modules", "pipelinewise-sched"), paths);
  const run = (...words) => execFileSync(program, words, { cwd: directory, encoding: "utf8" });
  const schedule = join(root, "examples", "schedule.yml");

  const { version } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  if (run("--version").trim() !== version) throw new Error("The installed program does not print its version");
  if (!existsSync(join(prefix, "share", "man", "man1", "pipelinewise-sched.1")))
    throw new Error("No man page is installed");
  run("validate", schedule);
  const { runs } = JSON.parse(run("preview", schedule, "--count", "2", "--json"));
  if (runs.length !== 10) throw new Error(`preview --count 2 of five pipelines gave ${runs.length} runs`);
  const words = ["export", schedule, "--node", "/usr/bin/node", "--program", "/usr/local/bin/pipelinewise-sched"];
  if (run(...words) !== readFileSync(join(root, "examples", "crontab"), "utf8")) {
    throw new Error("export of the installed program differs from examples/crontab");
  }
  for (const scheduler of ["airflow", "systemd"]) {
    run(...words, "--on", scheduler, "--config-dir", "/srv/pipelinewise", "--output", join(directory, scheduler));
  }
  if (!run("complete", "--", "val").includes("validate\t")) throw new Error("The installed program completes nothing");
  console.log(
    `The package (${packed.files.length} files, ${packed.size} bytes) installs into an empty prefix and runs.`,
  );
} finally {
  rmSync(directory, { recursive: true, force: true });
}
