import type { Command } from "commander";
import { carryOut } from "../../crontab/act.ts";
import { whileInstalling } from "../../crontab/install-lock.ts";
import { chooseInstalled, type InstalledWish, listInstalled } from "../../crontab/installed.ts";
import { NoCrontabProgramError } from "../../crontab/program.ts";
import { crontabOf } from "../../crontab/system.ts";
import { prepareUninstall } from "../../crontab/uninstall.ts";
import { UsageError } from "../../errors.ts";
import { type Host, userName } from "../../host.ts";
import { uninstallOn } from "../on/uninstall.ts";
import { renderCrontabChange } from "../render-changes.ts";
import { CRON, onOption } from "../scheduler.ts";

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
    .option("--name <name>", "the schedule by its name")
    .option("--config-dir <dir>", "PipelineWise's config directory")
    .option("--dry-run", "show what would change and write nothing")
    .option("--forget", "with --on: do not ask the scheduler, which is gone for good; what stands there stays")
    .action(async (file: string | undefined, { dryRun = false, forget = false, on, ...wish }: UninstallFlags) => {
      if (on === CRON && forget) {
        throw new UsageError("--forget goes with --on another scheduler", "A crontab is never gone for good.");
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
  // A machine whose runs another scheduler starts may have no crontab at all.
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
  if (others.length > 0) host.stderr.write(`${meant.name} stays installed on ${others.join(" and ")}\n`);
  if (backup !== undefined) host.stderr.write(`the crontab as it was: ${backup}\n`);
}
