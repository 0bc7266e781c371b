import { stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Host } from "../host.ts";
import { SECOND_MS } from "../time-units.ts";

/** Debian's spool folder; `crontab` sets its time at each change, and anyone may look at that. */
const SPOOL = "var/spool/cron/crontabs";

/**
 * Waits until the second in which the spool last changed is over.
 *
 * Debian's cron learns of a new crontab by the time of that folder, in whole seconds. When two crontabs are written in
 * one second and the daemon looks in between, it never loads the later one (seen with 3.0pl1-162): runs silently lost.
 *
 * @param pause waits so many milliseconds
 */
export async function waitForSpool(
  { root, now }: Pick<Host, "root" | "now">,
  pause: (ms: number) => Promise<unknown> = sleep,
): Promise<void> {
  // Another cron's spool lies elsewhere, and needs no waiting.
  const changed = await stat(join(root, SPOOL)).catch(() => undefined);
  if (changed === undefined) return;
  const nextSecond = (Math.floor(changed.mtimeMs / SECOND_MS) + 1) * SECOND_MS;
  const left = nextSecond - now().getTime();
  // More than a second means that a clock was set back; the daemon then sees a new time anyway.
  if (left > 0 && left <= SECOND_MS) await pause(left);
}
