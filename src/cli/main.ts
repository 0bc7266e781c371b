import { Command, CommanderError } from "commander";
import { EXIT } from "../errors.ts";
import type { Host } from "../host.ts";
import type { AddCommand, Finish } from "./command.ts";
import { renderFault } from "./format-error.ts";

interface CommandRow {
  readonly name: string;
  readonly description: string;
  /** Its file is loaded only when its word is typed: all of them together take longer than most commands. */
  readonly load: () => Promise<AddCommand>;
}

const COMMANDS: readonly CommandRow[] = [
  {
    name: "validate",
    description: "check a schedule file and show everything that is wrong with it",
    load: async () => (await import("./commands/validate.ts")).addValidate,
  },
  {
    name: "preview",
    description: "show what runs when; the next 10 runs if nothing else is asked for",
    load: async () => (await import("./commands/preview.ts")).addPreview,
  },
  {
    name: "install",
    description: "put a schedule into the crontab or onto another scheduler, and store what its runs need",
    load: async () => (await import("./commands/install.ts")).addInstall,
  },
  {
    name: "uninstall",
    description: "take a schedule out of the crontab or off another scheduler; history and logs stay",
    load: async () => (await import("./commands/uninstall.ts")).addUninstall,
  },
  {
    name: "diff",
    description: "show what `install` would change; ends with 0 when nothing would, with 1 when something would",
    load: async () => (await import("./commands/diff.ts")).addDiff,
  },
  {
    name: "export",
    description: "print a schedule as crontab lines for another machine, or as files for another scheduler",
    load: async () => (await import("./commands/export.ts")).addExport,
  },
  {
    name: "run",
    description: "run one pipeline now, unless it runs already",
    load: async () => (await import("./commands/run.ts")).addRun,
  },
  {
    name: "stop",
    description: "stop a pipeline that runs, on whatever host, and wait until it is gone",
    load: async () => (await import("./commands/stop.ts")).addStop,
  },
  {
    name: "status",
    description: "show PipelineWise's own status, and what is scheduled, next, last and running",
    load: async () => (await import("./commands/status.ts")).addStatus,
  },
  {
    name: "history",
    description: "show what ran and how it ended, newest end first; all hosts together",
    load: async () => (await import("./commands/history.ts")).addHistory,
  },
  {
    name: "unlock",
    description: "show who holds the locks, and why they are believed alive or dead; clear what is proved dead",
    load: async () => (await import("./commands/unlock.ts")).addUnlock,
  },
];

/** The whole command line; of the commands only the one that `argv` names knows its words. */
async function buildProgram(argv: readonly string[], host: Host, finish: Finish): Promise<Command> {
  const program = new Command("pipelinewise-sched")
    .description("Puts PipelineWise pipelines into cron from one YAML file; never runs one pipeline twice at once.")
    .version(host.version)
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .configureOutput({
      writeOut: (text) => host.stdout.write(text),
      writeErr: (text) => host.stderr.write(text),
    })
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError("(add --help for the words of this command)");
  const [first, second] = argv.filter((word) => !word.startsWith("-"));
  const typed = first === "help" ? second : first;
  for (const { name, description, load } of COMMANDS) {
    const command = program.command(name).description(description);
    if (name === typed) (await load())(command, host, finish);
  }
  return program;
}

/** Runs one command line. @param argv the words behind `pipelinewise-sched`; @returns the exit code */
export async function main(argv: readonly string[], host: Host): Promise<number> {
  let code: number = EXIT.ok;
  const finish = (given: number) => {
    code = given;
  };
  try {
    const program = await buildProgram(argv, host, finish);
    await program.parseAsync(argv, { from: "user" });
    return code;
  } catch (error) {
    // commander has written its own message by now; only the code is left to say.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const fault = renderFault(error);
    host.stderr.write(fault.text);
    return fault.exitCode;
  }
}
