import { access } from "node:fs/promises";
import { EXIT, errorCode, SchedError, StoreError } from "../errors.ts";
import type { Host } from "../host.ts";
import { encodeCompiled } from "../installed/decode.ts";
import type { HostSchedule, OnScheduler } from "../installed/schedule.ts";
import { listScheduleHosts } from "../installed/store.ts";
import type { FileChange } from "../installed/transaction.ts";
import { findBlocks, removeBlock } from "../schedulers/cron/block.ts";
import { resolveConfigDir } from "../storage/config-dir.ts";
import { hostFile, meaningFile, type StatePaths, statePaths } from "../storage/paths.ts";
import type { Changes } from "./apply.ts";
import { type Installed, readStoredFiles, type StoredFiles } from "./find-installed.ts";

const isThere = (path: string): Promise<boolean> =>
  access(path).then(
    () => true,
    (error) => errorCode(error) !== "ENOENT",
  );

/**
 * The paths of an installed schedule's state.
 *
 * @throws StoreError if its config directory does not exist
 */
async function demandConfigDir(
  { name, configDir }: Installed,
  host: Host,
  { loss, otherWay = "" }: { readonly loss: string; readonly otherWay?: string },
): Promise<StatePaths> {
  if (await isThere(configDir)) return statePaths(await resolveConfigDir(host, { flag: configDir }));
  throw new StoreError(`the config directory of ${name} no longer exists: ${configDir}; ${loss}`, {
    hint: `Restore it (check that the network file system is mounted)${otherWay}.`,
  });
}

/**
 * Changes to the stored files when one scheduler is removed: the host's file is deleted with its last scheduler, the
 * schedule with its last host.
 */
async function storedChanges(
  paths: StatePaths,
  { name, meaningText, hostText }: Pick<StoredFiles, "meaningText" | "hostText"> & { readonly name: string },
  host: Host,
  left: HostSchedule | undefined,
): Promise<readonly FileChange[]> {
  const own = { path: hostFile(paths, name, host.name), before: hostText };
  if (left !== undefined) return [{ ...own, after: encodeCompiled(left) }];
  const elsewhere = (await listScheduleHosts(paths, name)).filter((other) => other !== host.name);
  const files = [{ ...own, after: undefined }];
  return elsewhere.length > 0
    ? files
    : [...files, { path: meaningFile(paths, name), before: meaningText, after: undefined }];
}

/**
 * An uninstall from the crontab, worked out in full. History, logs and backups stay.
 *
 * @param text the crontab; `undefined` on a machine that has none
 */
export async function prepareUninstall(
  installed: Installed,
  text: string | undefined,
  host: Host,
): Promise<{ readonly paths: StatePaths; readonly changes: Changes; readonly others: readonly string[] }> {
  const { name, configDir } = installed;
  const paths = await demandConfigDir(installed, host, {
    loss: "`uninstall` could not store a backup of the crontab there",
    otherWay: ", or remove the lines between the markers by hand: `crontab -e`",
  });
  const stored = await readStoredFiles(paths, name, host);
  const ours = findBlocks(text ?? "").some(({ mark }) => mark.name === name && mark.configDir === configDir);
  const others = Object.keys(stored.host?.on ?? {});
  if (others.length > 0 && !ours && stored.host?.lines.length === 0) {
    throw new SchedError(`the schedule ${name} is not in the crontab; it is installed on ${others.join(" and ")}`, {
      exitCode: EXIT.noInput,
      hint: `Uninstall it there: uninstall --on ${others[0]} --name ${name}`,
    });
  }
  const left = stored.host === undefined || others.length === 0 ? undefined : { ...stored.host, lines: [] };
  const files = await storedChanges(paths, { name, ...stored }, host, left);
  const crontab = text === undefined ? undefined : { before: text, after: ours ? removeBlock(text, name) : text };
  return { paths, changes: { crontab, files }, others };
}

/** A plan for uninstalling from another scheduler, as far as this host knows it. */
export interface UninstallElsewhere {
  readonly paths: StatePaths;
  readonly place: OnScheduler["place"];
  /** Changes to the stored files, applied afterwards. */
  readonly files: readonly FileChange[];
  /** Other schedulers that start the schedule on this host, so that it stays stored. */
  readonly others: readonly string[];
}

/**
 * Plans an uninstall from another scheduler.
 *
 * @param on the argument of `--on`
 */
export async function prepareUninstallElsewhere(
  installed: Installed,
  on: string,
  host: Host,
): Promise<UninstallElsewhere> {
  const { name } = installed;
  const paths = await demandConfigDir(installed, host, { loss: `it records where ${name} was installed on ${on}` });
  const stored = await readStoredFiles(paths, name, host);
  const found = stored.host;
  const { [on]: own, ...rest } = found?.on ?? {};
  const others = [...((found?.lines.length ?? 0) > 0 ? ["cron"] : []), ...Object.keys(rest)];
  if (found === undefined || own === undefined) {
    throw new SchedError(`the schedule ${name} was not installed on ${on} from this host`, {
      exitCode: EXIT.noInput,
      hint:
        others.length === 0
          ? "If it was installed from another host, uninstall it from that host."
          : `From this host it is installed on ${others.join(" and ")}.`,
    });
  }
  const stays = others.length > 0 || found.compileOnly === true;
  const left = stays ? { ...found, on: Object.keys(rest).length === 0 ? undefined : rest } : undefined;
  return { paths, place: own.place, files: await storedChanges(paths, { name, ...stored }, host, left), others };
}
