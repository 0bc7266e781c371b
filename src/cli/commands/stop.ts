import { type Command, Option } from "commander";
import { stopRun } from "../../control/stop.ts";
import { EXIT } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { listLocks } from "../../lock/pipeline-locks.ts";
import { type LockId, lockLabel, locksOf } from "../../pipeline-id.ts";
import { findStateFolder } from "../../storage/directory.ts";
import type { StatePaths } from "../../storage/paths.ts";
import type { Finish } from "../command.ts";
import { actorOf, type PipelineWish, pipelineWished } from "../options.ts";
import { actAsOwner } from "../switch-user.ts";

interface StopFlags extends PipelineWish {
  readonly all?: boolean;
  readonly now?: boolean;
  readonly why?: string;
  readonly configDir?: string;
}

export function addStop(command: Command, caller: Host, finish: Finish): void {
  command
    .option("--tap <tap>", "tap of the pipeline to stop")
    .option("--target <target>", "target of the pipeline to stop")
    .addOption(new Option("--all", "stop all running pipelines, on all hosts").conflicts(["tap", "target"]))
    .option("--now", "send SIGKILL at once, without waiting")
    .option("--why <text>", "reason, for the history")
    .option("--config-dir <dir>", "PipelineWise's config directory")
    .action(async (flags: StopFlags) => {
      const { all = false, now = false } = flags;
      const wished = all ? undefined : pipelineWished(flags, "or use --all");
      const actor = actorOf(caller, flags.why);
      const { host, configDir } = await actAsOwner(caller, flags.configDir);
      const state = await findStateFolder(configDir, host.uid);
      const locks = wished === undefined ? await allOf(state?.paths) : locksOf(wished);
      if (locks.length === 0) host.stdout.write("No pipeline is running.\n");
      const stopOne = async (lock: LockId): Promise<boolean> => {
        const label = lockLabel(lock);
        // Most pipelines have no data-diff checks, so "not running" is not worth a line for them.
        const expected = wished === undefined || lock.dataDiff !== true;
        const say = (text: string) => host.stderr.write(`${label}: ${text}\n`);
        if (state === undefined) {
          if (expected) host.stdout.write(`${label} is not running\n`);
          return true;
        }
        const { kind, words } = await stopRun({ paths: state.paths, host, say }, lock, { ...actor, now });
        if (expected || kind !== "idle") host.stdout.write(`${label} ${words}\n`);
        return kind !== "alive";
      };
      const gone = await Promise.all(locks.map(stopOne));
      finish(gone.every(Boolean) ? EXIT.ok : EXIT.io);
    });
}

const allOf = async (paths: StatePaths | undefined): Promise<readonly LockId[]> =>
  paths === undefined ? [] : listLocks(paths);
