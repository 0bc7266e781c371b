import { readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { processExists } from "../../src/system/proc.ts";

/** Debian's program that starts another program with a changed clock. */
export const FAKETIME = "/usr/bin/faketime";

const SHARED_MEMORY = "/dev/shm";

/**
 * Removes the semaphores and shared memory that ended `faketime` processes left. A killed one leaves them under its
 * pid, and a later `faketime` that gets the same pid refuses to start ("sem_open: File exists"). Call it before each
 * start.
 */
export function removeFaketimeLeftovers(): void {
  for (const name of readdirSync(SHARED_MEMORY)) {
    const pid = /^(?:sem\.faketime_sem|faketime_shm)_(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !processExists(Number(pid))) rmSync(join(SHARED_MEMORY, name), { force: true });
  }
}
