import type { Command } from "commander";
import { entryLabel, type PipelineId } from "../../command/request.ts";
import { resolveConfigDir } from "../../config-dir.ts";
import type { Control } from "../../control/control.ts";
import { unlock, unlockByForce } from "../../control/unlock.ts";
import { EXIT, UsageError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { lockedPipelines } from "../../lock/locked.ts";
import { findStateFolder } from "../../state-folder.ts";
import { actorOf } from "../actor.ts";
import type { Finish } from "../add-command.ts";
import { type PipelineWish, pipelineWished } from "../pipeline-wish.ts";

interface UnlockFlags extends PipelineWish {
  readonly token?: string;
  readonly force?: boolean;
  readonly why?: string;
  readonly configDir?: string;
}

const SHORTEST_PREFIX = 8;

export function addUnlock(command: Command, host: Host, finish: Finish): void {
  command
    .option("--tap <tap>", "tap of the pipeline (default: all that have a lock)")
    .option("--target <target>", "its target")
    .option("--token <prefix>", "with --force: which lock, by the beginning of its token")
    .option("--force", "remove it although nothing proves it dead: only if you know that nothing of it runs")
    .option("--why <text>", "with --force: for the history")
    .option("--config-dir <dir>", "PipelineWise's config directory")
    .action(async (flags: UnlockFlags) => {
      const prefix = forcedPrefix(flags);
      const named = flags.tap !== undefined || flags.target !== undefined || prefix !== undefined;
      const wished = named ? pipelineWished(flags, "or neither to see all locks") : undefined;
      const state = await findStateFolder(await resolveConfigDir(host, { flag: flags.configDir }), host.uid);
      const paths = state?.paths;
      const pipelines = paths === undefined ? [] : wished === undefined ? await lockedPipelines(paths) : [wished];
      if (paths === undefined || pipelines.length === 0) {
        host.stdout.write("No lock is held.\n");
        return;
      }
      const controlOf = (pipeline: PipelineId): Control => ({
        paths,
        host,
        say: (text) => host.stdout.write(`${entryLabel({ ...pipeline, command: "run_tap" })}: ${text}\n`),
      });
      if (wished !== undefined && prefix !== undefined) {
        return unlockByForce(controlOf(wished), wished, { prefix, actor: actorOf(host, flags.why) });
      }
      const free = await Promise.all(pipelines.map((pipeline) => unlockOne(controlOf(pipeline), pipeline)));
      finish(free.every(Boolean) ? EXIT.ok : EXIT.skipped);
    });
}

async function unlockOne(control: Control, pipeline: PipelineId): Promise<boolean> {
  const free = await unlock(control, pipeline);
  if (free) control.say("free");
  return free;
}

/** The token that is to go by force; `undefined` when nothing is forced. */
function forcedPrefix({ token, force = false }: UnlockFlags): string | undefined {
  if (!force && token === undefined) return undefined;
  if (!force) throw new UsageError("--token goes with --force only", "What is proved dead is cleared without it.");
  if (token === undefined)
    throw new UsageError("--force needs --token PREFIX", "See the tokens: pipelinewise-sched unlock");
  if (token.length >= SHORTEST_PREFIX) return token;
  throw new UsageError(`--token ${token} is too short: ${SHORTEST_PREFIX} characters at least`);
}
