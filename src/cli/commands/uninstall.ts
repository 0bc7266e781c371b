import type { Command } from "commander";
import { carryOut } from "../../crontab/act.ts";
import { whileInstalling } from "../../crontab/install-lock.ts";
import { NoCrontabProgramError } from "../../crontab/program.ts";
import { crontabOf } from "../../crontab/system.ts";
import { chooseInstalled, type InstalledWish, listInstalled, prepareUninstall } from "../../crontab/uninstall.ts";
import { type Host, userName } from "../../host.ts";
import { renderCrontabChange } from "../render-changes.ts";

interface UninstallFlags {
  readonly name?: string;
  readonly configDir?: string;
  readonly dryRun?: boolean;
}

export function addUninstall(command: Command, host: Host): void {
  command
    .argument("[file]", "path of the schedule file; needed only when several are installed")
    .option("--name <name>", "the schedule by its name")
    .option("--config-dir <dir>", "PipelineWise's config directory")
    .option("--dry-run", "show what would change and write nothing")
    .action(async (file: string | undefined, { dryRun = false, ...wish }: UninstallFlags) => {
      const work = (): Promise<void> => uninstall({ file, ...wish }, dryRun, host);
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
  const { paths, changes } = await prepareUninstall(meant, text, host);
  if (changes.crontab !== undefined) host.stdout.write(renderCrontabChange(changes.crontab, userName(host)));
  if (dryRun) {
    host.stderr.write("dry run: nothing was written\n");
    return;
  }
  const backup = await carryOut(changes, paths, { host, crontab });
  host.stderr.write(`uninstalled ${meant.name}; its history and logs stay in ${paths.root}\n`);
  if (backup !== undefined) host.stderr.write(`the crontab as it was: ${backup}\n`);
}
