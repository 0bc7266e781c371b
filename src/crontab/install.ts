import { realpath } from "node:fs/promises";
import { dirname, join } from "node:path";
import { absolutePath, resolveConfigDir } from "../config-dir.ts";
import { type Host, loginHome, userName } from "../host.ts";
import type { Schedule } from "../schedule/schedule.ts";
import { configDirWarnings } from "../state-folder.ts";
import { type StatePaths, statePaths } from "../state-paths.ts";
import { cronDaemonRuns } from "./daemon.ts";
import { readOthers, readStoredFiles } from "./found.ts";
import { type InstallPlan, planInstall } from "./plan.ts";
import { demandLastingProgram, pipelinewiseWarnings, resolveCommand } from "./surroundings.ts";
import type { SystemCrontab } from "./system.ts";

/** The machine that a schedule is installed on. */
export interface Machine {
  readonly host: Host;
  readonly crontab: SystemCrontab;
  /** IANA name of the zone that cron goes by. */
  readonly zone: string;
}

export interface InstallOptions {
  /** `--config-dir` */
  readonly configDir: string | undefined;
  /** Take over a name that is installed from elsewhere. */
  readonly replace: boolean;
  /** Store the schedule for runs that another scheduler starts; leave the crontab alone. */
  readonly compileOnly: boolean;
}

/** An install, worked out in full: nothing was written yet. */
export interface PreparedInstall {
  readonly paths: StatePaths;
  readonly plan: InstallPlan;
  /** What the user should know, one sentence each. */
  readonly warnings: readonly string[];
}

/**
 * The config directory that a run under cron finds by itself: cron gives it the user's own home and nothing else of
 * our environment. Where that names another one now, or may do so there (PAM), lines say it themselves.
 */
async function defaultConfigDir({ env }: Host): Promise<string | undefined> {
  const home = loginHome();
  if (home === undefined || (env["PIPELINEWISE_CONFIG_DIRECTORY"] ?? "") !== "") return undefined;
  return realpath(join(home, ".pipelinewise")).catch(() => undefined);
}

/** Looks at the schedule's machine and works out what an install changes. Writes nothing. */
export async function prepareInstall(
  schedule: Schedule,
  options: InstallOptions,
  { host, crontab, zone }: Machine,
): Promise<PreparedInstall> {
  const { pipelinewise, source, name } = schedule;
  const folder = dirname(source.path);
  const inFile = pipelinewise.configDir === undefined ? undefined : { value: pipelinewise.configDir, folder };
  const paths = statePaths(await resolveConfigDir(host, { flag: options.configDir, file: inFile }));
  demandLastingProgram(host.program);
  const command = await resolveCommand(pipelinewise.command, host);
  const text = options.compileOnly ? undefined : await crontab.read();
  const stored = await readStoredFiles(paths, name, host);
  const { others, warnings } = await readOthers(paths, name, host);

  const pipelinewiseHome = host.env["PIPELINEWISE_HOME"] || undefined;
  const plan = planInstall(
    { crontab: text, ...stored, others },
    {
      schedule,
      paths,
      defaultConfigDir: await defaultConfigDir(host),
      envFile: pipelinewise.envFile === undefined ? undefined : absolutePath(pipelinewise.envFile, folder, host),
      resolved: {
        host: host.name,
        user: userName(host),
        command,
        node: host.node,
        program: host.program,
        pipelinewiseHome: pipelinewiseHome === undefined ? undefined : absolutePath(pipelinewiseHome, host.cwd, host),
        machineZone: zone,
      },
      at: host.now(),
      replace: options.replace,
    },
  );
  const daemonless = options.compileOnly || (await cronDaemonRuns()) !== false;
  return {
    paths,
    plan,
    warnings: [
      ...(await configDirWarnings(paths.configDir, host.uid)),
      ...warnings,
      ...(await pipelinewiseWarnings(paths.configDir, schedule.pipelines)),
      ...(daemonless
        ? []
        : [
            "no cron daemon runs on this machine, so nothing will start the pipelines; start it, such as by `service cron start`",
          ]),
    ],
  };
}
