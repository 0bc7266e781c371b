import type { Command } from "commander";
import type { Control } from "../../control/reap.ts";
import { unlock, unlockByForce } from "../../control/unlock.ts";
import { EXIT, UsageError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { listLocks } from "../../lock/pipeline-locks.ts";
import { type LockId, lockLabel, type PipelineId } from "../../pipeline-id.ts";
import { findStateFolder } from "../../storage/directory.ts";
import type { StatePaths } from "../../storage/paths.ts";
import type { Finish } from "../command.ts";
import { actorOf, type PipelineWish, pipelineWished } from "../options.ts";
import { actAsOwner } from "../switch-user.ts";

interface UnlockFlags extends PipelineWish {
  readonly token?: string;
  readonly force?: boolean;
  readonly why?: string;
  readonly configDir?: string;
}

const SHORTEST_PREFIX = 8;

export function addUnlock(command: Command, caller: Host, finish: Finish): void {
  command
    .option("--tap <tap>", "tap of the pipeline (default: all pipelines that have a lock)")
    .option("--target <target>", "target of the pipeline")
    .option("--token <prefix>", "with --force: the first characters of the lock's token")
    .option("--force", "remove the lock even if its holder may be alive; use only if you are sure nothing is running")
    .option("--why <text>", "with --force: reason, for the history")
    .option("--config-dir <dir>", "PipelineWise's config directory")
    .action(async (flags: UnlockFlags) => {
      const prefix = forcedPrefix(flags);
      const named = flags.tap !== undefined || flags.target !== undefined || prefix !== undefined;
      const wished = named ? pipelineWished(flags, "or leave out both to see all locks") : undefined;
      const actor = actorOf(caller, flags.why);
      const { host, configDir } = await actAsOwner(caller, flags.configDir);
      const state = await findStateFolder(configDir, host.uid);
      const paths = state?.paths;
      const locks = paths === undefined ? [] : await locksMeant(paths, wished);
      if (paths === undefined || locks.length === 0) {
        host.stdout.write("No lock is held.\n");
        return;
      }
      const controlOf = (lock: LockId): Control => ({
        paths,
        host,
        say: (text) => host.stdout.write(`${lockLabel(lock)}: ${text}\n`),
      });
      if (prefix !== undefined) {
        return unlockByForce(controlOf, locks, { prefix, actor });
      }
      const free = await Promise.all(locks.map((lock) => unlockOne(controlOf(lock), lock)));
      finish(free.every(Boolean) ? EXIT.ok : EXIT.skipped);
    });
}

/** All existing locks. For one pipeline, its main lock is included even if it is free. */
async function locksMeant(paths: StatePaths, wished: PipelineId | undefined): Promise<readonly LockId[]> {
  const locks = await listLocks(paths);
  if (wished === undefined) return locks;
  const { tap, target } = wished;
  const others = locks.filter((lock) => lock.tap === tap && lock.target === target && lock.dataDiff === true);
  return [{ tap, target }, ...others];
}

async function unlockOne(control: Control, lock: LockId): Promise<boolean> {
  const free = await unlock(control, lock);
  if (free) control.say("free");
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
