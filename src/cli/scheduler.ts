import { Option } from "commander";
import { UsageError } from "../errors.ts";
import type { Exporter } from "../exporters/exporter.ts";
import { EXPORTERS } from "../exporters/registry.ts";
import { nearestWord } from "../schedule/nearest.ts";

export const CRON = "cron";

const SCHEDULERS = [CRON, ...EXPORTERS.map(({ name }) => name)];

/** `--on`, the same for every command that has it. */
export const onOption = (): Option =>
  new Option("--on <scheduler>", `which scheduler: ${SCHEDULERS.join(", ")}`).default(CRON).argParser(knownScheduler);

function knownScheduler(word: string): string {
  if (SCHEDULERS.includes(word)) return word;
  const near = nearestWord(word, SCHEDULERS);
  throw new UsageError(
    `--on: there is no scheduler ${JSON.stringify(word)} here${near === undefined ? "" : `, the nearest is ${near}`}`,
    `There are ${SCHEDULERS.join(", ")}.`,
  );
}

/** What writes for a scheduler other than cron. @param on a word that `onOption` has let through */
export async function loadExporter(on: string): Promise<Exporter> {
  const row = EXPORTERS.find(({ name }) => name === on);
  if (row === undefined) throw new Error(`no exporter is called ${on}`);
  return row.load();
}

/** Throws where an option of cron's is given for another scheduler. */
export function demandCron(on: string, option: string, isGiven: boolean): void {
  if (on === CRON || !isGiven) return;
  throw new UsageError(`${option} and --on ${on} exclude each other`, `${option} is about the crontab alone.`);
}
