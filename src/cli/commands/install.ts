import { createInterface } from "node:readline";
import { type Command, Option } from "commander";
import { UsageError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { applyInstall, applyRestore } from "../../install/install.ts";
import { whileInstalling } from "../../install/install-lock.ts";
import { changesFiles } from "../../install/plan.ts";
import { loadValid } from "../../schedule/load.ts";
import { loadScheduler } from "../../schedulers/registry.ts";
import { planChangesSomething, type Scheduler } from "../../schedulers/scheduler.ts";
import { resolveConfigDir } from "../../storage/config-dir.ts";
import { ANY_HOST, statePaths } from "../../storage/paths.ts";
import { examples } from "../command.ts";
import { renderSchedulerPlan } from "../format-changes.ts";
import { removeOldCodeCache } from "../old-code-cache.ts";
import { type CallFlags, callPaths, onOption, withCallOptions } from "../options.ts";
import { prepareChanges } from "../prepare-install.ts";

interface InstallFlags extends CallFlags {
  readonly configDir?: string;
  readonly dryRun?: boolean;
  readonly replace?: boolean;
  readonly compileOnly?: boolean;
  readonly anyHost?: boolean;
  readonly on: string;
  readonly restore?: string | true;
  readonly yes?: boolean;
}

export function addInstall(command: Command, host: Host): void {
  withCallOptions(
    command
      .argument("[file]", "path of the schedule file (default: schedule.yml)")
      .addOption(onOption())
      .option("--config-dir <dir>", "PipelineWise's config directory"),
    "this machine",
  )
    .option("--dry-run", "show what would change and write nothing")
    .option("--replace", "replace a schedule of this name that was installed from another file or config directory")
    .option("--compile-only", "store the schedule for the runs and leave the scheduler unchanged")
    .option("--any-host", "with --compile-only: store it once for all hosts, whatever their names")
    .addOption(
      new Option("--restore [backup]", "restore a backup of the crontab (default: the newest)").conflicts([
        "replace",
        "compileOnly",
        "anyHost",
      ]),
    )
    .option("--yes", "with --restore: do not ask for confirmation")
    .addHelpText("after", examples("install schedule.yml --dry-run", "install schedule.yml --on systemd"))
    .action(async (file: string | undefined, flags: InstallFlags) => {
      const scheduler = await loadScheduler(flags.on);
      if (flags.restore === undefined) return install(scheduler, file ?? "schedule.yml", flags, host);
      if (file !== undefined) {
        throw new UsageError(
          `--restore restores a crontab and does not accept a schedule file (${file})`,
          "Write: pipelinewise-sched install --restore [BACKUP]",
        );
      }
      return restore(scheduler, flags, host);
    });
}

async function install(scheduler: Scheduler, file: string, flags: InstallFlags, host: Host): Promise<void> {
  const valid = await loadValid(file, host);
  const dryRun = flags.dryRun === true;
  const compileOnly = flags.compileOnly === true;
  const anyHost = flags.anyHost === true;
  if (anyHost && !compileOnly) {
    throw new UsageError(
      "--any-host needs --compile-only",
      "Add --compile-only: a scheduler is set up on one host, by its name.",
    );
  }
  const target = anyHost ? { ...host, name: ANY_HOST } : host;
  const options = {
    configDir: flags.configDir,
    replace: flags.replace === true,
    compileOnly,
    call: callPaths(flags, host),
  };
  const { name, pipelines } = valid.schedule;
  const where = compileOnly ? "" : ` on ${scheduler.title}`;
  const work = async (): Promise<void> => {
    const changes = await prepareChanges(scheduler, valid, options, target);
    if (changes.isNoOp) {
      host.stderr.write(`nothing to change: ${name}${where} is up to date with ${file}\n`);
      return;
    }
    host.stdout.write(changes.text);
    if (dryRun) return sayDryRun(host);
    const notes = await applyInstall(changes, host);
    const count = `${pipelines.length} pipeline${pipelines.length === 1 ? "" : "s"}`;
    const done = anyHost ? "stored for any host:" : compileOnly ? "stored" : "installed";
    host.stderr.write(`${done} ${name}${where}: ${count}, config directory ${changes.paths.configDir}\n`);
    for (const note of notes) host.stderr.write(`${note}\n`);
  };
  await (dryRun ? work() : whileInstalling(host, work, () => sayWaiting(host)));
  if (!dryRun) await removeOldCodeCache(host);
}

const sayDryRun = (host: Host): void => {
  host.stderr.write("dry run: nothing was written\n");
};

const sayWaiting = (host: Host): unknown => host.stderr.write("waiting for another install by this user to finish\n");

/** `install --restore`: shows the diff, asks, makes a backup of the current crontab and restores an earlier one. */
async function restore(scheduler: Scheduler, flags: InstallFlags, host: Host): Promise<void> {
  const { prepareRestore } = scheduler;
  if (prepareRestore === undefined) {
    throw new UsageError(
      `--restore and --on ${scheduler.name} exclude each other`,
      `Remove --restore: this program keeps backups of crontabs only, not of ${scheduler.title}.`,
    );
  }
  const dryRun = flags.dryRun === true;
  const wanted = flags.restore === true ? undefined : flags.restore;
  const configDir = await resolveConfigDir(host, { flag: flags.configDir });
  const work = async (): Promise<void> => {
    const prepared = await prepareRestore(wanted, configDir, host);
    const { path, plan, files } = prepared;
    if (!planChangesSomething(plan) && !changesFiles({ files })) {
      host.stderr.write(`nothing to change: the crontab is identical to ${path}\n`);
      return;
    }
    host.stdout.write(renderSchedulerPlan(plan, scheduler.title));
    for (const note of prepared.notes) host.stderr.write(`${note}\n`);
    if (dryRun) return sayDryRun(host);
    if (!(await askConsent(`Restore the crontab from ${path}?`, flags.yes === true, host))) {
      host.stderr.write("nothing was written\n");
      return;
    }
    const notes = await applyRestore(prepared, statePaths(configDir), host);
    host.stderr.write(`restored the crontab from ${path}\n`);
    for (const note of notes) host.stderr.write(`${note}\n`);
  };
  await (dryRun ? work() : whileInstalling(host, work, () => sayWaiting(host)));
}

/** Asks a question on the terminal; only `y` or `yes` agrees. Without a terminal, `--yes` is required. */
async function askConsent(question: string, yes: boolean, { stdin, stderr }: Host): Promise<boolean> {
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
