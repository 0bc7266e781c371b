import { Command } from "commander";
import type { Host } from "../host.ts";
import type { AddCommand, Finish } from "./add-command.ts";
import { addDiff } from "./commands/diff.ts";
import { addExport } from "./commands/export.ts";
import { addHistory } from "./commands/history.ts";
import { addInstall } from "./commands/install.ts";
import { addPreview } from "./commands/preview.ts";
import { addRun } from "./commands/run.ts";
import { addStatus } from "./commands/status.ts";
import { addUninstall } from "./commands/uninstall.ts";
import { addValidate } from "./commands/validate.ts";

const COMMANDS: readonly AddCommand[] = [
  addValidate,
  addPreview,
  addInstall,
  addUninstall,
  addDiff,
  addExport,
  addRun,
  addStatus,
  addHistory,
];

/** The whole command line. */
export function buildProgram(host: Host, finish: Finish): Command {
  const program = new Command("pipelinewise-sched")
    .description("Puts PipelineWise pipelines into cron from one YAML file; never runs one pipeline twice at once.")
    .version(host.version)
    .configureOutput({
      writeOut: (text) => host.stdout.write(text),
      writeErr: (text) => host.stderr.write(text),
    })
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError("(add --help for the words of this command)");
  for (const add of COMMANDS) add(program, host, finish);
  return program;
}
