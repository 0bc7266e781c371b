import { dirname } from "node:path";
import type { Command } from "commander";
import { SchedError, UsageError } from "../../errors.ts";
import { type Host, userName } from "../../host.ts";
import { carryOut, withFiles } from "../../install/apply.ts";
import { chooseInstalled, type InstalledWish, listInstalled } from "../../install/find-installed.ts";
import { whileInstalling } from "../../install/install-lock.ts";
import { prepareUninstall, prepareUninstallElsewhere } from "../../install/uninstall.ts";
import { loadSchedule } from "../../schedule/load.ts";
import { crontabOf, NoCrontabProgramError } from "../../schedulers/cron/crontab-program.ts";
import { absolutePath } from "../../storage/config-dir.ts";
import { renderCrontabChange, renderSchedulerPlan } from "../format-changes.ts";
import { CRON, loadExporter, onOption } from "../options.ts";

/** The config directory that a schedule file names; `undefined` if it names none or can no longer be read. */
async function fileConfigDir(file: string | undefined, host: Host): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    const schedule = await loadSchedule(file, host);
    const { configDir } = schedule.pipelinewise;
    return configDir === undefined ? undefined : absolutePath(configDir, dirname(schedule.source.path), host);
  } catch (error) {
    if (error instanceof SchedError) return undefined;
    throw error;
  }
}

export interface UninstallManners {
  readonly dryRun: boolean;
  /** Do not contact the scheduler, because it no longer exists. */
  readonly forget: boolean;
}

/** `uninstall --on` another scheduler than cron: removes what is installed there, then what is stored for it. */
export async function uninstallOn(
  on: string,
  wish: InstalledWish,
  { dryRun, forget }: UninstallManners,
  host: Host,
): Promise<void> {
  const exporter = await loadExporter(on);
  const configDirFlag = wish.configDir ?? (await fileConfigDir(wish.file, host));
  const meant = chooseInstalled(await listInstalled("", configDirFlag, host), wish, host);
  const { paths, place, files, others } = await prepareUninstallElsewhere(meant, on, host);
  const { name, configDir } = meant;
  const prepared = forget ? undefined : await exporter.prepareUninstall({ name, configDir, place }, host);
  for (const warning of prepared?.plan.warnings ?? []) host.stderr.write(`warning: ${warning}\n`);
  if (prepared !== undefined) host.stdout.write(renderSchedulerPlan(prepared.plan, exporter.title));
  if (dryRun) {
    host.stderr.write("dry run: nothing was written\n");
    return;
  }
  const notes = (await prepared?.apply()) ?? [
    `${exporter.title} was not contacted; everything installed there was left in place`,
  ];
  await withFiles(files, paths, host, { act: async () => {}, hasDoneNothing: () => true });
  host.stderr.write(
    `${forget ? "forgot" : "uninstalled"} ${name} ${forget ? "on" : "from"} ${exporter.title}; its history and logs stay in ${paths.root}\n`,
  );
  for (const note of notes) host.stderr.write(`${note}\n`);
  if (others.length > 0) host.stderr.write(`${name} is still installed on ${others.join(" and ")}\n`);
}

interface UninstallFlags {
  readonly name?: string;
  readonly configDir?: string;
  readonly dryRun?: boolean;
  readonly forget?: boolean;
  readonly on: string;
}

export function addUninstall(command: Command, host: Host): void {
  command
    .argument("[file]", "path of the schedule file; needed only when several are installed")
    .addOption(onOption())
    .option("--name <name>", "name of the schedule")
    .option("--config-dir <dir>", "PipelineWise's config directory")
    .option("--dry-run", "show what would change and write nothing")
    .option(
      "--forget",
      "with --on: do not contact the scheduler, because it no longer exists; remove only what is stored for it",
    )
    .action(async (file: string | undefined, { dryRun = false, forget = false, on, ...wish }: UninstallFlags) => {
      if (on === CRON && forget) {
        throw new UsageError(
          "--forget needs --on and another scheduler than cron",
          "Remove --forget, or add --on SCHEDULER.",
        );
      }
      const work = (): Promise<void> =>
        on === CRON
          ? uninstall({ file, ...wish }, dryRun, host)
          : uninstallOn(on, { file, ...wish }, { dryRun, forget }, host);
      await (dryRun ? work() : whileInstalling(host, work));
    });
}

async function uninstall(wish: InstalledWish, dryRun: boolean, host: Host): Promise<void> {
  const crontab = crontabOf(host);
  // A machine on which another scheduler starts the runs may have no crontab program.
  const text = await crontab.read().catch((error) => {
    if (error instanceof NoCrontabProgramError) return undefined;
    throw error;
  });
  const meant = chooseInstalled(await listInstalled(text ?? "", wish.configDir, host), wish, host);
  const { paths, changes, others } = await prepareUninstall(meant, text, host);
  if (changes.crontab !== undefined) host.stdout.write(renderCrontabChange(changes.crontab, userName(host)));
  if (dryRun) {
    host.stderr.write("dry run: nothing was written\n");
    return;
  }
  const backup = await carryOut(changes, paths, { host, crontab });
  host.stderr.write(`uninstalled ${meant.name}; its history and logs stay in ${paths.root}\n`);
  if (others.length > 0) host.stderr.write(`${meant.name} is still installed on ${others.join(" and ")}\n`);
  if (backup !== undefined) host.stderr.write(`backup of the previous crontab: ${backup}\n`);
}
