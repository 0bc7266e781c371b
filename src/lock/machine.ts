import { readFileSync, readlinkSync } from "node:fs";
import { hostname, uptime } from "node:os";

/** The kernel that runs us, and the pid namespace that we see. */
export interface Kernel {
  readonly bootId: string;
  readonly pidNamespace: string;
}

/**
 * Which kernel this is. Read at every tick, so in few steps; /proc never hangs.
 *
 * Without /proc (macOS) the host's name stands for the boot: after a reboot the pid of a dead holder is judged as if it
 * were of this boot, and counts as alive while another process has it.
 */
export function thisKernel(): Kernel {
  try {
    const bootId = readFileSync("/proc/sys/kernel/random/boot_id", "utf8").trim();
    return { bootId, pidNamespace: readlinkSync("/proc/self/ns/pid").replace(/\D/g, "") };
  } catch {
    return { bootId: hostname(), pidNamespace: "0" };
  }
}

/** The installation of this machine, the same over reboots; empty where the system keeps none. */
export function machineId(): string {
  try {
    return readFileSync("/etc/machine-id", "utf8").trim();
  } catch {
    return "";
  }
}

/** Milliseconds since boot, sleep included: a clock that no one sets, to measure waiting with. */
export const sinceBootMs = (): number => uptime() * 1000;

/** What waiting is measured by, and done with. */
export interface LockClock {
  sinceBootMs(): number;
  /** Resolves after `ms`, or with `until`. */
  pause(ms: number, until?: Promise<unknown>): Promise<void>;
}

export const realClock: LockClock = {
  sinceBootMs,
  async pause(ms, until) {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise((resolve) => {
      timer = setTimeout(resolve, ms);
    });
    await (until === undefined ? over : Promise.race([over, until]));
    clearTimeout(timer);
  },
};
