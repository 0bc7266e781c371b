import { execFile } from "node:child_process";
import { access } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { errorCode, StoreError } from "../../errors.ts";
import { type Host, userName } from "../../host.ts";
import type { Unit } from "./units.ts";

const LONGEST_ANSWER = 16 * 1024 * 1024;

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
    throw new StoreError(`systemd does not take these times: ${said}`, {
      cause: error,
      hint: "Does the machine know the time zone? `timedatectl list-timezones`; Debian's and Ubuntu's tzdata-legacy holds old names.",
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
  return lingers ? [] : [`timers of ${user} stand still while ${user} is logged out: loginctl enable-linger ${user}`];
}
