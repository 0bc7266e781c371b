import { spawn } from "node:child_process";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { errorCode, StoreError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { storeFault } from "../../storage/store-error.ts";
import { SECOND_MS } from "../../time-units.ts";
import { fromCrontabText } from "./block.ts";

/** The result of the `crontab` program. Both streams are crontab text (`block.ts`). */
export interface CrontabAnswer {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** This machine has no `crontab` program: only what another scheduler starts can be installed on it. */
export class NoCrontabProgramError extends StoreError {
  constructor(path: string | undefined) {
    super(`there is no \`crontab\` program on the PATH (${path ?? "not set"})`, {
      hint: "Install one (`apt-get install cron` or `dnf install cronie`), or let systemd start the runs: `install --on systemd`.",
    });
  }
}

/** Calls the `crontab` program with these arguments. */
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

/** Which `crontab` program this is, and how it lets a file be checked without installing it. */
export interface CrontabKind {
  readonly name: "debian" | "cronie" | "busybox" | "systemd" | "other";
  /** Where it says one. */
  readonly version: string | undefined;
  /** Option that checks a file and changes nothing; `undefined` where there is none. */
  readonly checkOption: "-n" | "-T" | undefined;
}

/**
 * Distinguishes the programs by their output for `-V`: cronie prints its version; the others do not know the option and
 * print their usage. Never try `-n` instead: on cronie it sets the host of a cluster.
 */
export function recogniseCrontab({ stdout, stderr }: Pick<CrontabAnswer, "stdout" | "stderr">): CrontabKind {
  const said = stdout + stderr;
  const cronie = /\bcronie (\d+)\.(\d+)(?:\.(\d+))?/.exec(said);
  if (cronie !== null) {
    const [major = 0, minor = 0, patch = 0] = cronie.slice(1).map((part) => Number(part ?? 0));
    const knowsCheck = major * 10_000 + minor * 100 + patch >= 1_05_06;
    return { name: "cronie", version: cronie[0].slice(7), checkOption: knowsCheck ? "-T" : undefined };
  }
  const busybox = /busybox v?(\S*)/i.exec(said);
  if (busybox !== null) return { name: "busybox", version: busybox[1] || undefined, checkOption: undefined };
  // Debian's since 3.0pl1-160.
  if (/^\s*-n\s+\(dry run\b/m.test(said)) return { name: "debian", version: undefined, checkOption: "-n" };
  // systemd-cron's speaks as Python's argparse does.
  if (/^usage: crontab \[-h\] \[-u USER\]/m.test(said))
    return { name: "systemd", version: undefined, checkOption: undefined };
  return { name: "other", version: undefined, checkOption: undefined };
}

export const findCrontabKind = async (call: CallCrontab): Promise<CrontabKind> => recogniseCrontab(await call(["-V"]));

/** Debian's spool folder; `crontab` sets its time at each change, and anyone may look at that. */
const SPOOL = "var/spool/cron/crontabs";

/**
 * Waits until the second in which the spool last changed is over.
 *
 * Debian's cron detects a new crontab by the time of that directory, in whole seconds. If two crontabs are written in
 * one second and the daemon checks in between, it never loads the later one (seen with 3.0pl1-162), and runs are lost
 * silently.
 *
 * @param pause waits for this number of milliseconds
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

/** The user's crontab. Its text is bytes, one character each (`block.ts`). */
export interface SystemCrontab {
  /** "" when the user has none. */
  read(): Promise<string>;
  /**
   * Installs the text and reads it back; if that differs, restores the previous crontab and throws.
   *
   * @param before the crontab from which the text was made; nothing is written if the crontab has changed since
   */
  write(text: string, before: string): Promise<void>;
  /** Lets cron check the text without installing it. Resolves to `false` if it has no such check. */
  check(text: string): Promise<boolean>;
}

function refusal(doing: string, { exitCode, stdout, stderr }: CrontabAnswer): StoreError {
  const said = fromCrontabText(stderr.trim() === "" ? stdout.trim() : stderr.trim());
  const message = `${doing}: crontab ended with ${exitCode ?? "a signal"}${said === "" ? " and printed nothing" : ` and printed\n    ${said.replaceAll("\n", "\n    ")}`}`;
  if (/not allowed to use this program|not allowed to access to \(crontab\)/.test(said)) {
    return new StoreError(message, {
      hint: "/etc/cron.allow or /etc/cron.deny does not allow this user to use cron. Ask the administrator, or install as another user.",
    });
  }
  if (/can't open .*No such file/.test(said)) {
    return new StoreError(message, {
      hint: "If this user has no crontab yet, create an empty one: `crontab /dev/null` or `echo | crontab -`.",
    });
  }
  return new StoreError(message, { hint: "Nothing was changed. Run `crontab -l` by hand to see the problem." });
}

/** Hands the text to `use` as a file that only we can read. */
async function withFile<T>(text: string, use: (path: string) => Promise<T>): Promise<T> {
  let folder: string | undefined;
  try {
    let path: string;
    try {
      folder = await mkdtemp(join(tmpdir(), "pipelinewise-sched-"));
      path = join(folder, "crontab");
      await writeFile(path, text, { encoding: "latin1", mode: 0o600, flag: "wx" });
    } catch (error) {
      throw storeFault("write", folder ?? tmpdir(), error);
    }
    return await use(path);
  } finally {
    if (folder !== undefined) await rm(folder, { recursive: true, force: true });
  }
}

async function readCrontab(call: CallCrontab): Promise<string> {
  const answer = await call(["-l"]);
  if (answer.exitCode === 0) return answer.stdout;
  // The one failure that means an empty crontab; any other may hide lines that we would then write over.
  if (answer.exitCode === 1 && answer.stdout === "" && /\bno crontab for\b/.test(answer.stderr)) return "";
  throw refusal("cannot read the crontab", answer);
}

async function put(call: CallCrontab, text: string): Promise<void> {
  const answer = await (text === "" ? call(["-r"]) : withFile(text, (path) => call([path])));
  // A user without a crontab has nothing to remove.
  const hadNone = text === "" && /\bno crontab for\b/.test(answer.stderr);
  if (answer.exitCode !== 0 && !hadNone) throw refusal("cannot install the crontab", answer);
}

/** The crontab of the user on this host. */
export const crontabOf = (host: Host): SystemCrontab => systemCrontab(crontabProgram(host), () => waitForSpool(host));

/** The crontab that the `crontab` program at hand keeps for us. @param settle resolves when it may be written */
export function systemCrontab(call: CallCrontab, settle: () => Promise<void> = async () => {}): SystemCrontab {
  return {
    read: () => readCrontab(call),

    async write(text, before) {
      if ((await readCrontab(call)) !== before) {
        throw new StoreError("the crontab was modified at the same time; nothing was written", {
          hint: "Try again.",
        });
      }
      await settle();
      await put(call, text);
      if ((await readCrontab(call)) === text) return;
      await settle();
      await put(call, before);
      throw new StoreError("the installed crontab differs from what was written; the previous one has been restored", {
        hint: "Try again: somebody may have changed it at the same time. If this happens again, the `crontab` program changes its input.",
      });
    },

    async check(text) {
      const { checkOption } = await findCrontabKind(call);
      if (checkOption === undefined || text === "") return false;
      const answer = await withFile(text, (path) => call([checkOption, path]));
      if (answer.exitCode !== 0) throw refusal("this machine's cron rejects the new crontab", answer);
      return true;
    },
  };
}
