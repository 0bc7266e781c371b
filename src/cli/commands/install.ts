import { createInterface } from "node:readline";
import { type Command, Option } from "commander";
import { UsageError } from "../../errors.ts";
import { type Host, userName } from "../../host.ts";
import { backupPlace, carryOut, withFiles } from "../../install/apply.ts";
import { prepareInstall } from "../../install/install.ts";
import { whileInstalling } from "../../install/install-lock.ts";
import { changesSomething } from "../../install/plan.ts";
import { loadSchedule } from "../../schedule/load.ts";
import { readBackup } from "../../schedulers/cron/backups.ts";
import { findBlocks } from "../../schedulers/cron/block.ts";
import { crontabOf } from "../../schedulers/cron/crontab-program.ts";
import { describeCronHere } from "../../schedulers/cron/daemon.ts";
import { NothingDoneError } from "../../schedulers/scheduler.ts";
import { resolveConfigDir } from "../../storage/config-dir.ts";
import { statePaths } from "../../storage/paths.ts";
import { renderCrontabChange, renderPlan } from "../format-changes.ts";
import { readMachine } from "../machine.ts";
import { removeOldCodeCache } from "../old-code-cache.ts";
import { CRON, demandCron, onOption } from "../options.ts";
import { type OnWish, prepareOn } from "../prepare-install.ts";

/** `install --on` another scheduler than cron. */
export async function installOn(file: string, wish: OnWish, dryRun: boolean, host: Host): Promise<void> {
  const { exporter, sound, paths, stored, prepared, changesSomething, text } = await prepareOn(file, wish, host);
  const { name, pipelines } = sound.schedule;
  if (!changesSomething) {
    host.stderr.write(`nothing to change: ${name} on ${exporter.title} is up to date with ${file}\n`);
    return;
  }
  host.stdout.write(text);
  if (dryRun) {
    host.stderr.write("dry run: nothing was written\n");
    return;
  }
  const notes = await withFiles(stored.files, paths, host, {
    act: prepared.apply,
    hasDoneNothing: (error) => error instanceof NothingDoneError,
  });
  const count = `${pipelines.length} pipeline${pipelines.length === 1 ? "" : "s"}`;
  host.stderr.write(`installed ${name} on ${exporter.title}: ${count}, config directory ${paths.configDir}\n`);
  for (const note of notes) host.stderr.write(`${note}\n`);
}

/** Asks a question on the terminal; only `y` or `yes` agrees. Without a terminal, `--yes` is required. */
export async function demandConsent(question: string, yes: boolean, { stdin, stderr }: Host): Promise<boolean> {
  if (yes) return true;
  if (stdin.isTTY !== true)
    throw new UsageError("confirmation needed, but stdin is not a terminal", "Check the diff above, then add --yes.");
  stderr.write(`${question} [y/N] `);
  const lines = createInterface({ input: stdin });
  try {
    for await (const line of lines) return /^y(es)?$/i.test(line.trim());
    return false;
  } finally {
    lines.close();
  }
}

/** `install --restore`: shows the diff, asks, makes a backup of the current crontab and restores an earlier one. */
export async function restore(
  wanted: string | undefined,
  options: { readonly configDir: string | undefined; readonly dryRun: boolean; readonly yes: boolean },
  host: Host,
): Promise<void> {
  const paths = statePaths(await resolveConfigDir(host, { flag: options.configDir }));
  const crontab = crontabOf(host);
  const { path, text } = await readBackup(backupPlace(paths, host), wanted, host.cwd);
  const work = async (): Promise<void> => {
    const before = await crontab.read();
    if (before === text) {
      host.stderr.write(`nothing to change: the crontab is identical to ${path}\n`);
      return;
    }
    host.stdout.write(renderCrontabChange({ before, after: text }, userName(host)));
    if (options.dryRun) {
      host.stderr.write("dry run: nothing was written\n");
      return;
    }
    if (!(await demandConsent(`Restore the crontab from ${path}?`, options.yes, host))) {
      host.stderr.write("nothing was written\n");
      return;
    }
    const backup = await carryOut({ crontab: { before, after: text }, files: [] }, paths, { host, crontab });
    host.stderr.write(`restored the crontab from ${path}\nbackup of the previous crontab: ${backup}\n`);
    const names = findBlocks(text).map(({ mark }) => mark.name);
    host.stderr.write(
      `the stored schedules were not changed; the crontab now contains ${names.length === 0 ? "no schedule" : names.join(", ")}. Run \`diff\` to check that they still match.\n`,
    );
  };
  await (options.dryRun ? work() : whileInstalling(host, work));
}

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
    .option("--replace", "replace a schedule of this name that was installed from another file or config directory")
    .option("--compile-only", "store the schedule without changing the crontab, for runs that another scheduler starts")
    .addOption(
      new Option("--restore [backup]", "restore a backup of the crontab (default: the newest)").conflicts([
        "replace",
        "compileOnly",
      ]),
    )
    .option("--yes", "with --restore: do not ask for confirmation")
    .action(async (file: string | undefined, flags: InstallFlags) => {
      demandCron(flags.on, "--compile-only", flags.compileOnly === true);
      demandCron(flags.on, "--restore", flags.restore !== undefined);
      if (flags.restore === undefined) return install(file ?? "schedule.yml", flags, host);
      if (file !== undefined) {
        throw new UsageError(
          `--restore restores a crontab and does not accept a schedule file (${file})`,
          "Write: pipelinewise-sched install --restore [BACKUP]",
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
    if (cron !== undefined) host.stderr.write(`cron on this machine: ${describeCronHere(cron)}\n`);
    for (const warning of warnings) host.stderr.write(`warning: ${warning}\n`);
    if (!changesSomething(plan)) {
      host.stderr.write(`nothing to change: ${plan.name} is up to date with ${file}\n`);
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
    if (backup !== undefined) host.stderr.write(`backup of the previous crontab: ${backup}\n`);
  };
}

const sayWaiting = (host: Host): unknown => host.stderr.write("waiting for another install by this user to finish\n");
