import type { Command } from "commander";
import { EXIT, SchedError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { listStored, readStored } from "../../installed/store.ts";
import { readMetrics } from "../../metrics/read-metrics.ts";
import { findStateDirectory } from "../../storage/directory.ts";
import { statePaths } from "../../storage/paths.ts";
import { examples } from "../command.ts";
import { notInstalled } from "../not-installed.ts";
import { actAsOwner } from "../switch-user.ts";

interface MetricsFlags {
  readonly name?: string;
  readonly configDir?: string;
}

export function addMetrics(command: Command, caller: Host): void {
  command
    .option("--name <name>", "only the entries of this installed schedule")
    .option("--config-dir <dir>", "PipelineWise's config directory")
    .addHelpText("after", examples("metrics --name nightly"))
    .action(async ({ name, configDir: flag }: MetricsFlags) => {
      const { host, configDir } = await actAsOwner(caller, flag);
      const paths = (await findStateDirectory(configDir, host.uid))?.paths ?? statePaths(configDir);
      const found = name === undefined ? await listStored(paths, host) : [await readStored(paths, name, host)];
      const installed = found.filter((one) => one !== undefined);
      if (installed.length === 0) {
        if (name !== undefined) throw await notInstalled(name, paths, "--name");
        throw new SchedError(`no schedule is installed in ${configDir}`, {
          exitCode: EXIT.noInput,
          hint: "Install one: pipelinewise-sched install schedule.yml",
        });
      }
      const schedules = installed.map(({ storedSchedule, host: stored }) => ({
        ...storedSchedule,
        installedAt: stored?.installedAt,
      }));
      const { text, faults } = await readMetrics(schedules, { paths, host });
      host.stdout.write(text);
      for (const fault of faults) host.stderr.write(`warning: the metrics have no series of ${fault}\n`);
    });
}
