import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { runToEnd, runWell } from "../../test/support/run-program.ts";

export type Suite = "bookworm" | "trixie";

/** Debian's packages of other cron daemons, and what the newer ones need to run on an older Debian. */
const WANTED: Readonly<Record<Suite, readonly string[]>> = {
  bookworm: ["busybox-static", "systemd-cron"],
  trixie: ["cron", "cronie", "busybox-static", "systemd-cron", "libc6", "libgcc-s1", "libmd0", "libstdc++6"],
};
const SUITES = ["bookworm", "trixie"] as const;

const CACHE = resolve("node_modules/.cache/pipelinewise-sched/debian");
const KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg";

/** Directory of an unpacked package. The package is not installed. */
export const packageDirectory = (suite: Suite, name: string): string => join(CACHE, suite, name);

/** Version of an unpacked package; `undefined`: it is not here. */
export function packageVersion(suite: Suite, name: string): string | undefined {
  const file = join(packageDirectory(suite, name), "version");
  return existsSync(file) ? readFileSync(file, "utf8") : undefined;
}

/**
 * Brings the packages that are not here yet, by their names, from where this machine's own apt gets Debian's, and
 * unpacks them. apt is given lists and caches of its own; the machine's stay as they are.
 *
 * @throws where that is no Debian, or its mirror is out of reach
 */
export async function fetchPackages(): Promise<void> {
  if (SUITES.every((suite) => missingOf(suite).length === 0)) return;
  mkdirSync(CACHE, { recursive: true });
  const work = mkdtempSync(join(CACHE, "new-"));
  try {
    const apt = await writeAptConfig(work, await findMirror());
    await runWell(["apt-get", "-qq", "update"], { ...apt, timeoutMs: 180_000 });
    for (const suite of SUITES) await fetchSuite(suite, work, apt);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

interface Apt {
  readonly env: Readonly<Record<string, string>>;
}

const missingOf = (suite: Suite): readonly string[] =>
  WANTED[suite].filter((name) => packageVersion(suite, name) === undefined);

async function fetchSuite(suite: Suite, work: string, apt: Apt): Promise<void> {
  const names = missingOf(suite);
  if (names.length === 0) return;
  const downloads = join(work, suite);
  mkdirSync(downloads);
  const wanted = names.map((name) => `${name}/${suite}`);
  await runWell(["apt-get", "-qq", "download", ...wanted], { ...apt, cwd: downloads, timeoutMs: 180_000 });
  for (const file of readdirSync(downloads)) {
    const [name = ""] = file.split("_");
    const version = (await runWell(["dpkg-deb", "--field", join(downloads, file), "Version"])).trim();
    const unpacked = join(work, `${suite}-${name}`);
    await runWell(["dpkg-deb", "--extract", join(downloads, file), unpacked]);
    writeFileSync(join(unpacked, "version"), version);
    mkdirSync(join(CACHE, suite), { recursive: true });
    renameSync(unpacked, packageDirectory(suite, name));
  }
}

/** The address that this machine's apt has for its own release. */
async function findMirror(): Promise<string> {
  const [, release] = /^VERSION_CODENAME=(\w+)$/m.exec(readFileSync("/etc/os-release", "utf8")) ?? [];
  const words = ["apt-get", "indextargets", "--format", "$(RELEASE) $(REPO_URI)", "Created-By: Packages"];
  const { stdout } = await runToEnd(words);
  const own = stdout.split("\n").find((line) => line.startsWith(`${release} `) && /\/debian\/?$/.test(line));
  if (own === undefined) throw new Error("this machine's apt has no sources of Debian");
  return own.slice(own.indexOf(" ") + 1);
}

async function writeAptConfig(work: string, mirror: string): Promise<Apt> {
  for (const directory of ["lists/partial", "cache/archives/partial"])
    mkdirSync(join(work, directory), { recursive: true });
  const signed = existsSync(KEYRING) ? `[signed-by=${KEYRING}] ` : "";
  writeFileSync(join(work, "sources.list"), SUITES.map((suite) => `deb ${signed}${mirror} ${suite} main\n`).join(""));
  const settings = [
    ["Dir::Etc::SourceList", join(work, "sources.list")],
    ["Dir::Etc::SourceParts", "/dev/null"],
    ["Dir::State::Lists", join(work, "lists")],
    ["Dir::Cache", join(work, "cache")],
    ["Acquire::Languages", "none"],
    ["Acquire::IndexTargets::deb::DEP-11::DefaultEnabled", "false"],
    // The downloading user of apt cannot enter a root's home.
    ["APT::Sandbox::User", "root"],
  ];
  const file = join(work, "apt.conf");
  writeFileSync(file, settings.map(([name, value]) => `${name} "${value}";\n`).join(""));
  return { env: { APT_CONFIG: file } };
}
