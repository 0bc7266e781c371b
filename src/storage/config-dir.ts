import { dirname, isAbsolute, join, resolve } from "node:path";
import { errorCode, SchedError, StoreError, UsageError } from "../errors.ts";
import type { Host } from "../host.ts";
import { answerOf } from "./deadline.ts";
import { lstat, realpath, stat } from "./fs.ts";
import { storeFault } from "./store-error.ts";

/**
 * Where the user said that the config directory is, in order of priority; the environment and the default come last.
 */
export interface ConfigDirWish {
  /** `--config-dir` */
  readonly flag?: string | undefined;
  /** `pipelinewise.config_dir` of a schedule, as written; a relative one counts from `folder`, where the schedule lies. */
  readonly file?: { readonly value: string; readonly folder: string } | undefined;
}

type Surroundings = Pick<Host, "env" | "cwd">;

/** The user's home as the environment has it; an error that names the remedy where HOME is not set. */
function homeFolder({ env }: Pick<Host, "env">): string {
  const home = env["HOME"];
  if (home !== undefined && isAbsolute(home)) return home;
  throw new UsageError(
    home === undefined || home === "" ? "HOME is not set" : `HOME is ${JSON.stringify(home)}, not an absolute path`,
    "Set HOME, or name the config directory with --config-dir DIR or PIPELINEWISE_CONFIG_DIRECTORY.",
  );
}

/** An absolute path: a leading `~/` is the home folder, a relative path counts from `folder`. */
export function absolutePath(path: string, folder: string, host: Pick<Host, "env">): string {
  if (path === "~" || path.startsWith("~/")) return join(homeFolder(host), path.slice(1));
  if (path.startsWith("~")) {
    throw new UsageError(`${path}: ~USER is not supported`, "Write an absolute path.");
  }
  return resolve(folder, path);
}

/** The config directory's path, absolute, as it was named: flag, then schedule file, then environment, then default. Looks nothing up. */
export function configDirPath(host: Surroundings, wish: ConfigDirWish = {}): string {
  if (wish.flag !== undefined) return absolutePath(wish.flag, host.cwd, host);
  if (wish.file !== undefined) return absolutePath(wish.file.value, wish.file.folder, host);
  const named = host.env["PIPELINEWISE_CONFIG_DIRECTORY"];
  if (named !== undefined && named !== "") return absolutePath(named, host.cwd, host);
  return join(homeFolder(host), ".pipelinewise");
}

const WRITABLE_BY_OTHERS = 0o022;
const STICKY = 0o1000;

/** Whether nobody but root can change a directory, or what its path means. @param path links resolved */
async function isRootsAlone(path: string): Promise<boolean> {
  const { uid, mode } = await lstat(path);
  if (uid !== 0 || ((mode & WRITABLE_BY_OTHERS) !== 0 && (mode & STICKY) === 0)) return false;
  return path === "/" || isRootsAlone(dirname(path));
}

/**
 * The config directory with its links resolved (`~/.pipelinewise` is often a link to a share): the one name by which
 * all else knows it.
 *
 * As root, opens it too where other users can change the directory or its path: every later step then starts at the open
 * directory (`anchor.ts`).
 */
export async function resolveConfigDir(
  host: Surroundings & Pick<Host, "uid">,
  wish: ConfigDirWish = {},
): Promise<string> {
  const named = configDirPath(host, wish);
  try {
    const path = await realpath(named);
    if ((await stat(path)).isDirectory()) {
      if (host.uid !== 0 || (path === named && (await isRootsAlone(path)))) return path;
      const { enterConfigDir } = await import("./anchored.ts");
      return await answerOf(enterConfigDir(named), named);
    }
  } catch (error) {
    if (error instanceof SchedError) throw error;
    if (errorCode(error) !== "ENOENT") throw storeFault("open the config directory", named, error);
    throw new StoreError(`the config directory ${named} does not exist`, {
      cause: error,
      hint: "Create it with `pipelinewise import`, or name another one with --config-dir DIR or PIPELINEWISE_CONFIG_DIRECTORY.",
    });
  }
  throw new StoreError(`the config directory ${named} is not a directory`, {
    hint: "Name the directory that `pipelinewise import` writes to, with --config-dir DIR or PIPELINEWISE_CONFIG_DIRECTORY.",
  });
}
