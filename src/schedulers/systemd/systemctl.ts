import { access } from "node:fs/promises";
import { join } from "node:path";
import { errorCode, errorMessage, InterruptedError, SchedError, StoreError } from "../../errors.ts";
import { type Host, userName } from "../../host.ts";
import { type CallLimits, callProgram } from "../../system/call-program.ts";
import { findProgram } from "../../system/find-program.ts";
import { DAY_MS, HOUR_MS, MINUTE_MS, SECOND_MS } from "../../time-units.ts";
import { INSPECT_LIMIT_MS } from "../scheduler.ts";
import type { Unit } from "./units.ts";

/** The manager of the units: the system's or a user's. */
export type Scope = "system" | "user";

/** Calls `systemctl` and returns its output. @throws StoreError with its error message */
export type Systemctl = (...words: readonly string[]) => Promise<string>;

/** Limits for a change: a reload of many units takes a while. */
const LIMITS: CallLimits = {
  answerMs: 120 * SECOND_MS,
  graceMs: 5 * SECOND_MS,
  signalMs: 5 * SECOND_MS,
  mostBytes: 16 * 1024 * 1024,
};

/** Limits for commands that only look at the units and show something useful without them. */
export const LOOK_LIMITS: CallLimits = { ...LIMITS, answerMs: INSPECT_LIMIT_MS };

/**
 * Finds a running systemd manager; `undefined` if there is none. Most containers have no system manager (sd_booted(3)), and
 * a user who is neither logged in nor lingering has no user manager.
 */
export async function findSystemctl(scope: Scope, host: Host, limits = LIMITS): Promise<Systemctl | undefined> {
  // A session of su or cron does not have the address of the user's manager in its environment.
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
  const env = { ...host.env, LC_ALL: "C", ...(ofUser ? { XDG_RUNTIME_DIR: runtime } : {}) };
  return async (...words) => {
    const all = [...(ofUser ? ["--user"] : []), ...words];
    const what = words.length > 2 ? `${words.slice(0, 2).join(" ")} …` : words.join(" ");
    const failed = (why: string, cause?: unknown): StoreError =>
      new StoreError(`systemctl ${what} failed: ${why}`, { cause });
    const called = await callProgram([program, ...all], { env, signals: host.signals, limits }).catch((error) => {
      throw error instanceof InterruptedError ? error : failed(errorMessage(error), error);
    });
    const { exitCode, signal, stdout, stderr } = called;
    if (exitCode === 0) return stdout;
    throw failed(stderr.trim() || `it ended with ${signal ?? exitCode}`);
  };
}

/** The state of a unit in systemd. */
export interface UnitState {
  readonly isEnabled: boolean;
  readonly isActive: boolean;
  /** The file has changed since systemd read it. */
  readonly isStale: boolean;
  /** `TimeoutStartSec` of a service, drop-ins included; `undefined` if there is no limit. */
  readonly startLimitMs: number | undefined;
}

/** Reads the states of units, by name. A unit that systemd does not know is neither enabled nor active. */
export async function readStates(
  systemctl: Systemctl,
  names: readonly string[],
): Promise<ReadonlyMap<string, UnitState>> {
  if (names.length === 0) return new Map();
  const answer = await systemctl(
    "show",
    "--property=Id,UnitFileState,ActiveState,NeedDaemonReload,TimeoutStartUSec",
    ...names,
  );
  const blocks = answer.split(/\n\n+/).map((block) => new Map(block.split("\n").map(keyAndValue)));
  return new Map(
    blocks.map((block) => [
      block.get("Id") ?? "",
      {
        isEnabled: block.get("UnitFileState") === "enabled",
        isActive: block.get("ActiveState") === "active",
        isStale: block.get("NeedDaemonReload") === "yes",
        startLimitMs: parseTimeSpan(block.get("TimeoutStartUSec")),
      },
    ]),
  );
}

const SPAN_UNITS_MS: Readonly<Record<string, number>> = {
  ...{ us: 0.001, ms: 1, s: SECOND_MS, min: MINUTE_MS, h: HOUR_MS, d: DAY_MS, w: 7 * DAY_MS },
  ...{ month: 30.44 * DAY_MS, y: 365.25 * DAY_MS },
};

/**
 * Parses a time span as `systemctl show` prints it, see systemd.time(7): `1h 30min`.
 *
 * @returns `undefined` for `infinity`
 */
export function parseTimeSpan(text = "infinity"): number | undefined {
  const parts = text.split(" ").map((part) => /^([\d.]+)([a-z]+)$/.exec(part));
  return parts.reduce<number | undefined>((sum, part) => {
    const unit = SPAN_UNITS_MS[part?.[2] ?? ""];
    return sum === undefined || unit === undefined ? undefined : sum + Number(part?.[1]) * unit;
  }, 0);
}

function keyAndValue(line: string): readonly [string, string] {
  const at = line.indexOf("=");
  return [line.slice(0, at), line.slice(at + 1)];
}

/**
 * Lets systemd check the times: an old systemd, or a machine with old time zone data, may reject them, and a timer that
 * systemd cannot read never elapses. Does nothing without `systemd-analyze`.
 *
 * @throws StoreError with its error message
 */
export async function assertCalendars(
  units: readonly Unit[],
  { env, signals }: Pick<Host, "env" | "signals">,
): Promise<void> {
  const specs = units.flatMap(({ text }) => [...text.matchAll(/^OnCalendar=(.*)$/gm)].map(([, spec = ""]) => spec));
  const words = ["systemd-analyze", "calendar", "--", ...new Set(specs)];
  const answer = await callProgram(words, { env: { ...env, LC_ALL: "C" }, signals, limits: LIMITS }).catch((error) => {
    if (errorCode(error) !== "ENOENT") throw error;
  });
  if (answer !== undefined && answer.exitCode !== 0) {
    throw new StoreError(`systemd rejects these times: ${answer.stderr.trim()}`, {
      hint: "Check that the machine knows the time zone: `timedatectl list-timezones`. On Debian and Ubuntu, the package tzdata-legacy contains old names.",
    });
  }
}

/** The note about lingering: without it, a user's manager ends with the last session. */
export async function lingerNote(host: Host): Promise<readonly string[]> {
  const user = userName(host);
  const lingers = await access(join(host.root, "var/lib/systemd/linger", user)).then(
    () => true,
    () => false,
  );
  return lingers ? [] : [`timers of ${user} do not run while ${user} is logged out: loginctl enable-linger ${user}`];
}
