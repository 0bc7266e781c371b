import { dirname } from "node:path";
import { tapCommand } from "../command-line.ts";
import { EXIT, SchedError, UsageError } from "../errors.ts";
import type { CompiledEntry, CompiledSchedule, HostSchedule } from "../installed/schedule.ts";
import {
  DEFAULT_COMMAND,
  DEFAULT_SCHEDULE_NAME,
  type EntryId,
  entryKey,
  entryLabel,
  entryPath,
  isFastSync,
  type PipelineId,
} from "../pipeline-id.ts";
import type { StatePaths } from "../storage/paths.ts";
import type { SlotPlan } from "./checks/slot.ts";

/** Sources of the pipeline's environment, in addition to this process's. They are not read yet. */
export interface EnvironmentPlan {
  /** As written; values may hold `${file:PATH}` or `${env:NAME}`. */
  readonly values: Readonly<Record<string, string>>;
  /** Absolute. */
  readonly file?: string | undefined;
  /** Directory to which a relative `${file:PATH}` refers. */
  readonly folder: string;
  /** PIPELINEWISE_HOME as `install` found it; used if the environment does not set it. */
  readonly pipelinewiseHome?: string | undefined;
}

/** The output of a run, and the exit code of a skip. */
interface RunManners {
  readonly scheduled: boolean;
  /** Whether the pipeline's output is passed through; otherwise it goes only to the run log. */
  readonly passThrough: boolean;
  readonly skipExitCode: number;
  /** Whether the run records missed slots, because its scheduler starts nothing while it is running. */
  readonly tellMissed: boolean;
}

/** Everything that a run will do, as a value: `--dry-run` prints it, `run` executes it. */
export interface RunPlan {
  readonly entry: EntryId;
  readonly paths: StatePaths;
  /** PipelineWise's command line. Its program may be a name to look up on the PATH. */
  readonly words: readonly string[];
  /** Index of the fast sync command, if its name is not stored and PipelineWise must be asked for it. */
  readonly fastSyncAt?: number | undefined;
  readonly environment: EnvironmentPlan;
  readonly manners: RunManners;
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
  /** Run the slot even if it was handled before. */
  readonly again: boolean;
  /** Record the due times that passed during the run as skipped. */
  readonly tellMissed: boolean;
  /** Pass the pipeline's output through in a scheduled run. */
  readonly output: boolean;
  /** Time from a stop request until SIGKILL; `undefined`: the default. */
  readonly stopWithinSeconds: number | undefined;
  /** Exit code of a skip, instead of 0 (scheduled) or 75 (by hand). */
  readonly skipExitCode: number | undefined;
  readonly dryRun: boolean;
  /** Arguments after `--`, for PipelineWise's command. */
  readonly extraArgs: readonly string[];
}

/** A stored schedule and this host's stored install; `host` is absent if only another host installed it. */
interface Installed {
  readonly meaning: CompiledSchedule;
  readonly host: ResolvedHost | undefined;
}

type ResolvedHost = Pick<HostSchedule, "command" | "fastSync" | "pipelinewiseHome">;
type InstalledHost = ResolvedHost & Pick<HostSchedule, "machineZone" | "zones" | "loose">;

/** The input of a plan, in addition to the request. */
export interface RunPlace {
  readonly paths: StatePaths;
  readonly hostName: string;
  readonly cwd: string;
}

const PIPELINEWISE = ["pipelinewise"];

/** The error (exit 66) for something that is not installed. */
function missing(what: string, again: string): SchedError {
  return new SchedError(what, {
    exitCode: EXIT.noInput,
    hint: `Install it again: pipelinewise-sched install ${again}`,
  });
}

function mannersOf(request: RunRequest): RunManners {
  const { scheduled, output, skipExitCode, tellMissed } = request;
  return {
    scheduled,
    passThrough: output || !scheduled,
    skipExitCode: skipExitCode ?? (scheduled ? EXIT.ok : EXIT.skipped),
    tellMissed,
  };
}

function planOf(
  entry: EntryId,
  args: readonly string[],
  from: Installed | undefined,
  request: RunRequest,
  { paths, cwd }: RunPlace,
): RunPlan {
  const { tap, target, command, id } = entry;
  const { command: pipelinewise = PIPELINEWISE, fastSync } = from?.host ?? {};
  const named = isFastSync(command) ? { ...entry, command: fastSync ?? command } : entry;
  return {
    entry: { tap, target, command, id },
    paths,
    words: tapCommand(pipelinewise, named, [...args, ...request.extraArgs]),
    fastSyncAt: isFastSync(command) && fastSync === undefined ? pipelinewise.length : undefined,
    environment: {
      values: from?.meaning.env ?? {},
      file: from?.meaning.envFile,
      folder: from === undefined ? cwd : dirname(from.meaning.source.path),
      pipelinewiseHome: from?.host?.pipelinewiseHome,
    },
    manners: mannersOf(request),
  };
}

/**
 * The plan of a scheduled start: exactly the installed entry, or an error.
 *
 * @param installed the schedule that the command line names; `undefined` if there is none
 */
export function planScheduled(
  request: RunRequest,
  installed: (Installed & { readonly host: InstalledHost | undefined }) | undefined,
  place: RunPlace,
): RunPlan {
  const name = request.schedule ?? DEFAULT_SCHEDULE_NAME;
  if (installed === undefined) {
    throw missing(`no schedule named ${name} is installed in ${place.paths.configDir}`, "schedule.yml");
  }
  const { path } = installed.meaning.source;
  if (installed.host === undefined) {
    throw missing(`the schedule ${name} was never installed on host ${place.hostName}`, path);
  }
  const wanted: EntryId = { ...request, command: request.command ?? DEFAULT_COMMAND };
  const found = installed.meaning.entries.find((entry) => isEntry(entry, wanted) && entry.id === wanted.id);
  if (found === undefined) {
    throw missing(`${entryLabel(wanted)} is not in the installed schedule ${name} (from ${path})`, path);
  }
  return { ...planOf(found, found.args, installed, request, place), slot: slotPlan(found, installed.host, request) };
}

function slotPlan(entry: CompiledEntry, host: InstalledHost, { slot, again }: RunRequest): SlotPlan {
  const { crons, timezone, since } = entry;
  return {
    crons,
    timezone,
    since: since === undefined ? undefined : new Date(since),
    machineZone: host.machineZone,
    zones: host.zones,
    loose: host.loose?.includes(entryPath(entry)) ?? false,
    given: slot,
    again,
  };
}

/** Whether two names mean the same command, such as `fast_sync` and `sync_tables`. */
const isSameCommand = (one: string, other: string): boolean => one === other || (isFastSync(one) && isFastSync(other));

const isEntry = (entry: EntryId, wanted: EntryId): boolean =>
  entry.tap === wanted.tap && entry.target === wanted.target && isSameCommand(entry.command, wanted.command);

const isPair = (entry: EntryId, wanted: RunRequest): boolean =>
  entry.tap === wanted.tap && entry.target === wanted.target;

/** The installed entry for a run by hand; `undefined` if the pipeline has none for this command. */
function chooseEntry(
  request: RunRequest,
  wanted: EntryId,
  ofPair: readonly CompiledEntry[],
): CompiledEntry | undefined {
  const fits = ofPair.filter(
    (entry) => isEntry(entry, wanted) && (request.id === undefined || entry.id === request.id),
  );
  if (fits.length > 1) {
    throw new UsageError(
      `${entryLabel(wanted)} appears ${fits.length} times in the schedule: ${fits.map(({ id }) => id).join(", ")}`,
      "Choose one with --id ID.",
    );
  }
  if (fits[0] === undefined && request.id !== undefined) {
    const known = ofPair.map(entryKey).join(", ");
    throw new UsageError(
      `${request.tap} → ${request.target} has no installed entry ${entryKey(wanted)}`,
      known === "" ? "Remove --id: nothing is installed for this pipeline." : `Use one of ${known}.`,
    );
  }
  return fits[0];
}

/**
 * The plan of a run by hand: the installed entry if there is one, otherwise only the config directory.
 *
 * @param installed all schedules to search
 */
export function planByHand(request: RunRequest, installed: readonly Installed[], place: RunPlace): RunPlan {
  const having = installed.filter(({ meaning }) => meaning.entries.some((entry) => isPair(entry, request)));
  if (having.length > 1) {
    throw new UsageError(
      `${request.tap} → ${request.target} is in several installed schedules: ${having.map(({ meaning }) => meaning.name).join(", ")}`,
      "Choose one with --schedule NAME.",
    );
  }
  const from = having[0];
  const wanted: EntryId = { ...request, command: request.command ?? DEFAULT_COMMAND };
  const ofPair = from?.meaning.entries.filter((entry) => isPair(entry, request)) ?? [];
  const entry = chooseEntry(request, wanted, ofPair);
  return planOf(entry ?? wanted, entry?.args ?? [], from, request, place);
}
