import { isDeepStrictEqual } from "node:util";
import { StoreError } from "../errors.ts";
import { compileSchedule, digestOf, startsDigest } from "../installed/compile.ts";
import { encodeStored } from "../installed/decode.ts";
import { type StoredInstall, type StoredSchedule, schedulersOf, type ZoneRecord } from "../installed/schedule.ts";
import type { FileChange } from "../installed/transaction.ts";
import { chooseRecord, recordZones } from "../installed/zones.ts";
import { entryPath } from "../pipeline-id.ts";
import type { Schedule } from "../schedule/schedule.ts";
import type { StoredPart } from "../schedulers/scheduler.ts";
import { installFile, type StatePaths, scheduleFile } from "../storage/paths.ts";
import { describeInstall, describeSchedule } from "./describe-changes.ts";
import type { StoredFiles } from "./find-installed.ts";
import type { FormerInstall } from "./former-install.ts";

/** The stored files of a schedule as they are. */
export interface CurrentState extends StoredFiles {
  /**
   * This machine's stored install under an earlier name; only without one of its present name. The install replaces it.
   */
  readonly former: FormerInstall | undefined;
}

/** The scheduler of an install. */
interface ChosenScheduler {
  /** The argument of `--on`. */
  readonly name: string;
  /** Entries, by `entryPath`, that it also starts when nothing is due. */
  readonly candidates: readonly string[];
  /** Its part of the stored install; `undefined` with --compile-only, which leaves the scheduler alone. */
  readonly stored: StoredPart | undefined;
}

/** The intended state, resolved on this machine. */
export interface DesiredState {
  readonly schedule: Schedule;
  readonly paths: StatePaths;
  readonly envFile: string | undefined;
  readonly metricsFile: string | undefined;
  readonly resolved: Pick<
    StoredInstall,
    | "host"
    | "user"
    | "machine"
    | "command"
    | "fastSync"
    | "hookPrograms"
    | "node"
    | "program"
    | "pipelinewiseHome"
    | "machineZone"
  >;
  /** Time zones: the version of their data, and the target of /etc/localtime. */
  readonly zoneData: Pick<ZoneRecord, "data" | "localtime">;
  readonly at: Date;
  readonly scheduler: ChosenScheduler;
}

/** The changes of the stored files. A dry run prints them; an install applies them. */
export interface StoredPlan {
  readonly files: readonly FileChange[];
  /** Changes of the stored schedule, one per line. */
  readonly notes: readonly string[];
}

export const changesFiles = ({ files }: Pick<StoredPlan, "files">): boolean =>
  files.some(({ before, after }) => before !== after);

/** Plans the stored files of an install; throws if the install is not allowed. */
export function planStored(current: CurrentState, wanted: DesiredState): StoredPlan {
  const { former } = current;
  const found = former === undefined ? current : { ...current, host: former.host };
  const { schedule, paths, resolved } = wanted;
  const { name } = schedule;
  assertAllowed(found, wanted);
  const storedSchedule = compileSchedule(schedule, {
    configDir: paths.configDir,
    envFile: wanted.envFile,
    metricsFile: wanted.metricsFile,
    before: found.storedSchedule,
    at: wanted.at,
  });
  const scheduleText = encodeStored(storedSchedule);
  const fresh = hostSchedule(found, wanted, { storedSchedule, scheduleText });
  return {
    files: [
      { path: scheduleFile(paths, name), before: found.scheduleText, after: scheduleText },
      {
        path: installFile(paths, name, resolved.host),
        before: found.installText,
        after: installText(found, fresh, wanted.at),
      },
      ...(former === undefined
        ? []
        : [{ path: installFile(paths, name, former.host.host), before: former.text, after: undefined }]),
    ],
    notes: [...describeSchedule(found.storedSchedule, storedSchedule), ...describeInstall(found.host, fresh)],
  };
}

function assertAllowed(found: CurrentState, { schedule, scheduler }: DesiredState): void {
  if (scheduler.stored !== undefined || linesOf(found).length === 0) return;
  throw new StoreError(`the schedule ${schedule.name} is already in this machine's crontab`, {
    hint: "Run `install` without --compile-only, or `uninstall` the schedule first.",
  });
}

const linesOf = ({ host }: CurrentState): readonly string[] => host?.lines ?? [];

/** This host's stored install. What belongs to other schedulers stays as it is. */
function hostSchedule(
  found: CurrentState,
  { schedule, resolved, zoneData, at, scheduler }: DesiredState,
  { storedSchedule, scheduleText }: { readonly storedSchedule: StoredSchedule; readonly scheduleText: string },
): StoredInstall {
  const { stored } = scheduler;
  const lines = stored !== undefined && "lines" in stored ? stored.lines : linesOf(found);
  const digest = startsDigest(storedSchedule, resolved);
  const zones = [resolved.machineZone, ...schedule.pipelines.flatMap(({ timezone }) => timezone ?? [])];
  return {
    format: 1,
    name: schedule.name,
    ...resolved,
    installedAt: at.toISOString(),
    meaningDigest: leavesOldLines(found, stored, digest) ? found.host.meaningDigest : digestOf(scheduleText),
    zones: recordZones(zones, { ...zoneData, at }),
    loose: candidatesOf(found, schedule, scheduler),
    lines,
    compileOnly: stored === undefined || found.host?.compileOnly === true ? true : undefined,
    on:
      stored !== undefined && "place" in stored
        ? { ...found.host?.on, [scheduler.name]: { place: stored.place, digest, written: stored.written } }
        : found.host?.on,
  };
}

/**
 * Whether an install on another scheduler leaves lines in the crontab that start something else than the schedule now
 * says. `status` must go on to report that they are outdated.
 */
function leavesOldLines(
  found: CurrentState,
  stored: StoredPart | undefined,
  digest: string,
): found is CurrentState & { readonly host: StoredInstall } {
  const { host, storedSchedule, scheduleText } = found;
  if (host === undefined || host.lines.length === 0 || (stored !== undefined && "lines" in stored)) return false;
  const wereCurrent = scheduleText !== undefined && host.meaningDigest === digestOf(scheduleText);
  return !wereCurrent || storedSchedule === undefined || startsDigest(storedSchedule, host) !== digest;
}

/** Entries that a scheduler of this host also starts when nothing is due. */
function candidatesOf({ host }: CurrentState, { pipelines }: Schedule, scheduler: ChosenScheduler): readonly string[] {
  const hasOthers = host !== undefined && schedulersOf(host).some((name) => name !== scheduler.name);
  const known = new Set([...scheduler.candidates, ...(hasOthers ? (host.loose ?? []) : [])]);
  return pipelines.map(entryPath).filter((path) => known.has(path));
}

/** The text of the host's file: the old one if the new one differs only in its time and validity. */
function installText({ host, installText: text }: CurrentState, fresh: StoredInstall, at: Date): string {
  if (host === undefined || text === undefined) return encodeStored(fresh);
  const zones = fresh.zones === undefined ? undefined : chooseRecord(host.zones, fresh.zones, at);
  const then: unknown = JSON.parse(encodeStored({ ...fresh, installedAt: host.installedAt, zones }));
  // The order of the keys does not matter: an uninstall from one of several schedulers writes them in another order.
  return isDeepStrictEqual(then, JSON.parse(text)) ? text : encodeStored(fresh);
}
