import { dirname } from "node:path";
import type { Command } from "commander";
import { SchedError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { chooseInstalled, type InstalledSelector, listInstalled } from "../../install/find-installed.ts";
import { whileInstalling } from "../../install/install-lock.ts";
import { applyUninstall, planUninstall } from "../../install/uninstall.ts";
import { loadSchedule } from "../../schedule/load.ts";
import { loadScheduler } from "../../schedulers/registry.ts";
import type { Scheduler } from "../../schedulers/scheduler.ts";
import { absolutePath, namedConfigDir } from "../../storage/config-dir.ts";
import { examples } from "../command.ts";
import { renderSchedulerPlan } from "../format-changes.ts";
import { onOption } from "../options.ts";

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
    .option("--forget", "do not contact the scheduler, because it no longer exists; remove only what is stored for it")
    .addHelpText("after", examples("uninstall --dry-run", "uninstall --name nightly --on airflow"))
    .action(async (file: string | undefined, { dryRun = false, forget = false, on, ...selector }: UninstallFlags) => {
      const scheduler = await loadScheduler(on);
      const work = () => uninstall(scheduler, { file, ...selector }, { dryRun, forget }, host);
      await (dryRun ? work() : whileInstalling(host, work));
    });
}

async function uninstall(
  scheduler: Scheduler,
  selector: InstalledSelector,
  { dryRun, forget }: { readonly dryRun: boolean; readonly forget: boolean },
  host: Host,
): Promise<void> {
  // A scheduler that names its schedules names their config directories too, but the file goes before the environment.
  const readsFile = scheduler.listInstalled === undefined || namedConfigDir(host) !== undefined;
  const inFile = readsFile ? await fileConfigDir(selector.file, host) : undefined;
  const configDir = selector.configDir ?? inFile;
  const meant = chooseInstalled(await listInstalled(scheduler, configDir, host), selector, host);
  const planned = await planUninstall(scheduler, meant, { forget }, host);
  const { prepared, paths, others } = planned;
  const { name } = meant;
  const { title } = scheduler;
  for (const warning of prepared?.plan.warnings ?? []) host.stderr.write(`warning: ${warning}\n`);
  if (prepared !== undefined) host.stdout.write(renderSchedulerPlan(prepared.plan, title));
  if (dryRun) {
    host.stderr.write("dry run: nothing was written\n");
    return;
  }
  const notes = await applyUninstall(planned, host);
  host.stderr.write(
    `${forget ? `forgot ${name} on` : `uninstalled ${name} from`} ${title}; its history and logs stay in ${paths.root}\n`,
  );
  if (forget) host.stderr.write(`${title} was not contacted; everything installed there was left in place\n`);
  for (const note of notes) host.stderr.write(`${note}\n`);
  if (others.length > 0) host.stderr.write(`${name} is still installed on ${others.join(" and ")}\n`);
}

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
