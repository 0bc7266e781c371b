import { dirname, isAbsolute, join, resolve } from "node:path";
import { errorCode, SchedError, StoreError, UsageError } from "../errors.ts";
import type { Host } from "../host.ts";
import { CONTROL_CHARACTER } from "../text/control-characters.ts";
import { limitTime } from "./deadline.ts";
import { lstat, realpath, stat } from "./fs.ts";
import { othersCanReplaceEntries } from "./modes.ts";
import { ioError } from "./store-error.ts";

/** The config directory as the user named it, in order of priority. The environment and the default come last. */
export interface ConfigDirOptions {
  /** `--config-dir` */
  readonly flag?: string | undefined;
  /** `pipelinewise.config_dir` of a schedule, as written; a relative path starts at `directory`, the schedule's directory. */
  readonly file?: { readonly value: string; readonly directory: string } | undefined;
}

type ConfigDirHost = Pick<Host, "env" | "cwd">;

/** The user's home directory from HOME. @throws UsageError if HOME is not set */
function homeDirectory({ env }: Pick<Host, "env">): string {
  const home = env["HOME"];
  if (home !== undefined && isAbsolute(home)) return home;
  throw new UsageError(
    home === undefined || home === "" ? "HOME is not set" : `HOME is ${JSON.stringify(home)}, not an absolute path`,
    "Set HOME, or name the config directory with --config-dir DIR or PIPELINEWISE_CONFIG_DIRECTORY.",
  );
}

/**
 * Throws if a path contains a control character: in a crontab or a unit the rest of the path would be a line of its
 * own.
 *
 * @param what it is the path of, such as `the schedule file`
 */
export function assertPlainPath(what: string, path: string): void {
  const found = CONTROL_CHARACTER.exec(path)?.[0];
  if (found === undefined) return;
  const code = found.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0");
  const shown = path.replace(new RegExp(CONTROL_CHARACTER, "gu"), "\u{FFFD}");
  throw new UsageError(
    `the path of ${what} contains the control character U+${code}: ${shown}`,
    "Rename the file or the directory.",
  );
}

/** An absolute path: a leading `~/` means the home directory, a relative path starts at `directory`. */
export function absolutePath(path: string, directory: string, host: Pick<Host, "env">): string {
  if (path === "~" || path.startsWith("~/")) return join(homeDirectory(host), path.slice(1));
  if (path.startsWith("~")) {
    throw new UsageError(`${path}: ~USER is not supported`, "Write an absolute path.");
  }
  return resolve(directory, path);
}

/**
 * The config directory that the user names for one command, as written: option, then environment; `undefined` if
 * neither does.
 */
export const namedConfigDir = ({ env }: Pick<Host, "env">, flag?: string): string | undefined =>
  flag ?? (env["PIPELINEWISE_CONFIG_DIRECTORY"] || undefined);

/**
 * The absolute path of the config directory as it was named: option, then schedule file, then environment, then default.
 * Does not access the file system.
 */
export function configDirPath(host: ConfigDirHost, wish: ConfigDirOptions = {}): string {
  if (wish.flag !== undefined) return absolutePath(wish.flag, host.cwd, host);
  if (wish.file !== undefined) return absolutePath(wish.file.value, wish.file.directory, host);
  const named = namedConfigDir(host);
  if (named !== undefined) return absolutePath(named, host.cwd, host);
  return join(homeDirectory(host), ".pipelinewise");
}

/** Whether only root can change a directory and its path. @param path links resolved */
async function isRootsAlone(path: string): Promise<boolean> {
  if (othersCanReplaceEntries(await lstat(path))) return false;
  return path === "/" || isRootsAlone(dirname(path));
}

/**
 * The config directory with its links resolved. `~/.pipelinewise` is often a link to a network file system; all other code
 * uses the resolved path.
 *
 * As root, opens it too where other users can change the directory or its path: every later step then starts at the open
 * directory (`anchor.ts`).
 */
export async function resolveConfigDir(
  host: ConfigDirHost & Pick<Host, "uid">,
  wish: ConfigDirOptions = {},
): Promise<string> {
  const named = configDirPath(host, wish);
  try {
    const path = await realpath(named);
    assertPlainPath("the config directory", path);
    if ((await stat(path)).isDirectory()) {
      if (host.uid !== 0 || (path === named && (await isRootsAlone(path)))) return path;
      const { enterConfigDir } = await import("./anchored.ts");
      return await limitTime(enterConfigDir(named), named);
    }
  } catch (error) {
    if (error instanceof SchedError) throw error;
    if (errorCode(error) !== "ENOENT") throw ioError("open the config directory", named, error);
    throw new StoreError(`the config directory ${named} does not exist`, {
      cause: error,
      hint: "Create it with `pipelinewise import` before you install a schedule, or name another one with --config-dir DIR or PIPELINEWISE_CONFIG_DIRECTORY.",
    });
  }
  throw new StoreError(`the config directory ${named} is not a directory`, {
    hint: "Name the directory that `pipelinewise import` writes to, with --config-dir DIR or PIPELINEWISE_CONFIG_DIRECTORY.",
  });
}
