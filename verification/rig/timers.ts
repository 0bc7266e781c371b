import { mkdtempSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { runWell } from "../../test/support/run-program.ts";
import { minute } from "./cron-log.ts";
import type { TimerGenerator } from "./daemons.ts";
import type { PrivateCron } from "./private-cron.ts";

/** A timer that systemd-cron makes of a line. */
export interface CronTimer {
  /** The line, as the timer describes itself. */
  readonly line: string;
  /** systemd.time(7), such as `*-*-* 1:15,45:00`. */
  readonly calendar: string;
}

/** The timers that a generator makes of a crontab of root. @throws where it says anything, or drops a line */
export async function makeTimers(
  machine: PrivateCron,
  tab: string,
  { name, words }: TimerGenerator,
): Promise<readonly CronTimer[]> {
  const directory = mkdtempSync(join(machine.directory, "units-"));
  await machine.spool(tab);
  // It goes by what the directory of a running systemd says.
  await machine.run(["mkdir", "-p", "/run/systemd"]);
  const { code, stdout, stderr } = await machine.run([...words, directory]);
  if (code !== 0 || stdout + stderr !== "") throw new Error(`${name} ends with ${code}: ${stdout}${stderr}`);
  const timers = readdirSync(directory)
    .filter((file) => file.endsWith(".timer"))
    .map((file) => parseTimer(readFileSync(join(directory, file), "utf8")));
  const lines = tab.split("\n").filter((line) => /^[^#\s]/.test(line));
  if (timers.length !== lines.length) throw new Error(`${name} makes ${timers.length} timers of ${lines.length} lines`);
  return timers;
}

function parseTimer(unit: string): CronTimer {
  const line = /^Description=\[Timer\] "(.*)"$/m.exec(unit)?.[1];
  const [calendar, ...more] = [...unit.matchAll(/^OnCalendar=(.*)$/gm)].map(([, spec]) => spec);
  if (line === undefined || calendar === undefined || more.length > 0)
    throw new Error(`not the timer of a line: ${unit}`);
  return { line, calendar };
}

/** More than a timer of every five minutes elapses in three days. */
const MOST = 1000;

/**
 * When systemd itself says that a calendar elapses, in [from, to), as minutes. It is the manager's own reckoning; how
 * much later it wakes up is not told.
 *
 * @param zone the machine's
 */
export async function elapses(
  calendar: string,
  { zone, from, to }: { readonly zone: string; readonly from: Date; readonly to: Date },
): Promise<readonly string[]> {
  const base = `${new Date(from.getTime() - 1000).toISOString().slice(0, 19).replace("T", " ")} UTC`;
  const words = ["systemd-analyze", "calendar", `--base-time=${base}`, `--iterations=${MOST}`, "--", calendar];
  const answer = await runWell(words, { env: { TZ: zone, LANG: "C" } });
  const instants = [...answer.matchAll(/: \w{3} (\d{4}-\d\d-\d\d) (\d\d:\d\d):\d\d UTC$/gm)].map(
    ([, date, time]) => `${date}T${time}Z`,
  );
  const end = minute(to);
  const last = instants.at(-1);
  if (instants.length >= MOST && last !== undefined && last < end)
    throw new Error(`${calendar} elapses too often to be told`);
  return instants.filter((at) => at < end);
}
