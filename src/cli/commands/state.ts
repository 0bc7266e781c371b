import type { Command } from "commander";
import { restoreState } from "../../control/restore-state.ts";
import { EXIT } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { lockLabel, mainLockOf } from "../../pipeline-id.ts";
import { holdLock } from "../../run/hold-lock.ts";
import { openPipelineStore } from "../../run/pipeline-store.ts";
import { listStateCopies } from "../../run/policies/state-copies.ts";
import { takeStopSignals } from "../../run/process/stop-signals.ts";
import { openStateDirectory } from "../../storage/directory.ts";
import { examples, type Finish } from "../command.ts";
import { assertKnown } from "../known-pipelines.ts";
import { type PipelineSelector, parsePipelineSelector } from "../options.ts";
import { actAsOwner } from "../switch-user.ts";

interface RestoreFlags extends PipelineSelector {
  readonly run?: string;
  readonly configDir?: string;
}

const EXAMPLES = examples("state restore --tap orders --target redshift");

export function addState(command: Command, caller: Host, finish: Finish): void {
  command.addHelpText("after", EXAMPLES);
  command
    .command("restore")
    .description("restore the state.json that a pipeline had after a run that succeeded")
    .option("--tap <tap>", "tap of the pipeline")
    .option("--target <target>", "target of the pipeline")
    .option("--run <id>", "the run after which the copy was made (default: the newest copy)")
    .option("--config-dir <dir>", "PipelineWise's config directory")
    .addHelpText("after", EXAMPLES)
    .action(async (flags: RestoreFlags) => {
      const lock = mainLockOf(parsePipelineSelector(flags, "as in the schedule"));
      const { host, configDir } = await actAsOwner(caller, flags.configDir);
      const { paths } = await openStateDirectory(configDir, host.uid);
      if ((await listStateCopies(paths, lock)).length === 0) await assertKnown(paths, lock, host);
      const signals = takeStopSignals(host);
      try {
        const held = await holdLock(openPipelineStore(lock, { paths, host }), host, "restore_state");
        if ("inUse" in held) {
          host.stderr.write(`${lockLabel(lock)} ${held.inUse}\n  Wait until it has ended, or stop it.\n`);
          return finish(EXIT.skipped);
        }
        try {
          host.stdout.write(`${lockLabel(lock)} ${await restoreState(paths, lock, flags.run)}\n`);
        } finally {
          await held.lock.release();
        }
      } finally {
        signals.close();
      }
    });
}
