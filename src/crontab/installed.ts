import { resolve } from "node:path";
import { listScheduleNames } from "../compiled/store.ts";
import { resolveConfigDir } from "../config-dir.ts";
import { EXIT, SchedError, UsageError } from "../errors.ts";
import type { Host } from "../host.ts";
import { findStateFolder } from "../state-folder.ts";
import { statePaths } from "../state-paths.ts";
import { findBlocks } from "./block.ts";
import { readStoredFiles } from "./found.ts";

/** How the user names an installed schedule: by its file, by its name, or, when there is but one, not at all. */
export interface InstalledWish {
  readonly file?: string | undefined;
  readonly name?: string | undefined;
  /** `--config-dir` */
  readonly configDir?: string | undefined;
}

/** A schedule that is installed here: in the crontab, in a config directory, or in both. */
export interface Installed {
  readonly name: string;
  /** Absolute path of its file; `undefined` where its stored text is garbled. */
  readonly source: string | undefined;
  readonly configDir: string;
}

/** All that is installed here, of the crontab and of the config directory that a command without a schedule means. */
export async function listInstalled(text: string, flag: string | undefined, host: Host): Promise<readonly Installed[]> {
  const found = new Map<string, Installed>();
  const blocks = findBlocks(text);
  const chosen = await resolveConfigDir(host, { flag }).catch((error) => {
    // A block says itself where its state lies, so an unknown default is no obstacle to it.
    if (flag === undefined && blocks.length > 0 && error instanceof SchedError) return undefined;
    throw error;
  });
  if (chosen !== undefined && (await findStateFolder(chosen, host.uid)) !== undefined) {
    const paths = statePaths(chosen);
    for (const name of await listScheduleNames(paths)) {
      const { meaning, hostText } = await readStoredFiles(paths, name, host);
      if (hostText !== undefined) found.set(name, { name, source: meaning?.source.path, configDir: chosen });
    }
  }
  for (const { mark } of blocks) {
    if (flag !== undefined && mark.configDir !== chosen) continue;
    found.set(mark.name, mark);
  }
  return [...found.values()];
}

/** The one installed schedule that is meant; throws where none or several may be. */
export function chooseInstalled(installed: readonly Installed[], { file, name }: InstalledWish, host: Host): Installed {
  if (file !== undefined && name !== undefined)
    throw new UsageError("a file and --name were given", "Give one of them.");
  const source = file === undefined ? undefined : resolve(host.cwd, file);
  const meant = installed.filter(
    (one) => (name === undefined || one.name === name) && (source === undefined || one.source === source),
  );
  const [only] = meant;
  if (only !== undefined && meant.length === 1) return only;
  const names = installed.map((one) => `${one.name}${one.source === undefined ? "" : ` (${one.source})`}`).join(", ");
  if (only !== undefined)
    throw new UsageError(`${meant.length} schedules are installed: ${names}`, "Name one: --name NAME.");
  const what = source ?? name;
  throw new SchedError(what === undefined ? "no schedule is installed here" : `no schedule ${what} is installed here`, {
    exitCode: EXIT.noInput,
    hint:
      names === ""
        ? "Where its config directory is not the default, name it: --config-dir DIR."
        : `Installed: ${names}.`,
  });
}
