import { access } from "node:fs/promises";
import { resolve } from "node:path";
import type { FileChange } from "../compiled/change.ts";
import { listScheduleHosts, listScheduleNames } from "../compiled/store.ts";
import { resolveConfigDir } from "../config-dir.ts";
import { EXIT, errorCode, SchedError, StoreError, UsageError } from "../errors.ts";
import type { Host } from "../host.ts";
import { findStateFolder } from "../state-folder.ts";
import { hostFile, meaningFile, type StatePaths, statePaths } from "../state-paths.ts";
import type { Changes } from "./act.ts";
import { findBlocks, removeBlock } from "./block.ts";
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

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    (error) => errorCode(error) !== "ENOENT",
  );

/**
 * An uninstall, worked out in full. History, logs and backups stay.
 *
 * @param text the crontab; `undefined` on a machine that has none
 */
export async function prepareUninstall(
  { name, configDir }: Installed,
  text: string | undefined,
  host: Host,
): Promise<{ readonly paths: StatePaths; readonly changes: Changes }> {
  const paths = statePaths(configDir);
  if (!(await isThere(configDir))) {
    throw new StoreError(
      `the config directory of ${name} is gone: ${configDir}; the crontab could not be kept there before the change`,
      {
        hint: "Bring it back (is the share mounted?), or take the lines between its markers out yourself: `crontab -e`.",
      },
    );
  }
  const { meaningText, hostText } = await readStoredFiles(paths, name, host);
  const elsewhere = (await listScheduleHosts(paths, name)).filter((other) => other !== host.name);
  const files: FileChange[] = [{ path: hostFile(paths, name, host.name), before: hostText, after: undefined }];
  // Other hosts' lines still read the meaning; the last one takes it away.
  if (elsewhere.length === 0) files.push({ path: meaningFile(paths, name), before: meaningText, after: undefined });
  if (text === undefined) return { paths, changes: { crontab: undefined, files } };
  const ours = findBlocks(text).some(({ mark }) => mark.name === name && mark.configDir === configDir);
  return { paths, changes: { crontab: { before: text, after: ours ? removeBlock(text, name) : text }, files } };
}
