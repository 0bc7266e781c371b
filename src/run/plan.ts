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

/** Where the pipeline's environment comes from, beside our own. Nothing of it is read yet. */
export interface EnvironmentPlan {
  /** As written; values may hold `${file:PATH}` or `${env:NAME}`. */
  readonly values: Readonly<Record<string, string>>;
  /** Absolute. */
  readonly file?: string | undefined;
  /** Folder that a relative `${file:PATH}` counts from. */
  readonly folder: string;
  /** Virtualenvs of PipelineWise, as install found them; used where our own environment does not say. */
  readonly pipelinewiseHome?: string | undefined;
}

/** How a run speaks, and what a skip ends with. */
interface RunManners {
  readonly scheduled: boolean;
  /** Whether the pipeline's output is passed through; else it goes to the run's log only. */
  readonly passThrough: boolean;
  readonly skipExitCode: number;
  /** Whether its scheduler starts nothing while it is at work, so that what comes due meanwhile is told by the run. */
  readonly tellMissed: boolean;
}

/** All that a run will do, as a value: `--dry-run` prints it, `run` does it. */
export interface RunPlan {
  readonly entry: EntryId;
  readonly paths: StatePaths;
  /** PipelineWise's command line; the program may yet have to be found on the PATH. */
  readonly words: readonly string[];
  /** Which word names a fast sync, where nothing installed tells its name: PipelineWise is to be asked. */
  readonly fastSyncAt?: number | undefined;
  readonly environment: EnvironmentPlan;
  readonly manners: RunManners;
  /** How the slot is found that it stands for; a run by hand stands for none. */
  readonly slot?: SlotPlan | undefined;
}

/** What the words behind `run` ask for. What was not said is `undefined`. */
export interface RunRequest extends PipelineId {
  readonly command: string | undefined;
  readonly id: string | undefined;
  /** Name of the installed schedule. */
  readonly schedule: string | undefined;
  readonly configDir: string | undefined;
  /** A schedule file to take the entry from, instead of an installed schedule. */
  readonly file: string | undefined;
  /** Started by a scheduler: silent but for failures. */
  readonly scheduled: boolean;
  /** The due instant that the scheduler means; without it the run finds its own. */
  readonly slot: Date | undefined;
  /** Run that slot also when it was handled before. */
  readonly again: boolean;
  /** Record as skipped what came due while the run was at work. */
  readonly tellMissed: boolean;
  /** Pass the pipeline's output through although scheduled. */
  readonly output: boolean;
  /** How long a stop may take until nothing is left; `undefined`: as long as is good for the pipeline. */
  readonly stopWithinSeconds: number | undefined;
  /** Code of a skip, in place of 0 (scheduled) or 75 (by hand). */
  readonly skipExitCode: number | undefined;
  readonly dryRun: boolean;
  /** Words behind `--`, for PipelineWise's command. */
  readonly extraArgs: readonly string[];
}

/** A schedule, and how this host calls PipelineWise; `host` is absent where only another host installed it. */
interface Installed {
  readonly meaning: CompiledSchedule;
  readonly host: ResolvedHost | undefined;
}

type ResolvedHost = Pick<HostSchedule, "command" | "fastSync" | "pipelinewiseHome">;
type InstalledHost = ResolvedHost & Pick<HostSchedule, "machineZone" | "zones" | "loose">;

/** What a plan is made from, beside the request. */
export interface RunPlace {
  readonly paths: StatePaths;
  readonly hostName: string;
  readonly cwd: string;
}

const PIPELINEWISE = ["pipelinewise"];

/** @throws a `SchedError` with code 66, which says to install again */
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
 * What a scheduled start runs: exactly what was installed, or nothing.
 *
 * @param installed the schedule that the line names; `undefined` when there is none
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

/** Whether two commands are one: `fast_sync` and `sync_tables` are. */
const isSameCommand = (one: string, other: string): boolean => one === other || (isFastSync(one) && isFastSync(other));

const isEntry = (entry: EntryId, wanted: EntryId): boolean =>
  entry.tap === wanted.tap && entry.target === wanted.target && isSameCommand(entry.command, wanted.command);

const isPair = (entry: EntryId, wanted: RunRequest): boolean =>
  entry.tap === wanted.tap && entry.target === wanted.target;

/** The entry that a run by hand means; `undefined` when the pair has none for this command. */
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
 * What a run by hand does: as the installed entry has it where there is one, else with the config directory alone.
 *
 * @param installed every schedule to look in
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
