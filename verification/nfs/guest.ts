import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, openSync, readdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { ended, runWell, SYSTEM_PATH } from "../../test/support/run-program.ts";
import { waitFor } from "../../test/support/wait.ts";
import { modulesDirectory } from "./needs.ts";

const INIT = fileURLToPath(new URL("./guest-init.sh", import.meta.url));

/** A machine of its own: a User-Mode-Linux kernel, which is a process of this one. */
export interface Guest {
  readonly name: string;
  readonly address: string;
  /** Runs a shell script as root. @returns what it wrote, stdout and stderr; throws where it does not end with 0 */
  run(script: string, options?: { readonly withinMs?: number }): Promise<string>;
  /** Suspends everything, as in a paused virtual machine. */
  freeze(): Promise<void>;
  thaw(): Promise<void>;
  /** Nothing is said, written or closed any more. */
  cutPower(): Promise<void>;
}

export interface GuestPlan {
  readonly name: string;
  readonly address: string;
  /** The laboratory's directory: the guest sees it under the same path. */
  readonly directory: string;
  /** The network's socket. */
  readonly network: string;
  readonly memory: string;
  /** Image of its one disk. */
  readonly disk?: string;
}

/** Boots a guest. Its kernel ends with the process that started it, at the latest. */
export async function bootGuest(plan: GuestPlan): Promise<Guest> {
  const { name, address, directory } = plan;
  const place = join(directory, name);
  const umid = `${name}-${bootCount++}`;
  mkdirSync(place, { recursive: true });
  for (const left of readdirSync(place)) renameSync(join(place, left), join(directory, `old-${umid}-${left}`));
  const kernel = startKernel(plan, umid, place);
  const gone = ended(kernel);
  let isGone = false;
  void gone.then(() => {
    isGone = true;
  });
  const mconsole = (word: string) => runWell(["uml_mconsole", join(directory, "umid", umid, "mconsole"), word]);
  let scripts = 0;

  async function awaitHere<T>(what: string, withinMs: number, look: () => T | undefined): Promise<T> {
    return waitFor(`${name}: ${what}`, withinMs, () => {
      if (isGone)
        throw new Error(`${name}: its kernel ended; ${what}\n${readFileSync(join(place, "console"), "latin1")}`);
      return look();
    });
  }

  await awaitHere("boots", 60_000, () => existsSync(join(place, "up")) || undefined);
  return {
    name,
    address,
    async run(script, { withinMs = 60_000 } = {}) {
      const file = join(place, String(++scripts));
      writeFileSync(`${file}.new`, `PATH=${SYSTEM_PATH}\nexport PATH\nset -e\n${script}\n`);
      renameSync(`${file}.new`, `${file}.sh`);
      const code = await awaitHere(script, withinMs, () => readIfThere(`${file}.end`)).catch((error: unknown) => {
        throw new Error(`${error instanceof Error ? error.message : error}\n${readIfThere(`${file}.out`) ?? ""}`);
      });
      const said = readFileSync(`${file}.out`, "utf8");
      if (code.trim() !== "0") throw new Error(`${name}: ended with ${code.trim()}: ${script}\n${said}`);
      return said;
    },
    freeze: () => mconsole("stop").then(() => {}),
    thaw: () => mconsole("go").then(() => {}),
    async cutPower() {
      if (kernel.pid !== undefined && !isGone) killGroup(kernel.pid);
      await gone;
    },
  };
}

let bootCount = 0;

function startKernel(plan: GuestPlan, umid: string, place: string): ChildProcess {
  const { name, address, directory } = plan;
  const words = [
    `mem=${plan.memory}`,
    `umid=${umid}`,
    `uml_dir=${join(directory, "umid")}`,
    "root=/dev/root",
    "rootfstype=hostfs",
    "rootflags=/",
    "ro",
    `init=${INIT}`,
    `eth0=daemon,${hardwareAddress(address)},unix,${plan.network}`,
    "con=null",
    "con0=null,fd:2",
    "con1=null",
    "quiet",
    `lab_name=${name}`,
    `lab_ip=${address}`,
    `lab_dir=${directory}`,
    `lab_modules=${modulesDirectory()}`,
    ...(plan.disk === undefined ? [] : [`ubd0=${plan.disk}`]),
  ];
  const console = openSync(join(place, "console"), "w");
  // A process group of its own, as a kernel is many processes.
  return spawn("setpriv", ["--pdeathsig", "KILL", "linux.uml", ...words], {
    stdio: ["ignore", console, console],
    env: { PATH: SYSTEM_PATH },
    detached: true,
  });
}

/** The same after each boot, so that nobody looks for the old one. */
const hardwareAddress = (address: string): string =>
  ["02", "00", ...address.split(".").map((part) => Number(part).toString(16).padStart(2, "0"))].join(":");

/** Kills what we started as a process group of its own. */
export function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch {
    // It has ended by itself.
  }
}

/** Text of a file that was put there whole; `undefined` until then. */
function readIfThere(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, "utf8") : undefined;
}
