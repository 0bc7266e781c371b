import { stripVTControlCharacters } from "node:util";
import { Option } from "commander";
import type { Actor } from "../control/reap.ts";
import { UsageError } from "../errors.ts";
import { type Host, userName } from "../host.ts";
import { connectorIdFault, type PipelineId } from "../pipeline-id.ts";
import { EXPORTERS } from "../schedulers/registry.ts";
import type { Exporter } from "../schedulers/scheduler.ts";
import { nearestWord } from "../text/suggest.ts";

export const CRON = "cron";

const SCHEDULERS = [CRON, ...EXPORTERS.map(({ name }) => name)];

/** `--on`, the same for every command that has it. */
export const onOption = (): Option =>
  new Option("--on <scheduler>", `which scheduler: ${SCHEDULERS.join(", ")}`).default(CRON).argParser(knownScheduler);

function knownScheduler(word: string): string {
  if (SCHEDULERS.includes(word)) return word;
  const near = nearestWord(word, SCHEDULERS);
  throw new UsageError(
    `--on: unknown scheduler ${JSON.stringify(word)}${near === undefined ? "" : `; did you mean ${near}?`}`,
    `Use one of ${SCHEDULERS.join(", ")}.`,
  );
}

/**
 * Loads the code for a scheduler other than cron.
 *
 * @param on a value that `onOption` accepted
 */
export async function loadExporter(on: string): Promise<Exporter> {
  const row = EXPORTERS.find(({ name }) => name === on);
  if (row === undefined) throw new Error(`no exporter is called ${on}`);
  return row.load();
}

/** Throws if an option for cron is used with another scheduler. */
export function demandCron(on: string, option: string, isGiven: boolean): void {
  if (on === CRON || !isGiven) return;
  throw new UsageError(
    `${option} and --on ${on} exclude each other`,
    `Remove ${option}: it applies only to the crontab.`,
  );
}

/** The options of a command that name a pipeline. */
export interface PipelineWish {
  readonly tap?: string;
  readonly target?: string;
}

/**
 * @param otherwise the alternative for the hint, such as `or use --all`
 * @throws UsageError
 */
export function pipelineWished({ tap, target }: PipelineWish, otherwise: string): PipelineId {
  if (tap === undefined || target === undefined) {
    const missing = tap === undefined ? (target === undefined ? "--tap and --target are" : "--tap is") : "--target is";
    throw new UsageError(`${missing} missing`, `Name the pipeline with --tap ID --target ID, ${otherwise}.`);
  }
  for (const [name, id] of [
    ["tap", tap],
    ["target", target],
  ] as const) {
    const fault = connectorIdFault(id);
    if (fault !== undefined) throw new UsageError(`--${name}: ${JSON.stringify(id)} ${fault}`);
  }
  return { tap, target };
}

const LONGEST = 200;

/**
 * The user of this command, for the history.
 *
 * @param why the text of `--why`; it is reduced to one line without control sequences
 */
export function actorOf(host: Host, why: string | undefined): Actor {
  const text = why === undefined ? undefined : stripVTControlCharacters(why).replace(/\s+/g, " ").trim();
  if (text !== undefined && text.length > LONGEST) {
    throw new UsageError(
      `--why is ${text.length} characters long; at most ${LONGEST} are allowed`,
      "Shorten it to one sentence.",
    );
  }
  return { by: `${userName(host)} on host ${host.name}`, why: text === "" ? undefined : text };
}
