import { constants } from "node:fs";
import { realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { EXIT, errorCode, errorMessage, SchedError } from "../errors.ts";
import { type Host, loginHome, userName } from "../host.ts";
import { entryLabel, type FastSyncName, isDataDiff, isFastSync } from "../pipeline-id.ts";
import type { Pipeline, Schedule } from "../schedule/schedule.ts";
import { findBlocks } from "../schedulers/cron/block.ts";
import { demandFit, fitWarnings, type Load } from "../schedulers/cron/compatibility.ts";
import type { SystemCrontab } from "../schedulers/cron/crontab-program.ts";
import type { CronHere } from "../schedulers/cron/daemon.ts";
import { absolutePath, resolveConfigDir } from "../storage/config-dir.ts";
import { configDirWarnings } from "../storage/directory.ts";
import { open } from "../storage/fs.ts";
import { type StatePaths, statePaths } from "../storage/paths.ts";
import { findProgram } from "../system/find-program.ts";
import { askKnownCommands, assertKnowsDataDiff, fastSyncName } from "../system/known-commands.ts";
import { localtimeMark } from "../system/localtime.ts";
import { readOthers, readStoredFiles } from "./find-installed.ts";
import { type Elsewhere, type InstallPlan, planInstall } from "./plan.ts";

/** Throws if this program is in a place that will no longer exist when cron starts it. */
function demandLastingProgram(program: string): void {
  if (!program.includes("/_npx/")) return;
  throw new SchedError(`${program} is in npx's temporary directory, which npm may remove at any time`, {
    exitCode: EXIT.usage,
    hint: "Install the program permanently, then run `install` again: `npm install --global pipelinewise-sched`.",
  });
}

/** The command by which cron starts PipelineWise: an absolute path, then its leading arguments unchanged. */
async function resolveCommand(command: readonly string[], host: Pick<Host, "env">): Promise<readonly string[]> {
  const [program = "pipelinewise", ...words] = command;
  return [await findProgram(program, host.env["PATH"]), ...words];
}

interface KnownTap {
  readonly id?: unknown;
  readonly enabled?: unknown;
}
interface KnownTarget {
  readonly id?: unknown;
  readonly taps?: readonly KnownTap[];
}

/** The targets of PipelineWise's config.json; ignores entries of another shape. */
function targetsOf(text: string): readonly KnownTarget[] {
  const config: unknown = JSON.parse(text);
  const targets = typeof config === "object" && config !== null && "targets" in config ? config.targets : undefined;
  if (!Array.isArray(targets)) throw new SyntaxError("it contains no list of targets");
  return targets.filter((target) => typeof target === "object" && target !== null);
}

function pipelineWarning(pipeline: Pipeline, targets: readonly KnownTarget[], file: string): string | undefined {
  const target = targets.find(({ id }) => id === pipeline.target);
  if (target === undefined) return `${entryLabel(pipeline)}: ${file} does not contain the target ${pipeline.target}`;
  const taps = Array.isArray(target.taps) ? target.taps : [];
  const tap = taps.find((known) => known?.id === pipeline.tap);
  if (tap === undefined)
    return `${entryLabel(pipeline)}: ${file} does not contain the tap ${pipeline.tap} for the target ${pipeline.target}`;
  return tap.enabled === false
    ? `${entryLabel(pipeline)}: the tap is disabled in ${file}, so its runs will be skipped`
    : undefined;
}

/**
 * Warnings about entries that PipelineWise would not run according to its `config.json`, which `pipelinewise import`
 * writes.
 */
async function pipelinewiseWarnings(configDir: string, pipelines: readonly Pipeline[]): Promise<readonly string[]> {
  const file = join(configDir, "config.json");
  try {
    const config = await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
    const targets = targetsOf(await config.readText("utf8").finally(() => config.close()));
    const warnings = pipelines.map((pipeline) => pipelineWarning(pipeline, targets, file));
    return [...new Set(warnings.filter((warning) => warning !== undefined))];
  } catch (error) {
    const why = errorCode(error) === "ENOENT" ? "the file does not exist" : errorMessage(error);
    return [`taps and targets could not be checked against ${file}: ${why}; \`pipelinewise import\` creates it`];
  }
}

/** The machine that a schedule is installed on. */
export interface Machine {
  readonly host: Host;
  readonly crontab: SystemCrontab;
  /** Finds the cron daemon of this machine. */
  readonly findCron: () => Promise<CronHere>;
  /** IANA name of cron's time zone. */
  readonly zone: string;
}

export interface InstallOptions {
  /** `--config-dir` */
  readonly configDir: string | undefined;
  /** Take over a name that is installed from elsewhere. */
  readonly replace: boolean;
  /** Store the schedule for runs that another scheduler starts; leave the crontab alone. */
  readonly compileOnly: boolean;
  /** Another scheduler is to start it; the crontab is left alone. */
  readonly elsewhere?: Elsewhere | undefined;
}

/** A complete plan of an install; nothing has been written yet. */
export interface PreparedInstall {
  readonly paths: StatePaths;
  readonly plan: InstallPlan;
  /** The cron that will start the lines; `undefined` if another scheduler does. */
  readonly cron: CronHere | undefined;
  /** Warnings for the user, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * The config directory that a run under cron finds by itself: cron passes the user's home and nothing else of our
 * environment. If another directory is set here, or PAM may set one, the lines name it.
 */
async function defaultConfigDir({ env }: Host): Promise<string | undefined> {
  const home = loginHome();
  if (home === undefined || (env["PIPELINEWISE_CONFIG_DIRECTORY"] ?? "") !== "") return undefined;
  return realpath(join(home, ".pipelinewise")).catch(() => undefined);
}

/**
 * Asks PipelineWise for the name of its fast sync command, only if the schedule uses it. Throws if PipelineWise is too
 * old.
 */
async function askFastSyncName(
  { pipelines, source }: Schedule,
  command: readonly string[],
  host: Pick<Host, "env">,
): Promise<FastSyncName | undefined> {
  const fast = pipelines.find((pipeline) => isFastSync(pipeline.command));
  const dataDiff = pipelines.find((pipeline) => isDataDiff(pipeline.command));
  if (fast === undefined && dataDiff === undefined) return undefined;
  const known = await askKnownCommands(command, host.env);
  const placeOf = (pipeline: Pipeline) =>
    `${source.path}:${pipeline.place.line}:${pipeline.place.column}  ${entryLabel(pipeline)}`;
  if (dataDiff !== undefined) assertKnowsDataDiff(known, placeOf(dataDiff));
  return fast === undefined ? undefined : fastSyncName(known, placeOf(fast));
}

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
  const file = configDir === undefined ? undefined : { value: configDir, folder: dirname(source.path) };
  return statePaths(await resolveConfigDir(host, { flag, file }));
}

/** Inspects the machine and plans an install. Writes nothing. */
export async function prepareInstall(
  schedule: Schedule,
  options: InstallOptions,
  { host, crontab, findCron, zone }: Machine,
): Promise<PreparedInstall> {
  const { pipelinewise, source, name } = schedule;
  const folder = dirname(source.path);
  const paths = await scheduleState(schedule, options.configDir, host);
  demandLastingProgram(host.program);
  const command = await resolveCommand(pipelinewise.command, host);
  const text = options.compileOnly || options.elsewhere !== undefined ? undefined : await crontab.read();
  const stored = await readStoredFiles(paths, name, host);
  const { others, warnings } = await readOthers(paths, name, host);

  const pipelinewiseHome = host.env["PIPELINEWISE_HOME"] || undefined;
  const plan = planInstall(
    { crontab: text, ...stored, others },
    {
      schedule,
      paths,
      defaultConfigDir: await defaultConfigDir(host),
      envFile: pipelinewise.envFile === undefined ? undefined : absolutePath(pipelinewise.envFile, folder, host),
      resolved: {
        host: host.name,
        user: userName(host),
        command,
        fastSync: await askFastSyncName(schedule, command, host),
        node: host.node,
        program: host.program,
        pipelinewiseHome: pipelinewiseHome === undefined ? undefined : absolutePath(pipelinewiseHome, host.cwd, host),
        machineZone: zone,
      },
      zoneData: { data: host.tzdata, localtime: localtimeMark(host.root) },
      at: host.now(),
      replace: options.replace,
      elsewhere: options.elsewhere,
    },
  );
  const cron = plan.crontab === undefined ? undefined : await findCron();
  return {
    paths,
    plan,
    cron,
    warnings: [
      ...(await configDirWarnings(paths.configDir, host.uid)),
      ...warnings,
      ...(await pipelinewiseWarnings(paths.configDir, schedule.pipelines)),
      ...(cron === undefined ? [] : checkFit(cron, plan, schedule, { host, zone })),
    ],
  };
}

/** Throws if the cron here cannot run the plan; returns warnings about differences from Debian's cron. */
function checkFit(
  cron: CronHere,
  { crontab, name }: InstallPlan,
  { pipelines }: Schedule,
  { host, zone }: Pick<Machine, "host" | "zone">,
): readonly string[] {
  const after = crontab?.after ?? "";
  const load: Load = {
    crontab: after,
    blockAt: findBlocks(after).find(({ mark }) => mark.name === name)?.at ?? 0,
    pipelines,
    machineZone: zone,
    isRoot: host.uid === 0,
    now: host.now(),
  };
  demandFit(cron, load);
  return fitWarnings(cron, load);
}
