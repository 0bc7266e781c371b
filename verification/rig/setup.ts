import { existsSync, rmSync, writeFileSync } from "node:fs";
import { runWell } from "../../test/support/run-program.ts";
import { laboratoryPackages } from "../nfs/needs.ts";
import { inCi, missingPackages } from "./needs.ts";
import { fetchPackages } from "./packages.ts";

const POLICY = "/usr/sbin/policy-rc.d";

/**
 * Before all files: in CI, as root, installs what the rig needs, and the laboratory of guest machines where this system
 * has it; on anyone's own machine nothing is installed. The packages of other daemons are only unpacked, in a cache
 * beside the dependencies; without them their tests are skipped.
 */
export default async function setup(): Promise<void> {
  await installPackages(missingPackages());
  await installPackages(laboratoryPackages()).catch((error: unknown) => {
    console.warn(`No guest machines can be had here. ${error instanceof Error ? error.message : error}`);
  });
  await fetchPackages().catch((error: unknown) => {
    console.warn(`No other cron daemons can be had here. ${error instanceof Error ? error.message : error}`);
  });
}

async function installPackages(packages: readonly string[]): Promise<void> {
  if (!inCi || packages.length === 0 || process.getuid?.() !== 0) return;
  // Debian starts what it installs. No daemon but the private one is wanted, least of all on the machine's own crontabs.
  const ours = !existsSync(POLICY);
  if (ours) writeFileSync(POLICY, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    const env = { DEBIAN_FRONTEND: "noninteractive" };
    await runWell(["apt-get", "-qq", "update"], { env, timeoutMs: 180_000 });
    await runWell(["apt-get", "-qq", "install", "--no-install-recommends", "-y", ...packages], {
      env,
      timeoutMs: 300_000,
    });
  } finally {
    if (ours) rmSync(POLICY);
  }
}
