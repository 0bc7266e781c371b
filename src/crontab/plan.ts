import { entryKey, entryLabel } from "../command/request.ts";
import type { FileChange } from "../compiled/change.ts";
import { compileSchedule } from "../compiled/compile.ts";
import type { CompiledSchedule, HostSchedule } from "../compiled/compiled.ts";
import { encodeCompiled } from "../compiled/decode.ts";
import { digestOf } from "../compiled/digest.ts";
import { EXIT, SchedError, StoreError } from "../errors.ts";
import type { Schedule } from "../schedule/schedule.ts";
import { hostFile, meaningFile, type StatePaths } from "../state-paths.ts";
import { findBlocks, replaceBlock } from "./block.ts";
import { toCrontabText } from "./bytes.ts";
import { describeHost, describeMeaning } from "./changes.ts";
import type { BlockMark } from "./mark.ts";
import { renderEntries } from "./render.ts";
import { sameZone } from "./zone.ts";

/** Debian's cron reads no longer crontab, comments included. */
const MOST_LINES = 10_000;

/** What stands there now. */
export interface Found {
  /** `undefined`: not looked at, as only the stored schedule is written. */
  readonly crontab: string | undefined;
  readonly meaningText: string | undefined;
  /** `undefined` also where the text is garbled: it is written anew. */
  readonly meaning: CompiledSchedule | undefined;
  readonly hostText: string | undefined;
  readonly host: HostSchedule | undefined;
  /** The other schedules of this config directory. */
  readonly others: readonly CompiledSchedule[];
}

/** What shall stand there, looked up on this machine. */
export interface Wanted {
  readonly schedule: Schedule;
  readonly paths: StatePaths;
  /** The config directory that a run under cron finds by itself, where nothing says otherwise. */
  readonly defaultConfigDir: string | undefined;
  readonly envFile: string | undefined;
  readonly resolved: Pick<
    HostSchedule,
    "host" | "user" | "command" | "node" | "program" | "pipelinewiseHome" | "machineZone"
  >;
  readonly at: Date;
  /** Take over a name that is installed from elsewhere. */
  readonly replace: boolean;
}

/** Everything an install changes. A dry run prints it, an install carries it out. */
export interface InstallPlan {
  readonly name: string;
  readonly crontab: { readonly before: string; readonly after: string } | undefined;
  readonly files: readonly FileChange[];
  /** The changes of the stored schedule for people, a line each. */
  readonly notes: readonly string[];
}

export const changesSomething = ({ crontab, files }: InstallPlan): boolean =>
  (crontab !== undefined && crontab.before !== crontab.after) || files.some(({ before, after }) => before !== after);

function refuseTaken(name: string, where: string, what: string, theirs: string, ours: string): never {
  throw new StoreError(`the schedule ${name} ${where} for another ${what}: ${theirs} (this one: ${ours})`, {
    hint: "Give this schedule another `name`, or take that one over: add --replace.",
  });
}

function demandOwnName({ crontab, meaning, host }: Found, mark: BlockMark, user: string): void {
  const block = crontab === undefined ? undefined : findBlocks(crontab).find((one) => one.mark.name === mark.name);
  const { name, source, configDir } = mark;
  if (block !== undefined && block.mark.source !== source) {
    refuseTaken(name, "stands in the crontab", "schedule file", block.mark.source, source);
  }
  if (block !== undefined && block.mark.configDir !== configDir) {
    refuseTaken(name, "stands in the crontab", "config directory", block.mark.configDir, configDir);
  }
  if (meaning !== undefined && meaning.source.path !== source) {
    refuseTaken(name, "is installed in this config directory", "schedule file", meaning.source.path, source);
  }
  if (host !== undefined && host.user !== user) {
    refuseTaken(name, `is installed on ${host.host}`, "user's crontab", host.user, user);
  }
}

function demandOwnPipelines(schedule: Schedule, others: readonly CompiledSchedule[]): void {
  for (const pipeline of schedule.pipelines) {
    const other = others.find(({ entries }) =>
      entries.some(
        (entry) =>
          entry.tap === pipeline.tap && entry.target === pipeline.target && entryKey(entry) === entryKey(pipeline),
      ),
    );
    if (other === undefined) continue;
    const { line, column } = pipeline.place;
    throw new StoreError(
      `${schedule.source.path}:${line}:${column}  ${entryLabel(pipeline)} is in the installed schedule ${other.name} (${other.source.path}) as well`,
      {
        hint: `A pipeline belongs to one schedule: take it out of one of them, or \`uninstall --name ${other.name}\`.`,
      },
    );
  }
}

function demandMachineZone({ pipelines, source }: Schedule, machineZone: string): void {
  for (const { timezone, place, ...pipeline } of pipelines) {
    if (timezone === undefined || sameZone(timezone, machineZone)) continue;
    throw new SchedError(
      `${source.path}:${place.line}:${place.column}  ${entryLabel(pipeline)} is timed in ${timezone}, and cron on this machine goes by ${machineZone}`,
      {
        exitCode: EXIT.badSchedule,
        hint: "Other zones than the machine's cannot be installed yet: write its times in the machine's zone.",
      },
    );
  }
}

const NAMES_OUR_FOLDER = /^[ \t]*["']?(HOME|PIPELINEWISE_CONFIG_DIRECTORY)["']?[ \t]*=/m;

function planCrontab(before: string, mark: BlockMark, lines: readonly string[]): { before: string; after: string } {
  const after = replaceBlock(before, mark, lines.map(toCrontabText));
  const count = after.split("\n").length - 1;
  if (count > MOST_LINES) {
    throw new StoreError(`the crontab would have ${count} lines; cron reads ${MOST_LINES} at most`, {
      hint: "Take something out of the schedule or of the crontab.",
    });
  }
  findBlocks(after); // What we would write must be readable to us: a bug must stop here, not in a crontab.
  return { before, after };
}

/** Works out everything that an install changes; throws where it is refused. */
export function planInstall(found: Found, wanted: Wanted): InstallPlan {
  const { schedule, paths, resolved } = wanted;
  const { name, source } = schedule;
  const mark: BlockMark = { name, source: source.path, configDir: paths.configDir };
  demandMachineZone(schedule, resolved.machineZone);
  if (!wanted.replace) demandOwnName(found, mark, resolved.user);
  demandOwnPipelines(schedule, found.others);
  if (found.crontab === undefined && (found.host?.lines.length ?? 0) > 0) {
    throw new StoreError(`the schedule ${name} stands in the crontab of this machine`, {
      hint: "Install it without --compile-only, or `uninstall` it first.",
    });
  }

  const foundByItself = paths.configDir === wanted.defaultConfigDir && !NAMES_OUR_FOLDER.test(found.crontab ?? "");
  const call = { node: resolved.node, program: resolved.program, schedule: name };
  const lines =
    found.crontab === undefined
      ? []
      : renderEntries(schedule.pipelines, { ...call, configDir: foundByItself ? undefined : paths.configDir });

  const meaning = compileSchedule(schedule, { configDir: paths.configDir, envFile: wanted.envFile });
  const meaningText = encodeCompiled(meaning);
  const fresh: HostSchedule = {
    format: 1,
    name,
    ...resolved,
    installedAt: wanted.at.toISOString(),
    meaningDigest: digestOf(meaningText),
    lines,
  };
  // A host file that would say nothing new but the hour stays as it is.
  const unchanged =
    found.host !== undefined && encodeCompiled({ ...fresh, installedAt: found.host.installedAt }) === found.hostText;
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
    notes: [...describeMeaning(found.meaning, meaning), ...describeHost(found.host, fresh)],
  };
}
