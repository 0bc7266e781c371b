import { type Command, Option } from "commander";
import { UsageError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { listLocks } from "../../lock/pipeline-locks.ts";
import { type LockId, lockLabel, overlaps, type PipelineScope, scopeLabel } from "../../pipeline-id.ts";
import { openPipelineStore } from "../../run/pipeline-store.ts";
import { isSameScope, listPauses, renderPause, resumeCommand, writePause } from "../../run/policies/pauses.ts";
import { parseDuration, ValueError } from "../../schedule/values.ts";
import { openStateDirectory } from "../../storage/directory.ts";
import { type StatePaths, statePaths } from "../../storage/paths.ts";
import { renderInstant } from "../../text/format-time.ts";
import { examples } from "../command.ts";
import { assertKnown, listPipelines } from "../known-pipelines.ts";
import { actorOf, parseScope, type ScopeSelector, withScopeOptions } from "../options.ts";
import { readInstant } from "../preview/window.ts";
import { retainedWalWarnings } from "../retained-wal.ts";
import { actAsOwner } from "../switch-user.ts";

interface PauseFlags extends ScopeSelector {
  readonly for?: string;
  readonly until?: string;
  readonly reason?: string;
  readonly configDir?: string;
}

export function addPause(command: Command, caller: Host): void {
  withScopeOptions(command, "pause")
    .addOption(new Option("--for <duration>", "end the pause after this time, such as 2h").conflicts("until"))
    .option("--until <instant>", "end the pause at this time, such as 2026-10-25T00:00Z; without an offset it is UTC")
    .option("--reason <text>", "reason, for `status` and the history")
    .option("--config-dir <dir>", "PipelineWise's config directory")
    .addHelpText(
      "after",
      examples("pause --tap orders --target redshift --for 2h", "pause --target redshift --until 2026-10-25T06:00Z"),
    )
    .action(async (flags: PauseFlags) => {
      const scope = parseScope(flags);
      const since = caller.now();
      const until = endOf(flags, since);
      const actor = actorOf(caller, flags.reason);
      const { host, configDir } = await actAsOwner(caller, flags.configDir);
      await assertKnown(statePaths(configDir), scope, host);
      const { paths } = await openStateDirectory(configDir, host.uid);
      const before = (await listPauses(paths, since)).active.find((one) => isSameScope(one.scope, scope));
      await writePause(paths, { ...actor, scope, since, until }, host.uid);
      const end = until === undefined ? "" : ` until ${renderInstant(until)}`;
      const are = scope.tap === undefined ? "are" : "is";
      host.stdout.write(`${scopeLabel(scope)} ${are} paused${end}; to resume: ${resumeCommand(scope)}\n`);
      if (before !== undefined) host.stderr.write(`this replaces the pause ${renderPause(before)}\n`);
      for (const note of await runningNotes(paths, scope, host)) host.stderr.write(`${note}\n`);
      const covered = (await listPipelines(paths, host)).filter((pipeline) => overlaps(scope, pipeline));
      for (const warning of await retainedWalWarnings(configDir, covered)) host.stderr.write(`warning: ${warning}\n`);
    });
}

/** The end of the pause; `undefined`: the pause lasts until `resume`. */
function endOf({ for: duration, until }: PauseFlags, now: Date): Date | undefined {
  if (duration !== undefined) return new Date(now.getTime() + durationOf(duration));
  if (until === undefined) return undefined;
  const end = new Date(readInstant("--until", until));
  if (end > now) return end;
  throw new UsageError(
    `--until ${until} is not in the future: the time is now ${now.toISOString()}`,
    "Give a later time; without an offset it is UTC.",
  );
}

function durationOf(text: string): number {
  try {
    return parseDuration(text);
  } catch (error) {
    if (!(error instanceof ValueError)) throw error;
    throw new UsageError(
      `--for: ${error.message}`,
      "Write a whole number and a unit, such as 30m, 2h or 7d; at most 31d.",
    );
  }
}

/** Says which of the paused pipelines are running: a pause does not stop them. */
async function runningNotes(paths: StatePaths, scope: PipelineScope, host: Host): Promise<readonly string[]> {
  const locks = (await listLocks(paths)).filter((lock) => overlaps(scope, lock));
  const notes = await Promise.all(locks.map((lock) => runningNote(lock, { paths, host })));
  return notes.filter((note) => note !== undefined);
}

async function runningNote(lock: LockId, place: { readonly paths: StatePaths; readonly host: Host }) {
  const { tokens } = await openPipelineStore(lock, place).lock.inspect();
  const running = tokens.find(({ state }) => state.kind !== "dead");
  if (running === undefined) return undefined;
  const where = running.holder === undefined ? "" : ` on host ${running.holder.host}`;
  const stop = `pipelinewise-sched stop --tap ${lock.tap} --target ${lock.target}`;
  return `${lockLabel(lock)} is running${where}, and a pause does not stop it; to stop it: ${stop}`;
}
