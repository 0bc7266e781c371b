import { withFiles } from "../../crontab/act.ts";
import { chooseInstalled, type InstalledWish, listInstalled } from "../../crontab/installed.ts";
import { prepareUninstallElsewhere } from "../../crontab/uninstall.ts";
import type { Host } from "../../host.ts";
import { loadExporter } from "../scheduler.ts";
import { renderSchedulerPlan } from "./plan-text.ts";

/** `uninstall --on` another scheduler than cron: what stands there goes first, then what is stored for it. */
export async function uninstallOn(on: string, wish: InstalledWish, dryRun: boolean, host: Host): Promise<void> {
  const exporter = await loadExporter(on);
  const meant = chooseInstalled(await listInstalled("", wish.configDir, host), wish, host);
  const { paths, place, files, others } = await prepareUninstallElsewhere(meant, on, host);
  const { name, configDir } = meant;
  const { plan, apply } = await exporter.prepareUninstall({ name, configDir, place }, host);
  for (const warning of plan.warnings) host.stderr.write(`warning: ${warning}\n`);
  host.stdout.write(renderSchedulerPlan(plan, exporter.title));
  if (dryRun) {
    host.stderr.write("dry run: nothing was written\n");
    return;
  }
  const notes = await apply();
  await withFiles(files, paths, host, { act: async () => {}, hasDoneNothing: () => true });
  host.stderr.write(`uninstalled ${name} from ${exporter.title}; its history and logs stay in ${paths.root}\n`);
  for (const note of notes) host.stderr.write(`${note}\n`);
  if (others.length > 0) host.stderr.write(`${name} stays installed on ${others.join(" and ")}\n`);
}
