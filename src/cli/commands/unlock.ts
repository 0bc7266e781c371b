import type { Command } from "commander";
import { unlock, unlockByForce } from "../../control/unlock.ts";
import { EXIT, UsageError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { listLocks } from "../../lock/pipeline-locks.ts";
import { type LockId, lockLabel, lockName, mainLockOf, type PipelineId } from "../../pipeline-id.ts";
import { openPipelineStore } from "../../run/pipeline-store.ts";
import type { StopContext } from "../../run/stop/stop-run.ts";
import { findStateDirectory } from "../../storage/directory.ts";
import { type StatePaths, statePaths } from "../../storage/paths.ts";
import { examples, type Finish, warnOnce } from "../command.ts";
import { assertKnown } from "../known-pipelines.ts";
import { actorOf, type PipelineSelector, parsePipelineSelector } from "../options.ts";
import { actAsOwner } from "../switch-user.ts";

interface UnlockFlags extends PipelineSelector {
  readonly token?: string;
  readonly force?: boolean;
  readonly reason?: string;
  readonly configDir?: string;
}

const SHORTEST_PREFIX = 8;

export function addUnlock(command: Command, caller: Host, finish: Finish): void {
  command
    .option("--tap <tap>", "tap of the pipeline (default: all pipelines that have a lock)")
    .option("--target <target>", "target of the pipeline")
    .option("--token <prefix>", "with --force: the first characters of the lock's token")
    .option("--force", "remove the lock even if its holder may be alive; use only if you are sure nothing is running")
    .option("--reason <text>", "with --force: reason, for the history")
    .option("--config-dir <dir>", "PipelineWise's config directory")
    .addHelpText("after", examples("unlock", "unlock --tap orders --target redshift"))
    .action(async (flags: UnlockFlags) => {
      const prefix = forcedPrefix(flags);
      const named = flags.tap !== undefined || flags.target !== undefined || prefix !== undefined;
      const selected = named ? parsePipelineSelector(flags, "or leave out both to see all locks") : undefined;
      const actor = actorOf(caller, flags.reason);
      const { host, configDir } = await actAsOwner(caller, flags.configDir);
      const state = await findStateDirectory(configDir, host.uid);
      const paths = state?.paths ?? statePaths(configDir);
      const locks = await selectLocks(paths, selected, host);
      if (locks.length === 0) {
        host.stdout.write("No lock is held.\n");
        return;
      }
      const warn = warnOnce(host);
      const contexts = locks.map((lock) => ({
        store: openPipelineStore(lock, { paths, host }),
        host,
        report: (text: string) => host.stdout.write(`${lockLabel(lock)}: ${text}\n`),
        warn,
      }));
      if (prefix !== undefined) return unlockByForce(contexts, { prefix, actor });
      const free = await Promise.all(contexts.map(unlockOne));
      finish(free.every(Boolean) ? EXIT.ok : EXIT.skipped);
    });
}

/** All existing locks. For one pipeline that is known, its main lock is included even if it is free. */
async function selectLocks(
  paths: StatePaths,
  selected: PipelineId | undefined,
  host: Host,
): Promise<readonly LockId[]> {
  const locks = await listLocks(paths);
  if (selected === undefined) return locks;
  const main = mainLockOf(selected);
  const held = locks.filter(({ tap, target }) => tap === selected.tap && target === selected.target);
  if (held.length === 0) await assertKnown(paths, selected, host);
  return [main, ...held.filter((lock) => lockName(lock) !== lockName(main))];
}

async function unlockOne(context: StopContext): Promise<boolean> {
  const free = await unlock(context);
  if (free) context.report("free");
  return free;
}

/** The prefix of the token to remove by force; `undefined` without --force. */
function forcedPrefix({ token, force = false }: UnlockFlags): string | undefined {
  if (!force && token === undefined) return undefined;
  if (!force)
    throw new UsageError("--token needs --force", "To clear the locks of dead runs, run `unlock` without --token.");
  if (token === undefined)
    throw new UsageError("--force needs --token PREFIX", "Show the tokens: pipelinewise-sched unlock");
  if (token.length >= SHORTEST_PREFIX) return token;
  throw new UsageError(`--token ${token} is too short: give at least ${SHORTEST_PREFIX} characters`);
}
