import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { errorCode, errorMessage, SchedError, StoreError } from "../../errors.ts";
import { type Host, userName } from "../../host.ts";
import { findProgram } from "../../system/find-program.ts";
import type { Unit } from "./units.ts";

/** Whose units: the machine's, or a user's own. */
export type Scope = "system" | "user";

/** Calls `systemctl` for a scope, and gives what it prints. @throws StoreError with what it says */
export type Systemctl = (...words: readonly string[]) => Promise<string>;

const LONGEST_ANSWER = 16 * 1024 * 1024;

/**
 * Calls systemd's manager; `undefined` where none runs: in most containers none of the system's (sd_booted(3)), and none of
 * a user's who neither is logged in nor lingers.
 */
export async function findSystemctl(scope: Scope, host: Host): Promise<Systemctl | undefined> {
  // A session that was begun by su, or by cron, does not say where the user's manager is.
  const runtime = host.env["XDG_RUNTIME_DIR"] || join(host.root, `run/user/${host.uid}`);
  const ofUser = scope === "user";
  const sign = ofUser ? join(runtime, "systemd/private") : join(host.root, "run/systemd/system");
  const isUp = await access(sign).then(
    () => true,
    () => false,
  );
  if (!isUp) return undefined;
  const program = await findProgram("systemctl", host.env["PATH"]).catch((error) => {
    if (error instanceof SchedError) return undefined;
    throw error;
  });
  if (program === undefined) return undefined;
  const run = promisify(execFile);
  const env = { ...host.env, LC_ALL: "C", ...(ofUser ? { XDG_RUNTIME_DIR: runtime } : {}) };
  return async (...words) => {
    const all = [...(ofUser ? ["--user"] : []), ...words];
    try {
      return (await run(program, all, { env, maxBuffer: LONGEST_ANSWER })).stdout;
    } catch (error) {
      const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
      const what = words.length > 2 ? `${words.slice(0, 2).join(" ")} …` : words.join(" ");
      throw new StoreError(`systemctl ${what} failed: ${said === "" ? errorMessage(error) : said}`, { cause: error });
    }
  };
}

/** What systemd makes of a unit file. */
export interface UnitState {
  readonly isEnabled: boolean;
  readonly isActive: boolean;
  /** The file was changed since systemd has read it. */
  readonly isStale: boolean;
}

/** The states of units by name; of those that systemd does not know, nothing is enabled or active. */
export async function readStates(
  systemctl: Systemctl,
  names: readonly string[],
): Promise<ReadonlyMap<string, UnitState>> {
  if (names.length === 0) return new Map();
  const answer = await systemctl("show", "--property=Id,UnitFileState,ActiveState,NeedDaemonReload", ...names);
  const blocks = answer.split(/\n\n+/).map((block) => new Map(block.split("\n").map(keyAndValue)));
  return new Map(
    blocks.map((block) => [
      block.get("Id") ?? "",
      {
        isEnabled: block.get("UnitFileState") === "enabled",
        isActive: block.get("ActiveState") === "active",
        isStale: block.get("NeedDaemonReload") === "yes",
      },
    ]),
  );
}

function keyAndValue(line: string): readonly [string, string] {
  const at = line.indexOf("=");
  return [line.slice(0, at), line.slice(at + 1)];
}

/**
 * Has systemd itself read the times: it may be old, and the machine's time zone data may not know a zone that Node knows.
 * A timer that it cannot read never elapses. Where there is no systemd-analyze, nothing is asked.
 *
 * @throws StoreError with what it says
 */
export async function demandCalendars(units: readonly Unit[], { env }: Pick<Host, "env">): Promise<void> {
  const specs = units.flatMap(({ text }) => [...text.matchAll(/^OnCalendar=(.*)$/gm)].map(([, spec = ""]) => spec));
  try {
    const words = ["calendar", "--", ...new Set(specs)];
    await promisify(execFile)("systemd-analyze", words, { env: { ...env, LC_ALL: "C" }, maxBuffer: LONGEST_ANSWER });
  } catch (error) {
    if (errorCode(error) === "ENOENT") return;
    const said = error instanceof Error && "stderr" in error ? String(error.stderr).trim() : "";
    throw new StoreError(`systemd rejects these times: ${said}`, {
      cause: error,
      hint: "Check that the machine knows the time zone: `timedatectl list-timezones`. On Debian and Ubuntu, the package tzdata-legacy contains old names.",
    });
  }
}

/** A user's own manager ends with the last session, unless the user lingers. */
export async function lingerNote(host: Host): Promise<readonly string[]> {
  const user = userName(host);
  const lingers = await access(join(host.root, "var/lib/systemd/linger", user)).then(
    () => true,
    () => false,
  );
  return lingers ? [] : [`timers of ${user} do not run while ${user} is logged out: loginctl enable-linger ${user}`];
}
