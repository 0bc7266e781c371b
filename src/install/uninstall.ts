import { access } from "node:fs/promises";
import { EXIT, errorCode, SchedError, StoreError } from "../errors.ts";
import type { Host } from "../host.ts";
import { encodeStored } from "../installed/decode.ts";
import { type StoredInstall, schedulersOf } from "../installed/schedule.ts";
import { withoutScheduler } from "../installed/schedulers.ts";
import { listScheduleHosts } from "../installed/store.ts";
import type { FileChange } from "../installed/transaction.ts";
import { type PreparedPlan, planChangesSomething, type Scheduler } from "../schedulers/scheduler.ts";
import { resolveConfigDir } from "../storage/config-dir.ts";
import { installFile, type StatePaths, scheduleFile, statePaths } from "../storage/paths.ts";
import { holdSignals } from "../system/hold-signals.ts";
import { withRollback } from "./apply.ts";
import { type FilesOfHost, type Installed, readFilesOfHost } from "./find-installed.ts";

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
async function requireState({ name, configDir }: Installed, scheduler: Scheduler, host: Host): Promise<StatePaths> {
  if (await isThere(configDir)) return statePaths(await resolveConfigDir(host, { flag: configDir }));
  throw new StoreError(
    `the config directory of ${name} no longer exists: ${configDir}; it records where ${name} was installed on ${scheduler.title}`,
    {
      hint: `Restore it (check that the network file system is mounted), or ${scheduler.removeByHand}.`,
    },
  );
}

/** A planned uninstall. Nothing has been written yet. History, logs and backups stay. */
export interface PlannedUninstall {
  readonly paths: StatePaths;
  /** The changes at the scheduler; `undefined` if it is not contacted. */
  readonly prepared: PreparedPlan | undefined;
  /** Changes of the stored files. */
  readonly files: readonly FileChange[];
  /** Other schedulers that start the schedule on this host, so that it stays stored. */
  readonly others: readonly string[];
}

/**
 * Plans an uninstall from one scheduler.
 *
 * @param options.forget do not contact the scheduler
 * @throws SchedError (66) if this host has not installed the schedule there
 */
export async function planUninstall(
  scheduler: Scheduler,
  installed: Installed,
  { forget }: { readonly forget: boolean },
  host: Host,
): Promise<PlannedUninstall> {
  const { name, configDir } = installed;
  const paths = await requireState(installed, scheduler, host);
  const stored = await readFilesOfHost(paths, name, host);
  const on = stored.host === undefined ? [] : schedulersOf(stored.host);
  const others = on.filter((other) => other !== scheduler.name);
  const isStored = on.includes(scheduler.name);
  const namesItself = scheduler.listInstalled !== undefined;
  if (!isStored && !namesItself) throw notInstalled(name, scheduler, others);
  const place = stored.host?.on?.[scheduler.name]?.place ?? {};
  const prepared = forget ? undefined : await scheduler.prepareUninstall({ name, configDir, place, isStored }, host);
  const isInstalled = isStored || (prepared !== undefined && planChangesSomething(prepared.plan));
  if (!isInstalled && others.length > 0) throw notInstalled(name, scheduler, others);
  // An uninstall from the scheduler that needs no stored location also removes what `--compile-only` stored.
  const stays = others.length > 0 || (!namesItself && stored.host?.compileOnly === true);
  const left = stays && stored.host !== undefined ? withoutScheduler(stored.host, scheduler.name) : undefined;
  return { paths, prepared, files: await storedChanges(paths, { name, ...stored }, left), others };
}

function notInstalled(name: string, { name: on }: Scheduler, others: readonly string[]): SchedError {
  return new SchedError(`the schedule ${name} was not installed on ${on} from this host`, {
    exitCode: EXIT.noInput,
    hint:
      others.length === 0
        ? "If it was installed from another host, uninstall it from that host."
        : `From this host it is installed on ${others.join(" and ")}: uninstall --on ${others[0]} --name ${name}`,
  });
}

/**
 * Changes of the stored files when one scheduler is removed: the host's file is deleted with its last scheduler, the
 * schedule with its last host.
 */
async function storedChanges(
  paths: StatePaths,
  {
    name,
    hostName,
    scheduleText,
    installText,
  }: Pick<FilesOfHost, "scheduleText" | "installText" | "hostName"> & { readonly name: string },
  left: StoredInstall | undefined,
): Promise<readonly FileChange[]> {
  const own = { path: installFile(paths, name, hostName), before: installText };
  if (left !== undefined) return [{ ...own, after: encodeStored(left) }];
  const otherHosts = (await listScheduleHosts(paths, name)).filter((other) => other !== hostName);
  const files = [{ ...own, after: undefined }];
  return otherHosts.length > 0
    ? files
    : [...files, { path: scheduleFile(paths, name), before: scheduleText, after: undefined }];
}

/**
 * Applies a planned uninstall: the scheduler first, so that it never starts what is no longer stored.
 *
 * @returns notes for the user, one sentence each
 */
export function applyUninstall({ paths, prepared, files }: PlannedUninstall, host: Host): Promise<readonly string[]> {
  const step = async (): Promise<readonly string[]> => {
    const notes = (await prepared?.apply()) ?? [];
    await withRollback(files, paths, host, async () => {});
    return notes;
  };
  return holdSignals(host.signals, step, { done: "the uninstall is complete" });
}
