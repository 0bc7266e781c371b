import { type Command, Option } from "commander";
import { stopRun } from "../../control/stop.ts";
import { EXIT } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { listLocks } from "../../lock/pipeline-locks.ts";
import { type LockId, lockLabel, locksOf, mainLockOf } from "../../pipeline-id.ts";
import { openPipelineStore } from "../../run/pipeline-store.ts";
import type { StopResult } from "../../run/stop/stop-run.ts";
import { findStateDirectory } from "../../storage/directory.ts";
import { type StatePaths, statePaths } from "../../storage/paths.ts";
import { examples, type Finish, warnOnce } from "../command.ts";
import { assertKnown, listPipelines } from "../known-pipelines.ts";
import { actorOf, type PipelineSelector, parsePipelineSelector } from "../options.ts";
import { actAsOwner } from "../switch-user.ts";

interface StopFlags extends PipelineSelector {
  readonly all?: boolean;
  readonly now?: boolean;
  readonly reason?: string;
  readonly configDir?: string;
}

export function addStop(command: Command, caller: Host, finish: Finish): void {
  command
    .option("--tap <tap>", "tap of the pipeline to stop")
    .option("--target <target>", "target of the pipeline to stop")
    .addOption(new Option("--all", "stop all running pipelines, on all hosts").conflicts(["tap", "target"]))
    .option("--now", "send SIGTERM and then SIGKILL without waiting for the grace periods")
    .option("--reason <text>", "reason, for the history")
    .option("--config-dir <dir>", "PipelineWise's config directory")
    .addHelpText("after", examples('stop --tap orders --target redshift --reason "disk is full"', "stop --all"))
    .action(async (flags: StopFlags) => {
      const { all = false, now = false } = flags;
      const selected = all ? undefined : parsePipelineSelector(flags, "or use --all");
      const actor = actorOf(caller, flags.reason);
      const { host, configDir } = await actAsOwner(caller, flags.configDir);
      const state = await findStateDirectory(configDir, host.uid);
      const paths = state?.paths ?? statePaths(configDir);
      const held = await listLocks(paths);
      const locks = selected === undefined ? await allLocks(held, paths, host) : locksOf(selected);
      const warn = warnOnce(host);
      const stopOne = async (lock: LockId): Promise<StopResult & { readonly shown: boolean }> => {
        const label = lockLabel(lock);
        const report = (text: string) => host.stderr.write(`${label}: ${text}\n`);
        const store = openPipelineStore(lock, { paths, host });
        const result = await stopRun({ store, host, report, warn }, { ...actor, now });
        // "Not running" is shown only for a lock that exists.
        const shown = result.kind !== "idle" || isAmong(held, lock);
        if (shown) host.stdout.write(`${label} ${result.summary}\n`);
        return { ...result, shown };
      };
      // Waiting starts first: they would start when the running run has ended.
      const waiters = await Promise.all(locks.filter(({ isWaiter }) => isWaiter).map(stopOne));
      const runs = await Promise.all(locks.filter(({ isWaiter }) => !isWaiter).map(stopOne));
      const results = [...waiters, ...runs];
      if (results.every(({ shown }) => !shown)) {
        if (selected !== undefined) await assertKnown(paths, selected, host);
        host.stdout.write(
          selected === undefined ? "No pipeline is running.\n" : `${lockLabel(mainLockOf(selected))} is not running\n`,
        );
      }
      finish(results.some(({ kind }) => kind === "alive") ? EXIT.io : EXIT.ok);
    });
}

const isAmong = (locks: readonly LockId[], lock: LockId): boolean =>
  locks.some((one) => lockLabel(one) === lockLabel(lock));

/** The existing locks, and those of all pipelines that are known: a foreign run has no lock. */
async function allLocks(held: readonly LockId[], paths: StatePaths, host: Host): Promise<readonly LockId[]> {
  const known = (await listPipelines(paths, host)).flatMap(locksOf);
  return [...held, ...known.filter((lock) => !isAmong(held, lock))];
}
