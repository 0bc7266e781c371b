import { spawn } from "node:child_process";
import { errorCode, StoreError } from "../errors.ts";
import type { Host } from "../host.ts";
import { storeFault } from "../store-fault.ts";

/** How the `crontab` program ended, and what it said. Both streams as crontab text (`bytes.ts`). */
export interface CrontabAnswer {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** This machine has no `crontab` program: only what another scheduler starts can be installed on it. */
export class NoCrontabProgramError extends StoreError {
  constructor(path: string | undefined) {
    super(`there is no \`crontab\` program on the PATH (${path ?? "not set"})`, {
      hint: "Install one: `apt-get install cron`, or `dnf install cronie`. Or let systemd start the runs: `install --on systemd`.",
    });
  }
}

/** Calls the `crontab` program with these words. */
export type CallCrontab = (args: readonly string[]) => Promise<CrontabAnswer>;

/**
 * The `crontab` program on the PATH.
 *
 * It speaks English, as we read what it says, and hides the header that Debian's writes above each crontab, which it
 * shows where CRONTAB_NOHEADER says so: both are in crontab(1).
 */
export function crontabProgram({ env }: Pick<Host, "env">): CallCrontab {
  const { CRONTAB_NOHEADER: _, ...rest } = env;
  return (args) =>
    new Promise((resolve, reject) => {
      const child = spawn("crontab", args, { env: { ...rest, LC_ALL: "C" }, stdio: ["ignore", "pipe", "pipe"] });
      const told = { stdout: [] as Buffer[], stderr: [] as Buffer[] };
      child.stdout.on("data", (bytes: Buffer) => told.stdout.push(bytes));
      child.stderr.on("data", (bytes: Buffer) => told.stderr.push(bytes));
      child.on("error", (error) => {
        reject(
          errorCode(error) === "ENOENT"
            ? new NoCrontabProgramError(env["PATH"])
            : storeFault("start", "crontab", error),
        );
      });
      child.on("close", (exitCode) => {
        const [stdout, stderr] = [told.stdout, told.stderr].map((parts) => Buffer.concat(parts).toString("latin1"));
        resolve({ exitCode, stdout: stdout ?? "", stderr: stderr ?? "" });
      });
    });
}
