import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { errorMessage, SchedError, StoreError } from "../../errors.ts";
import { findProgram } from "../../find-program.ts";
import type { Host } from "../../host.ts";

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
