import { dirname } from "node:path";
import { absolutePath } from "../../config-dir.ts";
import { withFiles } from "../../crontab/act.ts";
import { chooseInstalled, type InstalledWish, listInstalled } from "../../crontab/installed.ts";
import { prepareUninstallElsewhere } from "../../crontab/uninstall.ts";
import { SchedError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { loadSchedule } from "../../schedule/load.ts";
import { loadExporter } from "../scheduler.ts";
import { renderSchedulerPlan } from "./plan-text.ts";

/** The config directory that a schedule file names; `undefined` where it names none, or can no longer be read. */
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
  /** Leave alone what stands at the scheduler: it is gone, or will never answer again. */
  readonly forget: boolean;
}

/** `uninstall --on` another scheduler than cron: what stands there goes first, then what is stored for it. */
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
  const notes = (await prepared?.apply()) ?? [`what stands on ${exporter.title} was not looked at, and stays`];
  await withFiles(files, paths, host, { act: async () => {}, hasDoneNothing: () => true });
  host.stderr.write(
    `${forget ? "forgot" : "uninstalled"} ${name} ${forget ? "on" : "from"} ${exporter.title}; its history and logs stay in ${paths.root}\n`,
  );
  for (const note of notes) host.stderr.write(`${note}\n`);
  if (others.length > 0) host.stderr.write(`${name} stays installed on ${others.join(" and ")}\n`);
}
