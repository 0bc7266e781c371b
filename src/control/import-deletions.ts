import { constants } from "node:fs";
import { join } from "node:path";
import { EXIT, errorCode, SchedError } from "../errors.ts";
import type { PipelineId } from "../pipeline-id.ts";
import { open, readdir } from "../storage/fs.ts";
import { ioError } from "../storage/store-error.ts";

/** A pipeline as the name of its directory: `redshift/orders`. */
export const directoryName = ({ tap, target }: PipelineId): string => `${target}/${tap}`;

/** The files of a project that define taps, as PipelineWise chooses them. */
const TAP_FILE = /^tap_.*\.ya?ml$/;
const TARGET_FILE = /^target_.*\.ya?ml$/;

/**
 * The value of a key at the top level of a tap's file. The file is not parsed as YAML, because it may contain templates
 * (`{{ env_var['X'] }}`), which PipelineWise replaces first.
 */
function topLevelValue(key: string, text: string): string | undefined {
  const [, value] =
    new RegExp(`^${key}:[ \\t]*(["']?)([A-Za-z0-9_.-]+)\\1[ \\t]*(?:#.*)?$`, "m").exec(text)?.slice(1) ?? [];
  return value;
}

/**
 * The pipelines that a PipelineWise project defines in its `tap_*.yml`.
 *
 * @throws SchedError if it is not the directory of a project, or if a file does not show the ids of its tap and target
 */
export async function readProject(directory: string): Promise<readonly PipelineId[]> {
  let names: readonly string[];
  try {
    names = await readdir(directory);
  } catch (error) {
    if (errorCode(error) === "ENOENT") {
      throw new SchedError(`no such directory: ${directory}`, {
        exitCode: EXIT.noInput,
        hint: "Name the directory of the PipelineWise project with --dir.",
      });
    }
    throw ioError("read the project directory", directory, error);
  }
  if (!names.some((name) => TAP_FILE.test(name) || TARGET_FILE.test(name))) {
    throw new SchedError(`${directory} is not the directory of a PipelineWise project: it has no tap_*.yml`, {
      exitCode: EXIT.noInput,
      hint: "Name the directory with the tap_*.yml and target_*.yml of the project with --dir.",
    });
  }
  const files = names.filter((name) => TAP_FILE.test(name)).sort();
  return Promise.all(
    files.map(async (name) => {
      const path = join(directory, name);
      const text = await readWhole(path);
      const [tap, target] = [topLevelValue("id", text), topLevelValue("target", text)];
      if (tap !== undefined && target !== undefined) return { tap, target };
      throw new SchedError(`${path} has no plain \`${tap === undefined ? "id" : "target"}: ID\` at its top level`, {
        exitCode: EXIT.badSchedule,
        hint: "Write the id without a template, so that this program can check which pipelines the import would delete.",
      });
    }),
  );
}

async function readWhole(path: string): Promise<string> {
  try {
    const file = await open(path, constants.O_RDONLY);
    return await file.readText("utf8").finally(() => file.close());
  } catch (error) {
    throw ioError("read", path, error);
  }
}

/**
 * Throws if the import would delete pipelines that have a state and that `--allow-delete` does not name. PipelineWise
 * deletes the files of each pipeline that the project does not define, and drops its replication slot.
 *
 * @param withState the pipelines that would be deleted and that have a state
 * @param allowed as `directoryName` writes them
 */
export function assertDeletionsAllowed(
  { deleted, withState }: { readonly deleted: readonly PipelineId[]; readonly withState: readonly PipelineId[] },
  allowed: readonly string[],
): void {
  const unknown = allowed.filter((name) => !deleted.some((pipeline) => directoryName(pipeline) === name));
  if (unknown.length > 0) {
    throw new SchedError(`--allow-delete: the import would not delete ${unknown.join(", ")}`, {
      exitCode: EXIT.usage,
      hint:
        deleted.length === 0
          ? "Remove --allow-delete: the import would delete no pipeline."
          : `It would delete ${deleted.map(directoryName).join(", ")}.`,
    });
  }
  const refused = withState.map(directoryName).filter((name) => !allowed.includes(name));
  if (refused.length === 0) return;
  throw new SchedError(
    `the import would delete ${refused.length === 1 ? "a pipeline that has" : "pipelines that have"} a state: ${refused.join(", ")}`,
    {
      exitCode: EXIT.badSchedule,
      hint: `Check --dir. If they are to be deleted, with their state and replication slots, add: --allow-delete ${refused.join(",")}`,
    },
  );
}
