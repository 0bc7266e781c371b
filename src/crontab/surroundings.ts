import { constants } from "node:fs";
import { join } from "node:path";
import { entryLabel } from "../command/request.ts";
import { EXIT, errorCode, errorMessage, SchedError } from "../errors.ts";
import { findProgram } from "../find-program.ts";
import type { Host } from "../host.ts";
import { open } from "../open-file.ts";
import type { Pipeline } from "../schedule/schedule.ts";

/** Throws where our own program lies in a place that will be gone when cron looks for it. */
export function demandLastingProgram(program: string): void {
  if (!program.includes("/_npx/")) return;
  throw new SchedError(`${program} lies in npx's temporary folder, which npm clears when it likes`, {
    exitCode: EXIT.usage,
    hint: "Install it for good, then use that: `npm install --global pipelinewise-sched`.",
  });
}

/** How PipelineWise is called from cron: the program by its absolute path, then its leading words as they are. */
export async function resolveCommand(command: readonly string[], host: Pick<Host, "env">): Promise<readonly string[]> {
  const [program = "pipelinewise", ...words] = command;
  return [await findProgram(program, host.env["PATH"]), ...words];
}

interface KnownTap {
  readonly id?: unknown;
  readonly enabled?: unknown;
}
interface KnownTarget {
  readonly id?: unknown;
  readonly taps?: readonly KnownTap[];
}

/** The targets of PipelineWise's own config.json; what is not of its shape is passed over. */
function targetsOf(text: string): readonly KnownTarget[] {
  const config: unknown = JSON.parse(text);
  const targets = typeof config === "object" && config !== null && "targets" in config ? config.targets : undefined;
  if (!Array.isArray(targets)) throw new SyntaxError("it lists no targets");
  return targets.filter((target) => typeof target === "object" && target !== null);
}

function pipelineWarning(pipeline: Pipeline, targets: readonly KnownTarget[], file: string): string | undefined {
  const target = targets.find(({ id }) => id === pipeline.target);
  if (target === undefined) return `${entryLabel(pipeline)}: ${file} knows no target ${pipeline.target}`;
  const taps = Array.isArray(target.taps) ? target.taps : [];
  const tap = taps.find((known) => known?.id === pipeline.tap);
  if (tap === undefined)
    return `${entryLabel(pipeline)}: ${file} knows no tap ${pipeline.tap} of the target ${pipeline.target}`;
  return tap.enabled === false
    ? `${entryLabel(pipeline)}: the tap is disabled in ${file}, and its runs will fail`
    : undefined;
}

/** What PipelineWise would not run, as its own `config.json` tells (`pipelinewise import` writes it); one sentence each. */
export async function pipelinewiseWarnings(
  configDir: string,
  pipelines: readonly Pipeline[],
): Promise<readonly string[]> {
  const file = join(configDir, "config.json");
  try {
    const config = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const targets = targetsOf(await config.readText("utf8").finally(() => config.close()));
    const warnings = pipelines.map((pipeline) => pipelineWarning(pipeline, targets, file));
    return [...new Set(warnings.filter((warning) => warning !== undefined))];
  } catch (error) {
    const why = errorCode(error) === "ENOENT" ? "there is none" : errorMessage(error);
    return [`no tap or target was looked up in ${file}: ${why}; \`pipelinewise import\` makes it`];
  }
}
