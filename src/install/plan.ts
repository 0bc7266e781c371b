import { isDeepStrictEqual } from "node:util";
import { StoreError } from "../errors.ts";
import { compileSchedule, digestOf, startsDigest } from "../installed/compile.ts";
import { encodeCompiled } from "../installed/decode.ts";
import type { CompiledSchedule, HostSchedule, OnScheduler, ZoneRecord } from "../installed/schedule.ts";
import type { FileChange } from "../installed/transaction.ts";
import { chooseRecord, horizonFrom, recordZones } from "../installed/zones.ts";
import { entryPath } from "../pipeline-id.ts";
import type { Pipeline, Schedule } from "../schedule/schedule.ts";
import { type BlockMark, findBlocks, replaceBlock, toCrontabText } from "../schedulers/cron/block.ts";
import { isLoose, renderEntries, timingsIn } from "../schedulers/cron/render.ts";
import { hostFile, meaningFile, type StatePaths } from "../storage/paths.ts";
import { demandOwnName, demandOwnPipelines } from "./conflicts.ts";
import { describeHost, describeMeaning } from "./describe-changes.ts";

/** Another scheduler, and what is stored about the schedule's installation there. */
export interface Elsewhere extends Pick<OnScheduler, "place"> {
  /** The argument of `--on`. */
  readonly name: string;
  /** Entries, by `entryPath`, that it also starts when nothing is due. */
  readonly loose: readonly string[];
}

/**
 * Entries that any scheduler also starts when nothing is due. An entry keeps this state while another scheduler than
 * cron has the schedule.
 */
function looseEntries(
  { pipelines }: Schedule,
  before: HostSchedule | undefined,
  elsewhere: Elsewhere | undefined,
  isLooseInCrontab: (pipeline: Pipeline) => boolean,
): readonly string[] {
  const known = new Set([...(elsewhere?.loose ?? []), ...(before?.on === undefined ? [] : (before.loose ?? []))]);
  return pipelines.filter((pipeline) => known.has(entryPath(pipeline)) || isLooseInCrontab(pipeline)).map(entryPath);
}

/** The schedulers other than cron that have the schedule, with the digest of what was installed. */
function onSchedulers(
  before: HostSchedule | undefined,
  elsewhere: Elsewhere | undefined,
  digest: string,
): HostSchedule["on"] {
  if (elsewhere === undefined) return before?.on;
  return { ...before?.on, [elsewhere.name]: { place: elsewhere.place, digest } };
}

/** Debian's cron accepts no longer crontab, comments included. */
const MOST_LINES = 10_000;

/** The current state of the machine. */
export interface Found {
  /** `undefined`: not read, because it will not be changed. */
  readonly crontab: string | undefined;
  readonly meaningText: string | undefined;
  /** `undefined` also if the text cannot be decoded: it is then overwritten. */
  readonly meaning: CompiledSchedule | undefined;
  readonly hostText: string | undefined;
  readonly host: HostSchedule | undefined;
  /** The other schedules of this config directory. */
  readonly others: readonly CompiledSchedule[];
}

/** The intended state, resolved on this machine. */
export interface Wanted {
  readonly schedule: Schedule;
  readonly paths: StatePaths;
  /** The config directory that a run under cron finds by default. */
  readonly defaultConfigDir: string | undefined;
  readonly envFile: string | undefined;
  readonly resolved: Pick<
    HostSchedule,
    "host" | "user" | "command" | "fastSync" | "node" | "program" | "pipelinewiseHome" | "machineZone"
  >;
  /** Time zones: the version of their data, and the target of /etc/localtime. */
  readonly zoneData: Pick<ZoneRecord, "data" | "localtime">;
  readonly at: Date;
  /** Take over a name that is installed from another place. */
  readonly replace: boolean;
  /** The scheduler that will start the schedule; the crontab's lines do not change. */
  readonly elsewhere?: Elsewhere | undefined;
}

/** All changes of an install. A dry run prints it; an install applies it. */
export interface InstallPlan {
  readonly name: string;
  readonly crontab: { readonly before: string; readonly after: string } | undefined;
  readonly files: readonly FileChange[];
  /** Changes of the stored schedule, one per line. */
  readonly notes: readonly string[];
}

export const changesSomething = ({ crontab, files }: InstallPlan): boolean =>
  (crontab !== undefined && crontab.before !== crontab.after) || files.some(({ before, after }) => before !== after);

/** The note about files that stay in the previous config directory after a take-over. */
function leftBehind(block: BlockMark | undefined, { name, configDir }: BlockMark): readonly string[] {
  if (block === undefined || block.configDir === configDir) return [];
  return [
    `~ config directory changed (it was ${block.configDir}); ${name} stays stored there until \`uninstall --name ${name} --config-dir ${block.configDir}\``,
  ];
}

const NAMES_OUR_FOLDER = /^[ \t]*["']?(HOME|PIPELINEWISE_CONFIG_DIRECTORY)["']?[ \t]*=/m;

function planCrontab(before: string, mark: BlockMark, lines: readonly string[]): { before: string; after: string } {
  const after = replaceBlock(before, mark, lines.map(toCrontabText));
  const count = after.split("\n").length - 1;
  if (count > MOST_LINES) {
    throw new StoreError(`the crontab would have ${count} lines; cron accepts at most ${MOST_LINES}`, {
      hint: "Remove entries from the schedule, or other lines from the crontab.",
    });
  }
  findBlocks(after); // What we would write must be readable to us: a bug must stop here, not in a crontab.
  return { before, after };
}

const zonesOf = ({ pipelines }: Schedule): readonly string[] => pipelines.flatMap(({ timezone }) => timezone ?? []);

/** Whether a new host file differs only in its time and validity: then the old one is kept. */
function saysNothingNew(fresh: HostSchedule, found: HostSchedule, text: string, at: Date): boolean {
  const zones = fresh.zones === undefined ? undefined : chooseRecord(found.zones, fresh.zones, at);
  const then: unknown = JSON.parse(encodeCompiled({ ...fresh, installedAt: found.installedAt, zones }));
  // In whatever order: an uninstall from one of several schedulers writes what it has read.
  return isDeepStrictEqual(then, JSON.parse(text));
}

/** Plans all changes of an install; throws if the install is not allowed. */
export function planInstall(found: Found, wanted: Wanted): InstallPlan {
  const { schedule, paths, resolved } = wanted;
  const { name, source } = schedule;
  const mark: BlockMark = { name, source: source.path, configDir: paths.configDir };
  const block = findBlocks(found.crontab ?? "").find((one) => one.mark.name === name)?.mark;
  if (!wanted.replace) demandOwnName(mark, resolved.user, block, found);
  demandOwnPipelines(schedule, found.others);
  const inCrontab = found.host?.lines ?? [];
  const compileOnly = found.crontab === undefined && wanted.elsewhere === undefined;
  if (compileOnly && inCrontab.length > 0) {
    throw new StoreError(`the schedule ${name} is already in this machine's crontab`, {
      hint: "Run `install` without --compile-only, or `uninstall` the schedule first.",
    });
  }

  const frame = { machineZone: resolved.machineZone, horizon: horizonFrom(wanted.at) };
  const linesFor = (configDir: string | undefined): readonly string[] =>
    renderEntries(
      schedule.pipelines,
      { node: resolved.node, program: resolved.program, schedule: name, configDir },
      (pipeline) => timingsIn(frame, pipeline),
    );
  const foundByItself = paths.configDir === wanted.defaultConfigDir && !NAMES_OUR_FOLDER.test(found.crontab ?? "");
  const lines = found.crontab === undefined ? inCrontab : linesFor(foundByItself ? undefined : paths.configDir);

  const meaning = compileSchedule(schedule, {
    configDir: paths.configDir,
    envFile: wanted.envFile,
    before: found.meaning,
    at: wanted.at,
  });
  const meaningText = encodeCompiled(meaning);
  // Lines that stay behind go on telling that they are older than the schedule.
  const areOlder =
    found.crontab === undefined &&
    inCrontab.length > 0 &&
    ![undefined, paths.configDir].some((configDir) => isDeepStrictEqual(linesFor(configDir), inCrontab));
  const fresh: HostSchedule = {
    format: 1,
    name,
    ...resolved,
    installedAt: wanted.at.toISOString(),
    meaningDigest: areOlder && found.host !== undefined ? found.host.meaningDigest : digestOf(meaningText),
    zones: recordZones([resolved.machineZone, ...zonesOf(schedule)], { ...wanted.zoneData, at: wanted.at }),
    loose: looseEntries(
      schedule,
      found.host,
      wanted.elsewhere,
      (pipeline) => (compileOnly || lines.length > 0) && isLoose(pipeline, frame),
    ),
    lines,
    compileOnly: compileOnly || found.host?.compileOnly === true ? true : undefined,
    on: onSchedulers(found.host, wanted.elsewhere, startsDigest(meaning, resolved)),
  };
  const { host, hostText } = found;
  const unchanged = host !== undefined && hostText !== undefined && saysNothingNew(fresh, host, hostText, wanted.at);
  return {
    name,
    crontab: found.crontab === undefined ? undefined : planCrontab(found.crontab, mark, lines),
    files: [
      { path: meaningFile(paths, name), before: found.meaningText, after: meaningText },
      {
        path: hostFile(paths, name, resolved.host),
        before: found.hostText,
        after: unchanged ? found.hostText : encodeCompiled(fresh),
      },
    ],
    notes: [...describeMeaning(found.meaning, meaning), ...describeHost(found.host, fresh), ...leftBehind(block, mark)],
  };
}
