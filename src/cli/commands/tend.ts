import type { Command } from "commander";
import type { Host } from "../../host.ts";
import { examples } from "../command.ts";
import { tendSchedule } from "../tend-command.ts";

/** Adds `tend` with its help. The entry point `entry/tend.ts` handles all other calls of `tend`. */
export function addTend(command: Command, host: Host): void {
  command
    .option("--schedule <name>", "installed schedule to tend")
    .option("--config-dir <dir>", "PipelineWise's config directory")
    .addHelpText("after", examples("tend --schedule nightly"))
    .action((flags: { readonly schedule?: string; readonly configDir?: string }) =>
      tendSchedule({ schedule: flags.schedule, configDir: flags.configDir }, host),
    );
}
