import { dirname } from "node:path";
import { type Host, userName } from "../host.ts";
import { machineFingerprint } from "../installed/former-host.ts";
import type { StoredInstall } from "../installed/schedule.ts";
import { needsTend } from "../installed/tend-needs.ts";
import type { Diagnostic } from "../schedule/diagnostic.ts";
import type { Schedule } from "../schedule/schedule.ts";
import { sameSource, type TakeOver } from "../schedulers/owner-mark.ts";
import {
  type InstallJob,
  type PreparedInstall,
  type PreparedRestore,
  planChangesSomething,
  type Scheduler,
} from "../schedulers/scheduler.ts";
import { absolutePath, resolveConfigDir } from "../storage/config-dir.ts";
import { configDirWarnings } from "../storage/directory.ts";
import { ANY_HOST, type StatePaths, statePaths } from "../storage/paths.ts";
import { holdSignals } from "../system/hold-signals.ts";
import { localtimeFingerprint } from "../system/localtime.ts";
import { withRollback } from "./apply.ts";
import { entryConflicts, nameConflicts } from "./conflicts.ts";
import { readOthers, readStoredFiles, type StoredFiles } from "./find-installed.ts";
import { findFormerInstall } from "./former-install.ts";
import type { ResolvedPrograms } from "./pipelinewise.ts";
import { changesFiles, planStored, type StoredPlan } from "./plan.ts";

/**
 * Location of a schedule's state.
 *
 * @param flag `--config-dir`
 */
export async function scheduleState(
  { pipelinewise, source }: Schedule,
  flag: string | undefined,
  host: Host,
): Promise<StatePaths> {
  const { configDir } = pipelinewise;
  const file = configDir === undefined ? undefined : { value: configDir, directory: dirname(source.path) };
  return statePaths(await resolveConfigDir(host, { flag, file }));
}

/**
 * The input for writing a schedule to a scheduler.
 *
 * @param isExport whether the commands are for another machine, so that no stored schedule is written with them
 */
export function installJob(
  schedule: Schedule,
  {
    scheduler,
    call,
    machineZone,
    at,
    isExport = false,
  }: Pick<InstallJob, "call" | "machineZone" | "at"> & { scheduler: Scheduler; isExport?: boolean },
): InstallJob {
  const { hasWorkers } = scheduler;
  const checkTimes = hasWorkers || isExport ? { zone: hasWorkers ? machineZone : undefined } : undefined;
  return {
    schedule,
    call: { ...call, checkTimes, isOnPath: hasWorkers && call.isOnPath === true },
    isTended: needsTend({ ...schedule, entries: schedule.pipelines }),
    machineZone,
    horizon: scheduler.horizon(at),
    at,
  };
}

export interface InstallOptions {
  /** Take over a name that is installed from elsewhere. */
  readonly replace: boolean;
  /** Store the schedule for runs that the scheduler starts; leave the scheduler alone. */
  readonly compileOnly: boolean;
}

/** A schedule that passed the checks of an install on this machine. */
export interface CheckedJob {
  readonly job: InstallJob;
  readonly paths: StatePaths;
  readonly resolved: ResolvedPrograms;
}

/** A planned install. Nothing has been written yet. */
export interface PlannedInstall {
  readonly paths: StatePaths;
  readonly stored: StoredPlan;
  /** The changes at the scheduler; `undefined` with --compile-only. */
  readonly prepared: PreparedInstall | undefined;
  /** Warnings for the user, one sentence each. */
  readonly warnings: readonly string[];
  readonly isNoOp: boolean;
}

/** The conflicts of a schedule with those that are installed in its config directory. */
interface Conflicts {
  readonly ofName: readonly Diagnostic[];
  readonly ofEntries: readonly Diagnostic[];
}

/** Finds the conflicts of a schedule with those that are installed. */
export async function findConflicts(schedule: Schedule, paths: StatePaths, host: Host): Promise<Conflicts> {
  const found = await readStoredFiles(paths, schedule.name, host);
  const install = found.host ?? (await findFormer(paths, found, host)).former?.host;
  const { others } = await readOthers(paths, schedule.name, host);
  return {
    ofName: nameConflicts(schedule, userName(host), { storedSchedule: found.storedSchedule, install }),
    ofEntries: entryConflicts(schedule, others),
  };
}

/** Inspects the machine and the scheduler, and plans an install. Writes nothing. */
export async function planInstall(
  scheduler: Scheduler,
  { job, paths, resolved }: CheckedJob,
  options: InstallOptions,
  host: Host,
): Promise<PlannedInstall> {
  const { schedule, call, machineZone } = job;
  const found = await readStoredFiles(paths, schedule.name, host);
  const { former, warnings: ofFormer } = await findFormer(paths, found, host);
  const earlier = found.host ?? former?.host;
  const home = pipelinewiseHome(host, earlier);
  const { warnings } = await readOthers(paths, schedule.name, host);
  const takeOver: TakeOver = {
    replace: options.replace,
    isSameSource: sameSource(schedule.source.path, { goneCounts: earlier !== undefined }),
  };
  const prepared = options.compileOnly ? undefined : await scheduler.prepareInstall(job, host, takeOver);
  const stored = planStored(
    { ...found, former },
    {
      schedule,
      paths,
      envFile: pathOf(schedule.pipelinewise.envFile, schedule, host),
      metricsFile: pathOf(schedule.metrics?.file, schedule, host),
      resolved: {
        host: host.name,
        user: userName(host),
        machine: host.name === ANY_HOST ? undefined : machineFingerprint(host.root),
        ...resolved,
        node: call.node,
        program: call.program,
        pipelinewiseHome: home.path,
        machineZone,
      },
      zoneData: { data: host.tzdata, localtime: localtimeFingerprint(host.root) },
      at: host.now(),
      scheduler: { name: scheduler.name, candidates: scheduler.candidates(job), stored: prepared?.stored },
    },
  );
  return {
    paths,
    stored,
    prepared,
    warnings: [
      ...(await configDirWarnings(paths.configDir, host.uid)),
      ...warnings,
      ...ofFormer,
      ...home.warnings,
      ...(prepared?.plan.warnings ?? []),
    ],
    isNoOp: !changesFiles(stored) && (prepared === undefined || !planChangesSomething(prepared.plan)),
  };
}

/** Looks for this machine's install under an earlier name, unless it has one under its present name. */
const findFormer = async (
  paths: StatePaths,
  { installText, storedSchedule }: StoredFiles,
  host: Host,
): ReturnType<typeof findFormerInstall> =>
  installText !== undefined || storedSchedule === undefined || host.name === ANY_HOST
    ? { former: undefined, warnings: [] }
    : findFormerInstall(paths, storedSchedule, host);

/** A path that a schedule file names, as an absolute one. */
const pathOf = (path: string | undefined, { source }: Schedule, host: Host): string | undefined =>
  path === undefined ? undefined : absolutePath(path, dirname(source.path), host);

/**
 * The PIPELINEWISE_HOME for the runs. A shell that does not set it says nothing about it, so the one of the last
 * install stays: PipelineWise would not find its connectors without it. An empty one removes it.
 */
function pipelinewiseHome(
  host: Host,
  before: StoredInstall | undefined,
): { readonly path: string | undefined; readonly warnings: readonly string[] } {
  const home = host.env["PIPELINEWISE_HOME"];
  const kept = home === undefined ? before?.pipelinewiseHome : undefined;
  if (kept === undefined) return { path: home ? absolutePath(home, host.cwd, host) : undefined, warnings: [] };
  return {
    path: kept,
    warnings: [
      `PIPELINEWISE_HOME is not set, so the runs keep the one of the last install, ${kept}; to change it, set it and install again; to remove it, install with PIPELINEWISE_HOME=''`,
    ],
  };
}

/**
 * Applies a planned install: the stored schedule is written first, because the scheduler may start a run at once.
 *
 * @returns notes for the user, one sentence each
 */
export const applyInstall = ({ paths, stored, prepared }: PlannedInstall, host: Host): Promise<readonly string[]> =>
  holdSignals(
    host.signals,
    () => withRollback(stored.files, paths, host, async () => (await prepared?.apply()) ?? []),
    { done: "the install is complete" },
  );

/** Applies a planned restore of a crontab and of its stored schedules, in the order of an install. */
export const applyRestore = (
  { files, apply }: PreparedRestore,
  paths: StatePaths,
  host: Host,
): Promise<readonly string[]> =>
  holdSignals(host.signals, () => withRollback(files, paths, host, apply), { done: "the crontab is restored" });
