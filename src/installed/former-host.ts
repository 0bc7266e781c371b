import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Host, userName } from "../host.ts";
import { digestOf } from "./compile.ts";
import type { StoredInstall } from "./schedule.ts";

/**
 * Identifies this machine whatever its name; `undefined` without a machine id. It is a hash for this program alone,
 * because machine-id(5) says that the id itself is confidential.
 */
export function machineFingerprint(root: string): string | undefined {
  try {
    const id = readFileSync(join(root, "etc/machine-id"), "utf8").trim();
    return /^[0-9a-f]{32}$/.test(id) ? digestOf(`pipelinewise-sched stored install ${id}`) : undefined;
  } catch {
    return undefined; // A hint is all that depends on it.
  }
}

/**
 * The name that this host probably had when this user installed a schedule; `undefined` unless exactly one stored
 * install fits. Clones and containers may share a machine id, so by itself it is good for a hint only.
 */
export function formerHostName(
  installs: readonly StoredInstall[],
  host: Pick<Host, "root" | "uid">,
): string | undefined {
  const machine = machineFingerprint(host.root);
  const [only, ...more] = installs.filter((one) => one.machine === machine && one.user === userName(host));
  return machine === undefined || more.length > 0 ? undefined : only?.host;
}
