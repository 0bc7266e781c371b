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
import { ended, type Finished, runToEnd, SYSTEM_PATH } from "../rig/child.ts";
import { sendSignal } from "../rig/processes.ts";
import { waitFor } from "../rig/wait.ts";

const SYSTEMD = "/usr/lib/systemd/systemd";
const NAMESPACES = ["--mount", "--pid", "--cgroup", "--uts", "--ipc", "--net"];

/** A machine of its own as far as systemd is concerned: a real manager as process 1 of its namespaces, with no unit yet. */
export interface SystemdWorld {
  /** For the test's own files, seen inside as well. */
  readonly folder: string;
  /** Runs a program inside, as root. */
  readonly run: (...words: readonly string[]) => Promise<Finished>;
  /** What the manager and its services have said. */
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
export async function bootSystemd(): Promise<SystemdWorld> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "pws-systemd-")));
  const cgroup = mkdtempSync(join(cgroupRoot() ?? "", "pws-"));
  const logFile = join(folder, "systemd.log");
  const journal = join(folder, "journal");
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
    ["-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', cgroup, ...words, join(import.meta.dirname, "world.sh"), journal],
    { env: { PATH: SYSTEM_PATH }, stdio: ["ignore", output, output] },
  );
  const over = ended(holder);
  const log = (): string => readFileSync(logFile, "utf8") + (existsSync(journal) ? readFileSync(journal, "utf8") : "");
  const init = await waitFor("the first process of a systemd world", 10_000, () => {
    const children = readFileSync(`/proc/${holder.pid}/task/${holder.pid}/children`, "utf8").trim();
    return children === "" ? undefined : Number(children.split(" ")[0]);
  });
  onTestFinished(async () => {
    sendSignal(init, "SIGKILL");
    await over;
    await waitFor("the end of a systemd world", 10_000, () => (removeCgroup(cgroup) ? true : undefined));
    rmSync(folder, { recursive: true, force: true });
  }, 30_000);
  mkdirSync(join(folder, "home"));
  const inside = ["nsenter", `--target=${init}`, ...NAMESPACES, "--"];
  const run: SystemdWorld["run"] = (...program) =>
    runToEnd([...inside, ...program], { env: { HOME: join(folder, "home"), LC_ALL: "C" } });
  await waitFor(`systemd is up; it says:\n${log()}`, 30_000, async () => {
    const { stdout } = await run("systemctl", "is-system-running");
    return stdout.trim() === "running" ? true : undefined;
  });
  return { folder, run, log };
}

/** @returns whether it is gone: it stays as long as a process in it does */
function removeCgroup(folder: string): boolean {
  try {
    for (const one of readdirSync(folder, { withFileTypes: true })) {
      if (one.isDirectory()) removeCgroup(join(folder, one.name));
    }
    rmdirSync(folder);
    return true;
  } catch {
    return !existsSync(folder);
  }
}
