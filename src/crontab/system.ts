import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StoreError } from "../errors.ts";
import type { Host } from "../host.ts";
import { storeFault } from "../store-fault.ts";
import { fromCrontabText } from "./bytes.ts";
import { findCrontabKind } from "./kind.ts";
import { type CallCrontab, type CrontabAnswer, crontabProgram } from "./program.ts";
import { waitForSpool } from "./spool.ts";

/** The user's crontab. Its text is bytes, one character each (`bytes.ts`). */
export interface SystemCrontab {
  /** "" when the user has none. */
  read(): Promise<string>;
  /**
   * Installs the text and reads it back; where that differs, the old one is put back and an error says so.
   *
   * @param before what the text was made from: nothing is written when the crontab is no longer that
   */
  write(text: string, before: string): Promise<void>;
  /** Lets the cron at hand look at the text without installing it. Resolves to `false` where it has no such check. */
  check(text: string): Promise<boolean>;
}

function refusal(doing: string, { exitCode, stdout, stderr }: CrontabAnswer): StoreError {
  const said = fromCrontabText(stderr.trim() === "" ? stdout.trim() : stderr.trim());
  const message = `${doing}: crontab ended with ${exitCode ?? "a signal"}${said === "" ? " and said nothing" : `, saying\n    ${said.replaceAll("\n", "\n    ")}`}`;
  if (/not allowed to use this program|not allowed to access to \(crontab\)/.test(said)) {
    return new StoreError(message, {
      hint: "This user is not in /etc/cron.allow, or is in /etc/cron.deny: ask the administrator, or install as another user.",
    });
  }
  if (/can't open .*No such file/.test(said)) {
    return new StoreError(message, {
      hint: "If this user has no crontab yet, make an empty one: `crontab /dev/null` or `echo | crontab -`.",
    });
  }
  return new StoreError(message, { hint: "Nothing was changed. Try `crontab -l` by hand." });
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
  // Whoever has none has no crontab to remove.
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
        throw new StoreError("the crontab was changed by someone else in this moment; it was left as it is now", {
          hint: "Try again.",
        });
      }
      await settle();
      await put(call, text);
      if ((await readCrontab(call)) === text) return;
      await settle();
      await put(call, before);
      throw new StoreError("the crontab reads otherwise than it was written; the old one was put back", {
        hint: "Either someone changed it at the same moment (try again), or this `crontab` program changes what it is given.",
      });
    },

    async check(text) {
      const { checkOption } = await findCrontabKind(call);
      if (checkOption === undefined || text === "") return false;
      const answer = await withFile(text, (path) => call([checkOption, path]));
      if (answer.exitCode !== 0) throw refusal("the cron of this machine refuses the new crontab", answer);
      return true;
    },
  };
}
