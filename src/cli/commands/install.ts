import { type Command, Option } from "commander";
import { carryOut } from "../../crontab/act.ts";
import { describeCronHere } from "../../crontab/daemon.ts";
import { prepareInstall } from "../../crontab/install.ts";
import { whileInstalling } from "../../crontab/install-lock.ts";
import { changesSomething } from "../../crontab/plan.ts";
import { UsageError } from "../../errors.ts";
import { type Host, userName } from "../../host.ts";
import { loadSchedule } from "../../schedule/load.ts";
import { readMachine } from "../machine.ts";
import { removeOldCodeCache } from "../old-code-cache.ts";
import { installOn } from "../on/install.ts";
import { renderPlan } from "../render-changes.ts";
import { restore } from "../restore.ts";
import { CRON, demandCron, onOption } from "../scheduler.ts";

interface InstallFlags {
  readonly configDir?: string;
  readonly dryRun?: boolean;
  readonly replace?: boolean;
  readonly compileOnly?: boolean;
  readonly on: string;
  readonly restore?: string | true;
  readonly yes?: boolean;
}

export function addInstall(command: Command, host: Host): void {
  command
    .argument("[file]", "path of the schedule file (default: schedule.yml)")
    .addOption(onOption())
    .option("--config-dir <dir>", "PipelineWise's config directory")
    .option("--dry-run", "show what would change and write nothing")
    .option("--replace", "take over a name that another file or config directory has installed")
    .option("--compile-only", "store the schedule and leave the crontab alone, for runs that another scheduler starts")
    .addOption(
      new Option(
        "--restore [backup]",
        "put back a crontab that was kept before a change (default: the newest)",
      ).conflicts(["replace", "compileOnly"]),
    )
    .option("--yes", "with --restore: do not ask")
    .action(async (file: string | undefined, flags: InstallFlags) => {
      demandCron(flags.on, "--compile-only", flags.compileOnly === true);
      demandCron(flags.on, "--restore", flags.restore !== undefined);
      if (flags.restore === undefined) return install(file ?? "schedule.yml", flags, host);
      if (file !== undefined) {
        throw new UsageError(
          `--restore puts back a crontab, and takes no schedule (${file})`,
          "`install --restore [BACKUP]`",
        );
      }
      const backup = flags.restore === true ? undefined : flags.restore;
      return restore(
        backup,
        { configDir: flags.configDir, dryRun: flags.dryRun === true, yes: flags.yes === true },
        host,
      );
    });
}

async function install(file: string, flags: InstallFlags, host: Host): Promise<void> {
  const dryRun = flags.dryRun === true;
  const { on, configDir, replace = false } = flags;
  const work =
    on === CRON
      ? await cronInstall(file, flags, host)
      : () => installOn(file, { on, configDir, replace }, dryRun, host);
  await (dryRun ? work() : whileInstalling(host, work, () => sayWaiting(host)));
  if (!dryRun) await removeOldCodeCache(host);
}

async function cronInstall(file: string, flags: InstallFlags, host: Host): Promise<() => Promise<void>> {
  const schedule = await loadSchedule(file, host);
  const machine = readMachine(host);
  const options = {
    configDir: flags.configDir,
    replace: flags.replace === true,
    compileOnly: flags.compileOnly === true,
  };
  return async () => {
    const { paths, plan, cron, warnings } = await prepareInstall(schedule, options, machine);
    if (cron !== undefined) host.stderr.write(`cron here: ${describeCronHere(cron)}\n`);
    for (const warning of warnings) host.stderr.write(`warning: ${warning}\n`);
    if (!changesSomething(plan)) {
      host.stderr.write(`nothing to change: ${plan.name} is installed as ${file} has it\n`);
      return;
    }
    host.stdout.write(renderPlan(plan, userName(host)));
    if (flags.dryRun === true) {
      host.stderr.write("dry run: nothing was written\n");
      return;
    }
    const backup = await carryOut(plan, paths, machine);
    const count = schedule.pipelines.length;
    host.stderr.write(
      `${options.compileOnly ? "stored" : "installed"} ${plan.name}: ${count} pipeline${count === 1 ? "" : "s"}, config directory ${paths.configDir}\n`,
    );
    if (backup !== undefined) host.stderr.write(`the crontab as it was: ${backup}\n`);
  };
}

const sayWaiting = (host: Host): unknown => host.stderr.write("waiting for another install of this user to end\n");
