import { dirname } from "node:path";
import { quoteWord, tapCommand, timesDigest } from "../command-line.ts";
import { EXIT, SchedError } from "../errors.ts";
import type { Host } from "../host.ts";
import type { StoredEntry, StoredInstall, StoredSchedule, ZoneRecord } from "../installed/schedule.ts";
import {
  DEFAULT_COMMAND,
  DEFAULT_SCHEDULE_NAME,
  type EntryId,
  entryLabel,
  entryPath,
  isFastSync,
  type PipelineId,
} from "../pipeline-id.ts";
import type { Limits, Policies } from "../policies.ts";
import type { StatePaths } from "../storage/paths.ts";

/** Sources of the pipeline's environment, in addition to this process's. They are not read yet. */
export interface EnvironmentPlan {
  /** As written; values may hold `${file:PATH}` or `${env:NAME}`. */
  readonly values: Readonly<Record<string, string>>;
  /** Absolute. */
  readonly file?: string | undefined;
  /** Directory to which a relative `${file:PATH}` refers. */
  readonly directory: string;
  /** PIPELINEWISE_HOME as `install` found it; used if the environment does not set it. */
  readonly pipelinewiseHome?: string | undefined;
}

/** The times at which an installed entry is due. */
export interface EntryTimes {
  /** The installed cron expressions. `install` has checked them. */
  readonly crons: readonly string[];
  /** Time zone of the entry; `undefined`: the machine's. */
  readonly timezone: string | undefined;
  readonly since: Date | undefined;
  /** The machine's time zone at the time of the install. */
  readonly machineZone: string;
  readonly zones: ZoneRecord | undefined;
}

/** The values from which the slot of a scheduled start is computed. */
export interface SlotPlan extends EntryTimes {
  /** Candidate lines also fire when the entry is not due. */
  readonly hasCandidateLines: boolean;
  /** The slot that the scheduler gives. It may be a candidate that is not due. */
  readonly given: Date | undefined;
  /** Run even if the slot was handled before, because somebody asked the scheduler for it. */
  readonly rerun: boolean;
}

/** The output of a run, and the exit code of a skip. */
export interface OutputOptions {
  readonly scheduled: boolean;
  /** Whether the pipeline's output is passed through; otherwise it goes only to the run log. */
  readonly passThrough: boolean;
  readonly skipExitCode: number;
  /** Whether the run records missed slots, because its scheduler starts nothing while it is running. */
  readonly recordMissed: boolean;
}

/** The place of an entry in the order that the policy `after` makes. */
export interface OrderPlan {
  /** Name of the stored schedule. */
  readonly schedule: string;
  /** The pipelines after which the entry itself runs. */
  readonly after: readonly PipelineId[];
  /** Whether entries run after a success of this run. */
  readonly isFollowed: boolean;
}

/** The schedule of an entry whose runs may give alerts, with its rules. Some may apply only to other pipelines. */
export type AlertPlan = Pick<StoredSchedule, "name" | "alerts">;

/** A schedule, and how much its runs keep. */
type RetentionPlan = Pick<StoredSchedule, "name" | "retention">;

/** Everything that a run will do, as a value: `--dry-run` prints it, `run` executes it. */
export interface RunPlan {
  readonly entry: EntryId;
  readonly paths: StatePaths;
  /** PipelineWise's command line. Its program may be a name to look up on the PATH. */
  readonly argv: readonly string[];
  /** Index of the fast sync command, if its name is not stored and PipelineWise must be asked for it. */
  readonly fastSyncAt?: number | undefined;
  readonly environment: EnvironmentPlan;
  readonly output: OutputOptions;
  readonly policies: Policies;
  /** The limits of the schedule; `undefined`: none. */
  readonly limits?: Limits | undefined;
  /** Name of the source, for its limit. */
  readonly source?: string | undefined;
  /** `undefined` if no schedule that is installed on this host contains the entry. */
  readonly times?: EntryTimes | undefined;
  /** `undefined` if no entry of the schedule runs after this pipeline, nor this pipeline after another. */
  readonly order?: OrderPlan | undefined;
  /** The run whose end starts this run, by the policy `after`. */
  readonly triggeredBy?: string | undefined;
  /** Absolute paths of the programs of hooks, by their names in the schedule. */
  readonly hookPrograms?: Readonly<Record<string, string>> | undefined;
  /** `undefined` if no alert is sent about the entry. */
  readonly alerts?: AlertPlan | undefined;
  /** The schedule whose `retention` applies to the log, not yet decoded. `undefined`: the log is not limited. */
  readonly retention?: RetentionPlan | undefined;
  /** How to find the slot of the run; `undefined` for a run by hand. */
  readonly slot?: SlotPlan | undefined;
}

/** The parsed arguments of `run`. An option that was not given is `undefined`. */
export interface RunRequest extends PipelineId {
  readonly command: string | undefined;
  readonly id: string | undefined;
  /** Name of the installed schedule. */
  readonly schedule: string | undefined;
  readonly configDir: string | undefined;
  /** A schedule file to take the entry from, instead of an installed schedule. */
  readonly file: string | undefined;
  /** Started by a scheduler: print only failures. */
  readonly scheduled: boolean;
  /** The slot that the scheduler gives; without it the run finds its slot. */
  readonly slot: Date | undefined;
  /** Digest of the times that the scheduler has; `undefined` if the command does not carry it. */
  readonly times: string | undefined;
  /** Run the slot even if it was handled before. */
  readonly rerun: boolean;
  /** Record the due times that passed during the run as skipped. */
  readonly recordMissed: boolean;
  /** Pass the pipeline's output through in a scheduled run. */
  readonly output: boolean;
  /** Time from a stop request until SIGKILL; `undefined`: the default. */
  readonly killAfterSeconds: number | undefined;
  /** Exit code of a skip, instead of 0 (scheduled) or 75 (by hand). */
  readonly skipExitCode: number | undefined;
  readonly dryRun: boolean;
  /** Arguments after `--`, for PipelineWise's command. */
  readonly extraArgs: readonly string[];
}

/** The parts of a request that a plan needs besides the entry. */
export type PlanRequest = Pick<RunRequest, "scheduled" | "output" | "skipExitCode" | "recordMissed" | "extraArgs">;

/** A stored schedule and this host's stored install; `host` is absent if only another host installed it. */
export interface Installed {
  readonly storedSchedule: StoredSchedule;
  readonly host: ResolvedHost | undefined;
}

type ResolvedHost = Pick<StoredInstall, "command" | "fastSync" | "hookPrograms" | "pipelinewiseHome"> &
  Partial<Pick<StoredInstall, "machineZone" | "zones">>;
type InstalledHost = ResolvedHost & Pick<StoredInstall, "machineZone" | "loose" | "compileOnly">;

/** The input of a plan, in addition to the request and the installed schedules. */
export interface PlanContext {
  readonly paths: StatePaths;
  readonly host: Pick<Host, "name" | "cwd">;
}

const PIPELINEWISE = ["pipelinewise"];

/** The error (exit 66) for something that is not stored on this host. */
const missing = (what: string, hint: string): SchedError => new SchedError(what, { exitCode: EXIT.noInput, hint });

/**
 * The command that stores the schedule on this host. If another machine's scheduler starts the runs, the command must
 * not add them to this host's crontab too.
 */
export function installCommand(
  { configDir }: Pick<RunRequest, "configDir">,
  isElsewhere: boolean,
  file: string,
): string {
  const where = configDir === undefined ? [] : ["--config-dir", configDir];
  const words = isElsewhere ? ["--compile-only", ...where] : [];
  return ["pipelinewise-sched", "install", ...words, file].map(quoteWord).join(" ");
}

/** Throws if the scheduler that starts an entry has other times than this host has stored: no slot would be due. */
function assertSameTimes(
  entry: StoredEntry,
  request: RunRequest,
  { host, hostName, install }: { readonly host: InstalledHost; readonly hostName: string; readonly install: string },
): void {
  const { crons, timezone } = entry;
  const known = timezone === undefined ? [undefined, host.machineZone] : [timezone];
  if (request.times === undefined || known.some((zone) => timesDigest(crons, zone) === request.times)) return;
  const zone = timezone ?? `${host.machineZone}, the machine's zone`;
  throw missing(
    `the scheduler has other times for ${entryLabel(entry)} than the schedule that is stored on host ${hostName}: ${crons.join("; ")} (${zone})`,
    `If these times are outdated, store the new schedule on this host: ${install}. If they are correct, install or export the schedule for the scheduler again.`,
  );
}

function outputOf(request: PlanRequest): OutputOptions {
  const { scheduled, output, skipExitCode, recordMissed } = request;
  return {
    scheduled,
    passThrough: output || !scheduled,
    skipExitCode: skipExitCode ?? (scheduled ? EXIT.ok : EXIT.skipped),
    recordMissed,
  };
}

/** The sources of the environment with which PipelineWise is called. @param from the schedule, if one is installed */
export const environmentOf = (from: Installed | undefined, host: Pick<Host, "cwd">): EnvironmentPlan => ({
  values: from?.storedSchedule.env ?? {},
  file: from?.storedSchedule.envFile,
  directory: from === undefined ? host.cwd : dirname(from.storedSchedule.source.path),
  pipelinewiseHome: from?.host?.pipelinewiseHome,
});

/** The plan of an entry, from the schedule that contains it. An entry that is not installed has only its id. */
export function planOf(
  entry: EntryId & Partial<StoredEntry>,
  from: Installed | undefined,
  request: PlanRequest,
  { paths, host }: PlanContext,
): RunPlan {
  const { tap, target, command, id, args = [], policies = {} } = entry;
  const { command: pipelinewise = PIPELINEWISE, fastSync, hookPrograms } = from?.host ?? {};
  const named = isFastSync(command) ? { ...entry, command: fastSync ?? command } : entry;
  return {
    entry: { tap, target, command, id },
    paths,
    argv: tapCommand(pipelinewise, named, [...args, ...request.extraArgs]),
    fastSyncAt: isFastSync(command) && fastSync === undefined ? pipelinewise.length : undefined,
    environment: environmentOf(from, host),
    output: outputOf(request),
    policies,
    limits: from?.storedSchedule.limits,
    source: entry.source,
    times: entryTimes(entry, from?.host),
    hookPrograms,
    order: findOrder(entry, from?.storedSchedule),
    alerts: policies.alerts === false ? undefined : from?.storedSchedule,
    retention: from?.storedSchedule,
  };
}

const isPipeline = (one: PipelineId, other: PipelineId): boolean =>
  one.tap === other.tap && one.target === other.target;

/**
 * Whether a stored entry may be started at the end of a run of another one: of a predecessor, or of its own pipeline.
 */
export const isStartedAfter = (entry: StoredEntry, run: EntryId): boolean =>
  entry.after !== undefined && (isPipeline(entry, run) || follows(entry, run));

const follows = ({ after = [] }: StoredEntry, run: EntryId): boolean =>
  run.command === DEFAULT_COMMAND && after.some((one) => isPipeline(one, run));

function findOrder(
  entry: EntryId & Partial<StoredEntry>,
  stored: Pick<StoredSchedule, "name" | "entries"> | undefined,
): OrderPlan | undefined {
  if (stored?.entries.some((one) => isStartedAfter(one, entry)) !== true) return undefined;
  const isFollowed = stored.entries.some((one) => follows(one, entry));
  return { schedule: stored.name, after: entry.after ?? [], isFollowed };
}

/** The times of an entry on this host; `undefined` if the entry is not installed on it. */
export function entryTimes(
  { crons, timezone, since }: Partial<StoredEntry>,
  { machineZone, zones }: Partial<ResolvedHost> = {},
): EntryTimes | undefined {
  if (crons === undefined || machineZone === undefined) return undefined;
  return { crons, timezone, since: since === undefined ? undefined : new Date(since), machineZone, zones };
}

/** The schedule that a command line names. */
interface NamedSchedule {
  readonly name: string;
  /** The command that stores the schedule on this host. */
  readonly install: string;
  /** Whether another machine's scheduler may start the runs. */
  readonly isElsewhere: boolean;
}

/**
 * The stored schedule and this host's stored install.
 *
 * @param installed the schedule that a command line names; `undefined` if there is none
 * @throws SchedError (exit 66) if one of the two is missing
 */
export function assertInstalled<S, H>(
  installed:
    | { readonly storedSchedule: S; readonly host: H | undefined; readonly formerHost?: string | undefined }
    | undefined,
  { name, install, isElsewhere }: NamedSchedule,
  { paths, host }: Pick<PlanContext, "paths"> & { readonly host: Pick<Host, "name"> },
): { readonly storedSchedule: S; readonly host: H } {
  const hint = `Install it again: ${install}`;
  if (installed === undefined) throw missing(`no schedule named ${name} is installed in ${paths.configDir}`, hint);
  const { storedSchedule, host: stored, formerHost } = installed;
  if (stored !== undefined) return { storedSchedule, host: stored };
  const everywhere = isElsewhere ? " Where host names change, add --any-host." : "";
  throw missing(
    `the schedule ${name} was never installed on host ${host.name}`,
    formerHost !== undefined
      ? `This host was called ${formerHost} when the schedule was installed. ${hint}, or set PIPELINEWISE_SCHED_HOST=${formerHost} in the crontab.${everywhere}`
      : `${hint}.${everywhere} If this host had another name before, you can also set PIPELINEWISE_SCHED_HOST to the old name.`,
  );
}

/**
 * The plan of a scheduled start: exactly the installed entry, or an error.
 *
 * @param installed the schedule that the command line names; `undefined` if there is none
 */
export function planScheduled(
  request: RunRequest,
  installed:
    | (Installed & { readonly host: InstalledHost | undefined; readonly formerHost?: string | undefined })
    | undefined,
  context: PlanContext,
): RunPlan {
  const name = request.schedule ?? DEFAULT_SCHEDULE_NAME;
  const file = installed?.storedSchedule.source.path ?? "schedule.yml";
  const isElsewhere =
    request.times !== undefined || request.slot !== undefined || installed?.host?.compileOnly === true;
  const install = installCommand(request, isElsewhere, file);
  const { storedSchedule, host } = assertInstalled(installed, { name, install, isElsewhere }, context);
  const wanted: EntryId = { ...request, command: request.command ?? DEFAULT_COMMAND };
  const found = storedSchedule.entries.find((entry) => isEntry(entry, wanted) && entry.id === wanted.id);
  if (found === undefined) {
    throw missing(
      `${entryLabel(wanted)} is not in the installed schedule ${name} (from ${file})`,
      `Install it again: ${install}`,
    );
  }
  assertSameTimes(found, request, { host, hostName: context.host.name, install });
  const plan = planOf(found, { storedSchedule, host }, request, context);
  const hasCandidateLines = host.loose?.includes(entryPath(found)) ?? false;
  const slot = plan.times && { ...plan.times, hasCandidateLines, given: request.slot, rerun: request.rerun };
  return { ...plan, slot };
}

/** Whether two names mean the same command, such as `fast_sync` and `sync_tables`. */
const isSameCommand = (one: string, other: string): boolean => one === other || (isFastSync(one) && isFastSync(other));

/** Whether it is the wanted entry, apart from the id. */
export const isEntry = (entry: EntryId, wanted: EntryId): boolean =>
  entry.tap === wanted.tap && entry.target === wanted.target && isSameCommand(entry.command, wanted.command);
