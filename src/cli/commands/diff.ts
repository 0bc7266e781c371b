import { access } from "node:fs/promises";
import { resolve } from "node:path";
import type { Command } from "commander";
import { EXIT, UsageError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { chooseInstalled, listInstalled } from "../../install/find-installed.ts";
import { loadValid } from "../../schedule/load.ts";
import { loadScheduler } from "../../schedulers/registry.ts";
import { examples, type Finish } from "../command.ts";
import { installedWarnings } from "../installed-warnings.ts";
import { type CallFlags, callPaths, onOption, withCallOptions } from "../options.ts";
import { prepareChanges } from "../prepare-install.ts";

interface DiffFlags extends CallFlags {
  readonly name?: string;
  readonly configDir?: string;
  readonly compileOnly?: boolean;
  readonly on: string;
}

export function addDiff(command: Command, host: Host, finish: Finish): void {
  withCallOptions(
    command
      .argument(
        "[file]",
        "path of the schedule file (default: schedule.yml if it exists, otherwise the installed file)",
      )
      .addOption(onOption())
      .option("--name <name>", "name of an installed schedule")
      .option("--config-dir <dir>", "PipelineWise's config directory"),
    "this machine",
  )
    .option("--compile-only", "compare only the stored schedule, which `install --compile-only` writes")
    .addHelpText("after", examples("diff schedule.yml"))
    .action(async (file: string | undefined, { name, configDir, compileOnly = false, on, ...flags }: DiffFlags) => {
      const scheduler = await loadScheduler(on);
      const meant =
        (name === undefined ? (file ?? (await fileHere(host))) : undefined) ??
        installedFile(await listInstalled(scheduler, configDir, host), { file, name }, host);
      const valid = await loadValid(meant, host);
      const options = { configDir, replace: false, compileOnly, call: callPaths(flags, host) };
      const { text, isNoOp, warnings } = await prepareChanges(scheduler, valid, options, host);
      // The plan compares with the file. These compare with what was installed, as `status` does.
      const found = compileOnly ? [] : await installedWarnings(valid.schedule, { flag: configDir, inDiff: true }, host);
      for (const one of found) if (!warnings.includes(one)) host.stderr.write(`warning: ${one}\n`);
      host.stdout.write(text);
      finish(isNoOp ? EXIT.ok : EXIT.differs);
    });
}

const fileHere = (host: Host): Promise<string | undefined> =>
  access(resolve(host.cwd, "schedule.yml")).then(
    () => "schedule.yml",
    () => undefined,
  );

function installedFile(...[installed, selector, host]: Parameters<typeof chooseInstalled>): string {
  const { name, source } = chooseInstalled(installed, selector, host);
  if (source !== undefined) return source;
  throw new UsageError(
    `the stored schedule ${name} is garbled and does not say from which file it was installed`,
    "Give the path of the schedule file.",
  );
}
