import { spawn, spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmdirSync,
  rmSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";
import { sendSignal } from "../../test/support/processes.ts";
import { ended, type Finished, runToEnd, SYSTEM_PATH } from "../../test/support/run-program.ts";
import { waitFor } from "../../test/support/wait.ts";

const SYSTEMD = "/usr/lib/systemd/systemd";
const NAMESPACES = ["--mount", "--pid", "--cgroup", "--uts", "--ipc", "--net"];

/** A machine of its own as far as systemd is concerned: a real manager as process 1 of its namespaces, with no unit yet. */
export interface SystemdContainer {
  /** For the test's own files, seen inside as well. */
  readonly directory: string;
  /** Runs a program inside, as root. */
  readonly run: (...words: readonly string[]) => Promise<Finished>;
  /** The messages of the manager and its services. */
  readonly log: () => string;
}

/** Why there can be none here, which is the machine's right; `undefined` when there can. */
export function cannotBoot(): string | undefined {
  if (process.getuid?.() !== 0) return "a systemd of its own needs root";
  if (!existsSync(SYSTEMD)) return "systemd is not here (on Debian: apt-get install systemd)";
  const root = cgroupRoot();
  if (root === undefined) return "this machine has no cgroup2";
  try {
    rmdirSync(mkdtempSync(join(root, "pws-")));
  } catch {
    return "cgroups cannot be made here";
  }
  const words = [...NAMESPACES, "--fork", "--mount-proc", "--propagation", "private", "mount", "-t", "cgroup2"];
  const { status, stderr } = spawnSync("unshare", [...words, "rig", "/sys/fs/cgroup"], { encoding: "utf8" });
  return status === 0 ? undefined : `namespaces with a cgroup2 of their own cannot be made here: ${stderr.trim()}`;
}

function cgroupRoot(): string | undefined {
  const mounts = readFileSync("/proc/self/mounts", "utf8").split("\n");
  return mounts.map((line) => line.split(" ")).find(([, , kind]) => kind === "cgroup2")?.[1];
}

/** Boots one; it is killed when the test ends. */
export async function bootSystemd(): Promise<SystemdContainer> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "pws-systemd-")));
  const cgroup = mkdtempSync(join(cgroupRoot() ?? "", "pws-"));
  const logFile = join(directory, "systemd.log");
  const journal = join(directory, "journal");
  const output = openSync(logFile, "w");
  const words = [
    "unshare",
    ...NAMESPACES,
    "--fork",
    "--kill-child=SIGKILL",
    "--mount-proc",
    "--propagation",
    "private",
  ];
  // In a cgroup of its own before that is the root of all that it sees.
  const holder = spawn(
    "sh",
    [
      "-c",
      'echo $$ >"$0/cgroup.procs" && exec "$@"',
      cgroup,
      ...words,
      join(import.meta.dirname, "container.sh"),
      journal,
    ],
    { env: { PATH: SYSTEM_PATH }, stdio: ["ignore", output, output] },
  );
  const over = ended(holder);
  const log = (): string => readFileSync(logFile, "utf8") + (existsSync(journal) ? readFileSync(journal, "utf8") : "");
  const init = await waitFor("the first process of a systemd machine", 10_000, () => {
    const children = readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, "utf8").trim();
    return children === "" ? undefined : Number(children.split(" ")[0]);
  });
  onTestFinished(async () => {
    sendSignal(init, "SIGKILL");
    await over;
    await waitFor("the end of a systemd machine", 10_000, () => (removeCgroup(cgroup) ? true : undefined));
    rmSync(directory, { recursive: true, force: true });
  }, 30_000);
  mkdirSync(join(directory, "home"));
  const inside = ["nsenter", `--target=${init}`, ...NAMESPACES, "--"];
  const run: SystemdContainer["run"] = (...program) =>
    runToEnd([...inside, ...program], { env: { HOME: join(directory, "home"), LC_ALL: "C" } });
  await waitFor(`systemd is up; it says:\n${log()}`, 30_000, async () => {
    const { stdout } = await run("systemctl", "is-system-running");
    return stdout.trim() === "running" ? true : undefined;
  });
  return { directory, run, log };
}

/** @returns whether it is gone: it stays as long as a process in it does */
function removeCgroup(directory: string): boolean {
  try {
    for (const one of readdirSync(directory, { withFileTypes: true })) {
      if (one.isDirectory()) removeCgroup(join(directory, one.name));
    }
    rmdirSync(directory);
    return true;
  } catch {
    return !existsSync(directory);
  }
}
