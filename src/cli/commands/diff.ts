import { access } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { EXIT, UsageError } from "../../errors.ts";
import { type Host, userName } from "../../host.ts";
import { chooseInstalled, listInstalled } from "../../install/find-installed.ts";
import { prepareInstall } from "../../install/install.ts";
import { changesSomething } from "../../install/plan.ts";
import { loadSchedule } from "../../schedule/load.ts";
import type { Finish } from "../command.ts";
import { renderPlan } from "../format-changes.ts";
import { readMachine } from "../machine.ts";
import { CRON, demandCron, onOption } from "../options.ts";
import { prepareOn } from "../prepare-install.ts";

interface DiffFlags {
  readonly name?: string;
  readonly configDir?: string;
  readonly compileOnly?: boolean;
  readonly on: string;
}

export function addDiff(command: Command, host: Host, finish: Finish): void {
  command
    .argument("[file]", "path of the schedule file (default: schedule.yml if it exists, otherwise the installed file)")
    .addOption(onOption())
    .option("--name <name>", "name of an installed schedule")
    .option("--config-dir <dir>", "PipelineWise's config directory")
    .option("--compile-only", "compare only the stored schedule, which `install --compile-only` writes")
    .action(async (file: string | undefined, { name, configDir, compileOnly = false, on }: DiffFlags) => {
      demandCron(on, "--compile-only", compileOnly);
      const machine = readMachine(host);
      const meant =
        (name === undefined ? (file ?? (await fileHere(host))) : undefined) ??
        installedFile(
          await listInstalled(on === CRON ? await machine.crontab.read() : "", configDir, host),
          { file, name },
          host,
        );
      if (on !== CRON) {
        const { text, changesSomething: differs } = await prepareOn(meant, { on, configDir, replace: false }, host);
        host.stdout.write(text);
        finish(differs ? EXIT.differs : EXIT.ok);
        return;
      }
      const schedule = await loadSchedule(meant, host);
      const options = { configDir, replace: false, compileOnly };
      const { plan, warnings } = await prepareInstall(schedule, options, machine);
      for (const warning of warnings) host.stderr.write(`warning: ${warning}\n`);
      host.stdout.write(renderPlan(plan, userName(host)));
      finish(changesSomething(plan) ? EXIT.differs : EXIT.ok);
    });
}

const fileHere = (host: Host): Promise<string | undefined> =>
  access(resolve(host.cwd, "schedule.yml")).then(
    () => "schedule.yml",
    () => undefined,
  );

function installedFile(...[installed, wish, host]: Parameters<typeof chooseInstalled>): string {
  const { name, source } = chooseInstalled(installed, wish, host);
  if (source !== undefined) return source;
  throw new UsageError(
    `the stored schedule ${name} is garbled and does not say from which file it was installed`,
    "Give the path of the schedule file.",
  );
}
