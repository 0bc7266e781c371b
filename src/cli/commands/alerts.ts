import type { Command } from "commander";
import { sendAlerts } from "../../alerts/send.ts";
import { END_SIGNALS } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { readStored } from "../../installed/store.ts";
import { addressReader } from "../../run/alerts.ts";
import { resolveConfigDir } from "../../storage/config-dir.ts";
import { findStateDirectory } from "../../storage/directory.ts";

interface SendFlags {
  readonly name: string;
  readonly configDir?: string;
}

export function addAlerts(command: Command, host: Host): void {
  command
    .command("send")
    .description("send the alerts that wait; a run starts this at its end, and tend does the same")
    .requiredOption("--name <name>", "name of the installed schedule")
    .option("--config-dir <dir>", "PipelineWise's config directory")
    .action(async ({ name, configDir }: SendFlags) => {
      const state = await findStateDirectory(await resolveConfigDir(host, { flag: configDir }), host.uid);
      const installed = state && (await readStored(state.paths, name, host));
      if (state === undefined || installed?.host === undefined) return;
      const schedule = installed.storedSchedule;
      const stop = new AbortController();
      // systemd ends all processes of a unit when the run ends. `tend` then sends the alerts.
      const onSignal = () => stop.abort();
      for (const signal of END_SIGNALS) host.signals.on(signal, onSignal);
      try {
        const { machineZone } = installed.host;
        const resolve = addressReader(schedule, host);
        await sendAlerts({ host, paths: state.paths, schedule, machineZone, resolve, stop: stop.signal });
      } finally {
        for (const signal of END_SIGNALS) host.signals.off(signal, onSignal);
      }
    });
}
