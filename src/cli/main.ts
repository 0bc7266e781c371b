import { Command, CommanderError } from "commander";
import { EXIT } from "../errors.ts";
import type { Host } from "../host.ts";
import { type AddCommand, examples, type Finish } from "./command.ts";
import { formatError } from "./format-error.ts";

interface CommandRow {
  readonly name: string;
  readonly description: string;
  /** Loads the command's file. Called only if the command is used, because loading all files is slow. */
  readonly load: () => Promise<AddCommand>;
}

const COMMANDS: readonly CommandRow[] = [
  {
    name: "validate",
    description: "check a schedule file and show all its problems",
    load: async () => (await import("./commands/validate.ts")).addValidate,
  },
  {
    name: "preview",
    description: "show when pipelines run; by default the next 10 runs",
    load: async () => (await import("./commands/preview.ts")).addPreview,
  },
  {
    name: "install",
    description: "install a schedule in the crontab or in another scheduler, and store what its runs need",
    load: async () => (await import("./commands/install.ts")).addInstall,
  },
  {
    name: "uninstall",
    description: "remove a schedule from the crontab or from another scheduler; history and logs are kept",
    load: async () => (await import("./commands/uninstall.ts")).addUninstall,
  },
  {
    name: "diff",
    description: "show what `install` would change; exit code 0 if nothing, 1 if something",
    load: async () => (await import("./commands/diff.ts")).addDiff,
  },
  {
    name: "export",
    description: "print a schedule as crontab lines for another machine, or as files for another scheduler",
    load: async () => (await import("./commands/export.ts")).addExport,
  },
  {
    name: "run",
    description: "run one pipeline now, unless it is already running",
    load: async () => (await import("./commands/run.ts")).addRun,
  },
  {
    name: "stop",
    description: "stop a running pipeline, on any host, and wait until it has ended",
    load: async () => (await import("./commands/stop.ts")).addStop,
  },
  {
    name: "pause",
    description: "keep pipelines from being started, on all hosts, until they are resumed",
    load: async () => (await import("./commands/pause.ts")).addPause,
  },
  {
    name: "resume",
    description: "end a pause",
    load: async () => (await import("./commands/resume.ts")).addResume,
  },
  {
    name: "status",
    description: "show PipelineWise's status with the schedule, next run, last outcome and current run",
    load: async () => (await import("./commands/status.ts")).addStatus,
  },
  {
    name: "history",
    description: "show the runs and skips of all hosts, the last that ended first",
    load: async () => (await import("./commands/history.ts")).addHistory,
  },
  {
    name: "logs",
    description: "show the log of a run, by default the newest; follow one that is running",
    load: async () => (await import("./commands/logs.ts")).addLogs,
  },
  {
    name: "import",
    description: "import a PipelineWise project while no pipeline is running",
    load: async () => (await import("./commands/import.ts")).addImport,
  },
  {
    name: "state",
    description: "restore the state.json of a pipeline from a copy",
    load: async () => (await import("./commands/state.ts")).addState,
  },
  {
    name: "prune",
    description: "remove logs, history and temporary files that are older than `retention` says",
    load: async () => (await import("./commands/prune.ts")).addPrune,
  },
  {
    name: "alerts",
    description: "test the receivers of alerts, or send the alerts that wait",
    load: async () => (await import("./commands/alerts.ts")).addAlerts,
  },
  {
    name: "tend",
    description: "do what must be done although no pipeline runs; a scheduler starts it every five minutes",
    load: async () => (await import("./commands/tend.ts")).addTend,
  },
  {
    name: "metrics",
    description: "print metrics of the installed pipelines in Prometheus's text format",
    load: async () => (await import("./commands/metrics.ts")).addMetrics,
  },
  {
    name: "unlock",
    description: "show the lock holders and whether each is alive or dead; clear the locks of dead runs",
    load: async () => (await import("./commands/unlock.ts")).addUnlock,
  },
  {
    name: "completion",
    description: "print a script that completes commands, options and ids in bash, zsh or fish",
    load: async () => (await import("./commands/completion.ts")).addCompletion,
  },
];

/** The command line parser. Only the command that `argv` names gets its options. */
async function buildProgram(argv: readonly string[], host: Host, finish: Finish): Promise<Command> {
  const program = new Command("pipelinewise-sched")
    .description(
      "Schedules PipelineWise pipelines from one YAML file, and never runs a pipeline twice at the same time.",
    )
    .version(host.version)
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .configureOutput({
      writeOut: (text) => host.stdout.write(text),
      writeErr: (text) => host.stderr.write(text),
    })
    .exitOverride()
    .showSuggestionAfterError()
    .showHelpAfterError("(run with --help for usage)");
  program.addHelpText("after", examples("preview schedule.yml", "install schedule.yml", "run --help"));
  const [first, second] = argv.filter((argument) => !argument.startsWith("-"));
  const used = first === "help" ? second : first;
  for (const { name, description, load } of COMMANDS) {
    const command = program.command(name).description(description);
    if (name === used) (await load())(command, host, finish);
  }
  return program;
}

/**
 * Runs one command line.
 *
 * @param argv the arguments after `pipelinewise-sched`
 * @returns the exit code
 */
export async function main(argv: readonly string[], host: Host): Promise<number> {
  let code: number = EXIT.ok;
  const finish = (given: number) => {
    code = given;
  };
  try {
    // The scripts of `completion` call this. It is not in the help.
    if (argv[0] === "complete" && argv[1] === "--") {
      const { complete } = await import("./completion/complete.ts");
      return await complete(argv.slice(2), (typed) => buildProgram(typed, host, finish), host);
    }
    const program = await buildProgram(argv, host, finish);
    await program.parseAsync(argv, { from: "user" });
    return code;
  } catch (error) {
    // commander has already written its message.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const { text, exitCode } = formatError(error);
    host.stderr.write(text);
    return exitCode;
  }
}
