import { stat } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { errorMessage, SchedError, StoreError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import type { ProgramAnswer } from "../../system/call-program.ts";
import { SECOND_MS } from "../../time-units.ts";
import { allOrNothing, NothingDoneError } from "../scheduler.ts";
import { findBlocks, fromCrontabText } from "./block.ts";
import { type CallCrontab, crontabProgram } from "./call-crontab.ts";

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
export function recogniseCrontab({ stdout, stderr }: Pick<ProgramAnswer, "stdout" | "stderr">): CrontabKind {
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

/** Debian's spool directory; `crontab` sets its time at each change, and anyone may look at that. */
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

/** The crontab that a new text was made from. */
interface CrontabSource {
  readonly before: string;
  /** Path of its backup. */
  readonly backup: string;
}

/** The user's crontab. Its text is bytes, one character each (`block.ts`). */
export interface SystemCrontab {
  /** "" when the user has none. */
  read(): Promise<string>;
  /**
   * Installs the text, unless the crontab has changed since the text was made from it.
   *
   * @returns warnings, one sentence each
   * @throws NothingDoneError if our blocks are as before; StoreError that says what the crontab contains now
   */
  write(text: string, from: CrontabSource): Promise<readonly string[]>;
  /** Lets cron check the text without installing it. Resolves to `false` if it has no such check. */
  check(text: string): Promise<boolean>;
}

function refusal(doing: string, { exitCode, stdout, stderr }: ProgramAnswer): StoreError {
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
  return new StoreError(message, { hint: "Run `crontab -l` by hand to see the problem." });
}

/**
 * The lines that Vixie's cron and SLES's cronie print above a crontab. Their `crontab` adds them to each crontab that it
 * installs, so they must not be installed again.
 */
const HEADER =
  /^# DO NOT EDIT THIS FILE - edit the master and reinstall\.\n# \(.* installed on .*\)\n# \(Cron(?:ie)? version .*\)\n/;

/**
 * Debian's `crontab` hides its header, and two others write none: a header that they print is part of the user's text.
 */
const PRINTS_NO_HEADER: readonly CrontabKind["name"][] = ["debian", "busybox", "systemd"];

/** The report of an error, after which a text may be only the beginning of the crontab. Warnings do not match. */
const ERROR_REPORT = /\b(?:error|fail(?:ed|ure)|cannot|can't|could not|unable|denied|truncated)\b/i;

async function readCrontab(call: CallCrontab): Promise<string> {
  const answer = await call(["-l"]);
  const { exitCode, stdout, stderr } = answer;
  if (exitCode === 0 && (stderr.trim() === "" || (stdout !== "" && !ERROR_REPORT.test(stderr)))) {
    if (!HEADER.test(stdout)) return stdout;
    const { name } = await findCrontabKind(call);
    return PRINTS_NO_HEADER.includes(name) ? stdout : stdout.replace(HEADER, "");
  }
  // The one failure that means an empty crontab; any other may hide lines that we would then write over.
  if (exitCode === 1 && stdout === "" && /\bno crontab for\b/.test(stderr)) return "";
  throw refusal("cannot read the crontab", answer);
}

async function put(call: CallCrontab, text: string): Promise<void> {
  const answer = await (text === "" ? call(["-r"]) : call([], text));
  // A user without a crontab has nothing to remove.
  const hadNone = text === "" && /\bno crontab for\b/.test(answer.stderr);
  if (answer.exitCode !== 0 && !hadNone) throw refusal("cannot install the crontab", answer);
}

/** Our blocks, comparable; `undefined` if they cannot be read. */
function blocksOf(text: string): string | undefined {
  try {
    return JSON.stringify(findBlocks(text).map(({ mark, lines }) => ({ mark, lines })));
  } catch (error) {
    if (error instanceof SchedError) return undefined;
    throw error;
  }
}

/**
 * The lines that `crontab -l` prints above or below a crontab, if it printed them before and after a write.
 *
 * @param now what it printed after `text` was written
 */
function printedAround(now: string, text: string, before: string): readonly [above: string, below: string] | undefined {
  const added = now.length - text.length;
  if (added <= 0) return undefined;
  const [above, below] = [now.slice(0, added), now.slice(-added)];
  if (now === above + text && before.startsWith(above)) return [above, ""];
  if (now === text + below && before.endsWith(below)) return ["", below];
  return undefined;
}

const firstLine = (text: string): string => JSON.stringify(fromCrontabText(text.split("\n", 1)[0] ?? ""));

/** A write that was tried. */
interface TriedWrite extends CrontabSource {
  readonly text: string;
  /** Why the `crontab` program failed; `undefined` if it did not. */
  readonly failure: string | undefined;
}

/** Judges a write by what the crontab contains after it, whatever the `crontab` program reported. */
async function judgeWrite(
  call: CallCrontab,
  { text, before, backup, failure }: TriedWrite,
  settle: () => Promise<void>,
): Promise<readonly string[]> {
  const report = (state: string): string => (failure === undefined ? state : `${failure}\n  ${state}`);
  const hint = `Compare the crontab with its backup: crontab -l | diff ${backup} -. If nobody else changed it, restore the backup: crontab ${backup}`;
  const unreadable = (error: unknown): never => {
    throw new StoreError(report(`the crontab was written, but not read back: ${errorMessage(error)}`), {
      cause: error,
      hint,
    });
  };
  let now = await readCrontab(call).catch(unreadable);
  if (now === text) return failure === undefined ? [] : [report("but the crontab is as planned")];
  if (now === before) {
    throw new NothingDoneError(
      report(`${failure === undefined ? "`crontab` reported success, but " : ""}the crontab is still the previous one`),
      {
        hint: `Run \`crontab ${backup}\` by hand to see the problem: this is a backup of the crontab.`,
      },
    );
  }
  const around = printedAround(now, text, before);
  if (around !== undefined) {
    const [above, below] = around;
    await settle();
    // While it is still exactly our text, no change of another person is lost.
    if ((await readCrontab(call).catch(unreadable)) === now) {
      await put(call, before.slice(above.length, before.length - below.length)).catch(unreadable);
    }
    now = await readCrontab(call).catch(unreadable);
    if (now === before) {
      throw new NothingDoneError(
        `\`crontab\` adds lines that are not in the crontab, such as ${firstLine(above + below)}; the previous crontab was restored`,
        {
          hint: `Stop \`crontab\` from printing these lines, because each install would write them into the crontab. Backup: ${backup}`,
        },
      );
    }
  }
  const state = report(
    `the crontab now is neither the previous one nor the one that was written (${now.length} bytes, written: ${text.length}): somebody changed it at the same time, or \`crontab\` wrote something else`,
  );
  const [blocks, planned, previous] = [now, text, before].map(blocksOf);
  if (blocks !== undefined && planned !== previous) {
    if (blocks === planned) return [`the lines of pipelinewise-sched are as planned, but ${state}. ${hint}`];
    if (blocks === previous) throw new NothingDoneError(state, { hint });
  }
  throw new StoreError(state, { hint });
}

/** The crontab of the user on this host. @param call calls its `crontab` program */
export const crontabOf = (host: Host, call = crontabProgram(host)): SystemCrontab =>
  systemCrontab(call, () => waitForSpool(host));

/** The crontab that the `crontab` program at hand keeps for us. @param settle resolves when it may be written */
export function systemCrontab(call: CallCrontab, settle: () => Promise<void> = async () => {}): SystemCrontab {
  return {
    read: () => readCrontab(call),

    async write(text, { before, backup }) {
      await allOrNothing(async () => {
        // Waits before it reads, so that it sees what a user saves during the wait.
        await settle();
        if ((await readCrontab(call)) === before) return;
        throw new StoreError("the crontab was modified at the same time; nothing was written", {
          hint: "Try again. If this repeats, find out why `crontab -l` prints something else at each call.",
        });
      });
      const failure = await put(call, text).then(
        () => undefined,
        (error) => {
          if (!(error instanceof SchedError)) throw error;
          return error.message;
        },
      );
      return judgeWrite(call, { text, before, backup, failure }, settle);
    },

    async check(text) {
      const { checkOption } = await findCrontabKind(call);
      if (checkOption === undefined || text === "") return false;
      const answer = await call([checkOption], text);
      if (answer.exitCode !== 0) throw refusal("this machine's cron rejects the new crontab", answer);
      return true;
    },
  };
}
