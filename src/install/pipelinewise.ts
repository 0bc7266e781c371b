import { constants } from "node:fs";
import { join } from "node:path";
import { errorCode, errorMessage, StoreError } from "../errors.ts";
import type { Host } from "../host.ts";
import { entryLabel, type FastSyncName, isDataDiff, isFastSync, type PipelineId } from "../pipeline-id.ts";
import type { Diagnostic } from "../schedule/diagnostic.ts";
import type { Pipeline, Schedule } from "../schedule/schedule.ts";
import { open } from "../storage/fs.ts";
import { findProgram } from "../system/find-program.ts";
import { askKnownCommands, assertKnowsDataDiff, fastSyncName } from "../system/known-commands.ts";
import { nearestWord } from "../text/suggest.ts";
import { type Attempt, attempt } from "./attempt.ts";
import type { HookPrograms } from "./hook-programs.ts";

/** The command by which a run on this machine calls PipelineWise. */
export interface ResolvedCommand {
  /** An absolute path, then its leading arguments unchanged. */
  readonly command: readonly string[];
  /** PipelineWise's name of its fast sync; `undefined` if the schedule does not use it. */
  readonly fastSync: FastSyncName | undefined;
}

/** The programs that the runs on this machine start. */
export interface ResolvedPrograms extends ResolvedCommand, Pick<HookPrograms, "hookPrograms"> {}

/**
 * Looks for PipelineWise, and asks it for the name of its fast sync command only if the schedule uses one that not every
 * PipelineWise knows. The result is a diagnostic if no run could start.
 */
export async function resolveCommand(
  { pipelinewise, pipelines }: Schedule,
  host: Pick<Host, "env" | "signals">,
): Promise<Attempt<ResolvedCommand>> {
  const [program = "pipelinewise", ...words] = pipelinewise.command;
  const found = await attempt(["pipelinewise", "command"], () => findProgram(program, host.env["PATH"]));
  if ("fault" in found) return found;
  const command = [found.value, ...words];
  const fast = findEntry(pipelines, isFastSync);
  const dataDiff = findEntry(pipelines, isDataDiff);
  const needing = dataDiff ?? fast;
  if (needing === undefined) return { value: { command, fastSync: undefined } };
  const known = await attempt(needing.path, () => askKnownCommands(command, host));
  if ("fault" in known) return known;
  if (dataDiff !== undefined) {
    const checked = await attempt(dataDiff.path, () => assertKnowsDataDiff(known.value, dataDiff.label));
    if ("fault" in checked) return checked;
  }
  if (fast === undefined) return { value: { command, fastSync: undefined } };
  const named = await attempt(fast.path, () => fastSyncName(known.value, fast.label));
  return "fault" in named ? named : { value: { command, fastSync: named.value } };
}

function findEntry(pipelines: readonly Pipeline[], matches: (command: Pipeline["command"]) => boolean) {
  const index = pipelines.findIndex(({ command }) => matches(command));
  const entry = pipelines[index];
  return entry === undefined ? undefined : { path: ["pipelines", index, "command"], label: entryLabel(entry) };
}

interface KnownTap {
  readonly id?: unknown;
  readonly type?: unknown;
  readonly enabled?: unknown;
}
interface KnownTarget {
  readonly id?: unknown;
  readonly taps?: readonly KnownTap[];
}

/** PipelineWise's file of all targets and their taps. */
const mainConfigFile = (configDir: string): string => join(configDir, "config.json");

/** The targets of PipelineWise's config.json; ignores entries of another shape. */
async function readTargets(configDir: string): Promise<readonly KnownTarget[]> {
  const file = await open(mainConfigFile(configDir), constants.O_RDONLY);
  const text = await file.readText("utf8").finally(() => file.close());
  const config: unknown = JSON.parse(text);
  const targets = typeof config === "object" && config !== null && "targets" in config ? config.targets : undefined;
  if (!Array.isArray(targets)) throw new SyntaxError("it contains no list of targets");
  return targets.filter((target) => typeof target === "object" && target !== null);
}

const tapsOf = ({ taps }: KnownTarget): readonly KnownTap[] =>
  Array.isArray(taps) ? taps.filter((tap) => typeof tap === "object" && tap !== null) : [];

/** A pipeline in PipelineWise's config.json, with the tap's type, such as `tap-postgres`. */
export interface ConfiguredPipeline extends PipelineId {
  readonly type: unknown;
}

/**
 * The pipelines in PipelineWise's config.json; none if it does not exist.
 *
 * @throws StoreError if it cannot be read
 */
export async function readConfiguredPipelines(configDir: string): Promise<readonly ConfiguredPipeline[]> {
  const targets = await readTargets(configDir).catch((error) => {
    if (errorCode(error) === "ENOENT") return [];
    throw new StoreError(
      `PipelineWise's configuration ${mainConfigFile(configDir)} cannot be read: ${errorMessage(error)}`,
      {
        cause: error,
        hint: "Restore it from a backup, or import the project with PipelineWise: it writes this file.",
      },
    );
  });
  return targets.flatMap((target) =>
    tapsOf(target).flatMap((known) =>
      typeof known.id === "string" && typeof target.id === "string"
        ? { tap: known.id, target: target.id, type: known.type }
        : [],
    ),
  );
}

/** Such as `FILE does not contain the target dwh2; did you mean dwh?` */
function unknownId(what: string, id: string, known: readonly { readonly id?: unknown }[]) {
  const near = nearestWord(
    id,
    known.flatMap((one) => (typeof one.id === "string" ? [one.id] : [])),
  );
  return {
    message: `${what} ${id}${near === undefined ? "" : `; did you mean ${near}?`}`,
    hint: "Correct the id, or add it to the PipelineWise project and run `pipelinewise import`.",
  };
}

function checkPipeline(pipeline: Pipeline, targets: readonly KnownTarget[], file: string) {
  const target = targets.find(({ id }) => id === pipeline.target);
  if (target === undefined) {
    return { key: "target", ...unknownId(`${file} does not contain the target`, pipeline.target, targets) };
  }
  const taps = tapsOf(target);
  const tap = taps.find(({ id }) => id === pipeline.tap);
  if (tap === undefined) {
    const what = `${file} does not contain, for the target ${pipeline.target}, the tap`;
    return { key: "tap", ...unknownId(what, pipeline.tap, taps) };
  }
  if (tap.enabled !== false) return undefined;
  const severity = "warning" as const;
  return { key: "tap", severity, message: `the tap is disabled in ${file}, so its runs will be skipped` };
}

/** Compares the entries with PipelineWise's `config.json`, which `pipelinewise import` writes. */
export async function checkTaps(configDir: string, pipelines: readonly Pipeline[]): Promise<readonly Diagnostic[]> {
  const file = mainConfigFile(configDir);
  const path = ["pipelinewise", "config_dir"];
  try {
    const targets = await readTargets(configDir);
    return pipelines.flatMap((pipeline, index) => {
      const found = checkPipeline(pipeline, targets, file);
      return found === undefined ? [] : [{ ...found, path: ["pipelines", index, found.key] }];
    });
  } catch (error) {
    const hint = "Run `pipelinewise import`: it writes this file.";
    if (errorCode(error) === "ENOENT") {
      const message = `taps and targets could not be checked: ${file} does not exist`;
      return [{ severity: "warning", path, message, hint }];
    }
    return [{ path, message: `PipelineWise's configuration ${file} cannot be read: ${errorMessage(error)}`, hint }];
  }
}
