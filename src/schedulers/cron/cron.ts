import { realpath } from "node:fs/promises";
import { join } from "node:path";
import { errorMessage, StoreError } from "../../errors.ts";
import { type Host, loginHome, userName } from "../../host.ts";
import { type RestoreContext, restoreTexts, type StoredTexts } from "../../installed/restore.ts";
import type { FileChange } from "../../installed/transaction.ts";
import { horizonFrom } from "../../installed/zones.ts";
import { entryPath } from "../../pipeline-id.ts";
import type { Diagnostic } from "../../schedule/diagnostic.ts";
import { statePaths } from "../../storage/paths.ts";
import { holdSignals } from "../../system/hold-signals.ts";
import { renderDiff } from "../../text/diff.ts";
import type { TakeOver } from "../owner-mark.ts";
import {
  allOrNothing,
  configDirOf,
  type InstallJob,
  type ListedSchedule,
  type PreparedInstall,
  type PreparedPlan,
  type PreparedRestore,
  type Scheduler,
  type SchedulerInstall,
  type SchedulerPlan,
} from "../scheduler.ts";
import {
  type BackupLocation,
  OTHER_BACKUP,
  readBackup,
  readCopies,
  readReplaced,
  readStoredTexts,
  storedPaths,
  writeBackup,
} from "./backups.ts";
import { assertNoMessage, type Block, findBlocks, fromCrontabText, removeBlock } from "./block.ts";
import { crontabProgram, LOOK_LIMITS, NoCrontabProgramError } from "./call-crontab.ts";
import { assertCompatible, type CrontabDraft, compatibilityWarnings } from "./compatibility.ts";
import { crontabOf } from "./crontab-program.ts";
import { describeDetectedCron, detectCron } from "./daemon.ts";
import { inspectCrontab } from "./inspect.ts";
import { checkBlock, planCrontab } from "./plan.ts";
import { isExport, mayFireEarly, renderExport } from "./render.ts";

/** cron: one block in the user's crontab, and no other line of it is touched. */
export const cron: Scheduler = {
  name: "cron",
  title: "cron",
  removeByHand: "remove the lines between the markers by hand: `crontab -e`",
  needsConfigDir: false,
  hasWorkers: false,
  horizon: horizonFrom,
  check: () => [],
  checkCommands,
  candidates: (job) => job.schedule.pipelines.filter((pipeline) => mayFireEarly(pipeline, job)).map(entryPath),
  render: (job) => [{ name: "crontab", text: renderExport(job.schedule, job.call, job) }],
  isExport,
  prepareInstall,
  prepareUninstall,
  inspect: inspectCrontab,
  listInstalled,
  describeHere: async (host) =>
    aboutCron(describeDetectedCron(await detectCron(host.root, crontabProgram(host, LOOK_LIMITS)))),
  prepareRestore,
};

const aboutCron = (description: string): string => `cron on this machine: ${description}`;

/**
 * The config directory that a run under cron finds by itself: cron passes the user's home and nothing else of our
 * environment. If another directory is set here, or PAM may set one, the lines name it.
 */
async function defaultConfigDir({ env }: Host): Promise<string | undefined> {
  const home = loginHome();
  if (home === undefined || (env["PIPELINEWISE_CONFIG_DIRECTORY"] ?? "") !== "") return undefined;
  return realpath(join(home, ".pipelinewise")).catch(() => undefined);
}

async function checkCommands(job: InstallJob, host: Host): Promise<readonly Diagnostic[]> {
  // A crontab that cannot be read is reported where it is planned.
  const before = await crontabOf(host, crontabProgram(host, LOOK_LIMITS))
    .read()
    .catch((error) => {
      if (error instanceof StoreError) return "";
      throw error;
    });
  return checkBlock(before, {
    schedule: job.schedule,
    call: { ...job.call, configDir: configDirOf(job) },
    defaultConfigDir: await defaultConfigDir(host),
    frame: job,
  });
}

async function prepareInstall(job: InstallJob, host: Host, takeOver: TakeOver): Promise<PreparedInstall> {
  const { schedule, machineZone } = job;
  const configDir = configDirOf(job);
  const crontab = crontabOf(host);
  const before = await crontab.read();
  assertNoMessage(before);
  const { after, lines, previous } = planCrontab(before, {
    schedule,
    call: { ...job.call, configDir },
    defaultConfigDir: await defaultConfigDir(host),
    frame: job,
    takeOver,
  });
  const detected = await detectCron(host.root, crontabProgram(host));
  const draft: CrontabDraft = {
    crontab: after,
    blockAt: findBlocks(after).find(({ mark }) => mark.name === schedule.name)?.at ?? 0,
    pipelines: schedule.pipelines,
    machineZone,
    isRoot: host.uid === 0,
    now: host.now(),
  };
  assertCompatible(detected, draft);
  if (after !== before) await crontab.check(after);
  const warnings = [...compatibilityWarnings(detected, draft)];
  if (previous !== undefined && previous.configDir !== configDir) {
    warnings.push(
      `the config directory changed (it was ${previous.configDir}); ${schedule.name} stays stored there until \`uninstall --name ${schedule.name} --config-dir ${previous.configDir}\``,
    );
  }
  return {
    plan: planOf({ before, after }, { isNew: previous === undefined, user: userName(host), warnings }),
    stored: { lines },
    about: aboutCron(describeDetectedCron(detected)),
    apply: await prepareRewrite({ before, after }, backupLocation(configDir, host), host),
  };
}

interface Rewrite {
  readonly before: string;
  readonly after: string;
}

function planOf(
  { before, after }: Rewrite,
  { isNew = false, user, warnings = [] }: { isNew?: boolean; user: string; warnings?: readonly string[] },
): SchedulerPlan {
  const kind = before === after ? "unchanged" : isNew ? "created" : "changed";
  const names = { before: `crontab of ${user}, now`, after: `crontab of ${user}, then` };
  return {
    changes: [{ kind, what: `crontab of ${user}`, differences: [] }],
    diff: fromCrontabText(renderDiff(before, after, names)),
    warnings,
  };
}

const backupLocation = (configDir: string, host: Host): BackupLocation => ({
  paths: statePaths(configDir),
  host: host.name,
  user: userName(host),
  uid: host.uid,
});

/** The blocks of a crontab; none if a marker is broken, because a restore must work then too. */
function blocksOrNone(crontab: string): readonly Block[] {
  try {
    return findBlocks(crontab);
  } catch (error) {
    if (error instanceof StoreError) return [];
    throw error;
  }
}

/** Schedules of a config directory in a crontab. */
const namesIn = (crontab: string, { paths }: BackupLocation): readonly string[] =>
  blocksOrNone(crontab)
    .filter(({ mark }) => mark.configDir === paths.configDir)
    .map(({ mark }) => mark.name);

/**
 * Prepares to back up the crontab and to write the new one. Reads the stored files of its schedules now: an install
 * replaces them before it changes the crontab.
 */
async function prepareRewrite(
  { before, after }: Rewrite,
  location: BackupLocation,
  host: Host,
): Promise<() => Promise<readonly string[]>> {
  if (before === after) return async () => [];
  const stored = await readStoredTexts(location, namesIn(before, location));
  const step = async (): Promise<readonly string[]> => {
    const backup = await allOrNothing(() => writeBackup(location, { crontab: before, stored }, host.now()));
    const warnings = await crontabOf(host).write(after, { before, backup });
    return [...warnings.map((warning) => `warning: ${warning}`), `backup of the previous crontab: ${backup}`];
  };
  return () => holdSignals(host.signals, step, { done: "the crontab was written completely" });
}

/** The crontab; `undefined` on a machine without a `crontab` program, where another scheduler starts the runs. */
async function readIfPresent(host: Host): Promise<string | undefined> {
  try {
    return await crontabOf(host).read();
  } catch (error) {
    if (error instanceof NoCrontabProgramError) return undefined;
    throw error;
  }
}

async function listInstalled(host: Host): Promise<readonly ListedSchedule[]> {
  return findBlocks((await readIfPresent(host)) ?? "").map(({ mark }) => mark);
}

async function prepareUninstall({ name, configDir, isStored }: SchedulerInstall, host: Host): Promise<PreparedPlan> {
  // A crontab that has our lines exists, even if the program to change it is missing.
  const before = isStored === true ? await crontabOf(host).read() : ((await readIfPresent(host)) ?? "");
  assertNoMessage(before);
  const isOurs = findBlocks(before).some(({ mark }) => mark.name === name && mark.configDir === configDir);
  const change = { before, after: isOurs ? removeBlock(before, name) : before };
  return {
    plan: planOf(change, { user: userName(host) }),
    apply: await prepareRewrite(change, backupLocation(configDir, host), host),
  };
}

async function prepareRestore(wanted: string | undefined, configDir: string, host: Host): Promise<PreparedRestore> {
  const location = backupLocation(configDir, host);
  const { path, text } = await readBackup(location, wanted, host.cwd);
  const change = { before: await crontabOf(host).read(), after: text };
  const ours = namesIn(text, location);
  const copies = await readCopies(location, path, ours);
  const current = await readStoredTexts(location, ours);
  const files: FileChange[] = [];
  for (const [name, copy] of copies) {
    const now = current.get(name);
    const then = restored(copy, now, { name, host: host.name, at: host.now() });
    const paths = storedPaths(location, name);
    files.push({ path: paths.schedule, before: await readReplaced(paths.schedule), after: then.schedule });
    files.push({ path: paths.install, before: await readReplaced(paths.install), after: then.install });
  }
  return {
    path,
    plan: planOf(change, { user: userName(host) }),
    files,
    notes: restoreNotes(change, [...copies.keys()]),
    apply: await prepareRewrite(change, location, host),
  };
}

function restored(copy: StoredTexts, current: StoredTexts | undefined, context: RestoreContext): StoredTexts {
  try {
    return restoreTexts(copy, current, context);
  } catch (error) {
    throw new StoreError(`the backup's stored schedule of ${context.name} is damaged: ${errorMessage(error)}`, {
      hint: OTHER_BACKUP,
    });
  }
}

/** Notes about the stored schedules that are, or are not, restored with the crontab. */
function restoreNotes({ before, after }: Rewrite, copied: readonly string[]): readonly string[] {
  const names = blocksOrNone(after).map(({ mark }) => mark.name);
  const alone = names.filter((name) => !copied.includes(name));
  const gone = blocksOrNone(before).flatMap(({ mark }) => (names.includes(mark.name) ? [] : [mark.name]));
  return [
    ...copied.map((name) => `the stored schedule ${name} is restored with the crontab`),
    ...alone.map(
      (name) =>
        `warning: the backup does not contain the stored schedule ${name}, so only the crontab is restored. Run \`diff\` to check that they still match`,
    ),
    ...gone.map(
      (name) =>
        `warning: the crontab will not start ${name}, which stays stored. Remove it: pipelinewise-sched uninstall --name ${name}`,
    ),
  ];
}
