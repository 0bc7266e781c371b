import { dirname } from "node:path";
import { tapCommand } from "../command/command.ts";
import {
  DEFAULT_COMMAND,
  DEFAULT_SCHEDULE_NAME,
  type EntryId,
  entryKey,
  entryLabel,
  entryPath,
  isFastSync,
} from "../command/request.ts";
import type { CompiledEntry, CompiledSchedule, HostSchedule } from "../compiled/compiled.ts";
import { EXIT, SchedError, UsageError } from "../errors.ts";
import type { StatePaths } from "../state-paths.ts";
import type { RunManners, RunPlan } from "./plan.ts";
import type { RunRequest } from "./request.ts";
import type { SlotPlan } from "./slot.ts";

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
      `${entryLabel(wanted)} stands ${fits.length} times in the schedule: ${fits.map(({ id }) => id).join(", ")}`,
      "Say which one: --id ID.",
    );
  }
  if (fits[0] === undefined && request.id !== undefined) {
    const known = ofPair.map(entryKey).join(", ");
    throw new UsageError(
      `no installed entry of ${request.tap} → ${request.target} is ${entryKey(wanted)}`,
      known === "" ? "Nothing is installed for this pair: leave --id out." : `There are: ${known}.`,
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
      "Say which one: --schedule NAME.",
    );
  }
  const from = having[0];
  const wanted: EntryId = { ...request, command: request.command ?? DEFAULT_COMMAND };
  const ofPair = from?.meaning.entries.filter((entry) => isPair(entry, request)) ?? [];
  const entry = chooseEntry(request, wanted, ofPair);
  return planOf(entry ?? wanted, entry?.args ?? [], from, request, place);
}
