import { EXIT, SchedError } from "../errors.ts";
import { listScheduleNames } from "../installed/store.ts";
import type { StatePaths } from "../storage/paths.ts";

/**
 * The error of a command that names a schedule which is not installed. Its hint lists those that are.
 *
 * @param option the command's option for the name
 */
export async function notInstalled(
  name: string,
  paths: StatePaths,
  option: "--schedule" | "--name",
): Promise<SchedError> {
  const names = await listScheduleNames(paths);
  return new SchedError(`no schedule named ${name} is installed in ${paths.configDir}`, {
    exitCode: EXIT.noInput,
    hint:
      names.length === 0
        ? "If it is installed in another config directory, name that one with --config-dir DIR."
        : `Installed: ${names.join(", ")}. Choose one with ${option} NAME.`,
  });
}
