import { isAbsolute } from "node:path";
import { type Command, Option } from "commander";
import type { WrapperCall } from "../command-line.ts";
import { UsageError } from "../errors.ts";
import { type Host, userName } from "../host.ts";
import { connectorIdError, type PipelineId, type PipelineScope } from "../pipeline-id.ts";
import type { Actor } from "../run/stop/stop-run.ts";
import { SCHEDULERS } from "../schedulers/registry.ts";
import { lastingPath } from "../system/lasting-path.ts";
import { removeEscapeSequences } from "../text/control-characters.ts";
import { nearestWord } from "../text/suggest.ts";

const NAMES = SCHEDULERS.map(({ name }) => name);

/** `--on`, the same for every command that has it. */
export const onOption = (): Option =>
  new Option("--on <scheduler>", "which scheduler").choices(NAMES).default(NAMES[0]).argParser(knownScheduler);

function knownScheduler(word: string): string {
  if (NAMES.some((name) => name === word)) return word;
  const near = nearestWord(word, NAMES);
  throw new UsageError(
    `--on: unknown scheduler ${JSON.stringify(word)}${near === undefined ? "" : `; did you mean ${near}?`}`,
    `Use one of ${NAMES.join(", ")}.`,
  );
}

/** Values of the options that `withCallOptions` adds. */
export interface CallFlags {
  readonly node?: string;
  readonly program?: string;
}

/** Adds `--node` and `--program`: the paths in the commands that a scheduler runs. */
export const withCallOptions = (command: Command, machine: string): Command =>
  command
    .option("--node <path>", `path of Node on ${machine} (default: the Node that runs this command)`)
    .option(
      "--program <path>",
      `path of pipelinewise-sched on ${machine} (default: this program; for Airflow and Cronicle pipelinewise-sched, as found on the PATH)`,
    );

/**
 * The paths for the commands that a scheduler runs: those given, otherwise this machine's own.
 *
 * @throws UsageError if a path is not absolute
 */
export function callPaths(
  { node, program }: CallFlags,
  host: Host,
): Pick<WrapperCall, "node" | "program" | "isOnPath"> {
  assertAbsolute("--node", node);
  assertAbsolute("--program", program);
  return {
    node: node ?? lastingPath(host.node, ["node", "nodejs"], host.env),
    program: program ?? lastingPath(host.program, ["pipelinewise-sched"], host.env),
    isOnPath: node === undefined && program === undefined,
  };
}

function assertAbsolute(option: string, path: string | undefined): void {
  if (path === undefined || isAbsolute(path)) return;
  throw new UsageError(
    `${option} ${path} is not an absolute path`,
    "Write the absolute path: a scheduler has no working directory.",
  );
}

/** The options of a command that name a pipeline. */
export interface PipelineSelector {
  readonly tap?: string;
  readonly target?: string;
}

/**
 * The pipeline that `--tap` and `--target` name.
 *
 * @param otherwise the alternative for the hint, such as `or use --all`
 * @throws UsageError
 */
export function parsePipelineSelector({ tap, target }: PipelineSelector, otherwise: string): PipelineId {
  if (tap === undefined || target === undefined) {
    const missing = tap === undefined ? (target === undefined ? "--tap and --target are" : "--tap is") : "--target is";
    throw new UsageError(`${missing} missing`, `Name the pipeline with --tap ID --target ID, ${otherwise}.`);
  }
  assertConnectorId("tap", tap);
  assertConnectorId("target", target);
  return { tap, target };
}

function assertConnectorId(option: string, id: string): void {
  const fault = connectorIdError(id);
  if (fault !== undefined) throw new UsageError(`--${option}: ${JSON.stringify(id)} ${fault}`);
}

/** The options of a command that name a scope. */
export interface ScopeSelector extends PipelineSelector {
  readonly all?: boolean;
}

/** Adds the options that name a scope. @param verb what the command does with the pipelines */
export const withScopeOptions = (command: Command, verb: string): Command =>
  command
    .option("--tap <tap>", `tap of the pipeline to ${verb}`)
    .option("--target <target>", `target of the pipeline; without --tap, ${verb} all pipelines into it`)
    .addOption(new Option("--all", `${verb} all pipelines`).conflicts(["tap", "target"]));

/**
 * The pipelines that `--tap` and `--target`, `--target` alone, or `--all` name.
 *
 * @throws UsageError
 */
export function parseScope({ all = false, tap, target }: ScopeSelector): PipelineScope {
  if (all) return {};
  if (tap === undefined && target !== undefined) {
    assertConnectorId("target", target);
    return { target };
  }
  const selector = { ...(tap === undefined ? {} : { tap }), ...(target === undefined ? {} : { target }) };
  return parsePipelineSelector(selector, "all pipelines into a target with --target ID, or all with --all");
}

const LONGEST = 200;

/**
 * The user of this command, for the history.
 *
 * @param given the text of `--reason`; it is reduced to one line without control sequences
 */
export function actorOf(host: Host, given: string | undefined): Actor {
  const text = given === undefined ? undefined : removeEscapeSequences(given).replace(/\s+/g, " ").trim();
  if (text !== undefined && text.length > LONGEST) {
    throw new UsageError(
      `--reason is ${text.length} characters long; at most ${LONGEST} are allowed`,
      "Shorten it to one sentence.",
    );
  }
  return { by: `${userName(host)} on host ${host.name}`, reason: text === "" ? undefined : text };
}
