import { EXIT, SchedError, UsageError } from "../errors.ts";
import { inspectLock, type LockView, type TokenView } from "../lock/inspect.ts";
import { LOCK_TIMING } from "../lock/timing.ts";
import type { LockId } from "../pipeline-id.ts";
import { openNotes } from "../run/wrapper-log.ts";
import { flockFile } from "../storage/paths.ts";
import { renderDuration } from "../text/format-time.ts";
import { type Actor, actorWords, buryRun, type Control } from "./reap.ts";

function holderWords({ token, pid, holder, silentMs }: TokenView): string {
  const who = holder === undefined ? `pid ${pid} (incomplete owner record)` : `host ${holder.host}, pid ${pid}`;
  const run = holder === undefined ? "" : `, run ${holder.runId} since ${holder.startedAt.toISOString()}`;
  return `held by ${who}${run}; last heartbeat ${renderDuration(silentMs)} ago; token ${token}`;
}

/** Explains whether a holder is alive or dead, and what to do next. */
function reasonWords({ paths }: Control, pipeline: LockId, { token, pid, state }: TokenView): string {
  const words = `--tap ${pipeline.tap} --target ${pipeline.target}`;
  switch (state.kind) {
    case "alive":
      return `ALIVE: process ${pid} runs on this host. To stop it: pipelinewise-sched stop ${words}`;
    case "orphans":
      return `ALIVE: process ${pid} has ended, but its pipeline is still running on this host: ${state.pids.join(", ")}. To stop it: pipelinewise-sched stop ${words}`;
    case "hidden":
      return `ALIVE: process ${pid} has ended, but processes of another user hold its lock. Find and end them as root: fuser -v ${flockFile(paths, pipeline)}`;
    case "contained":
      return `ALIVE: it is in another container of this machine, and its pipeline is running: ${state.pids.join(", ")}. To stop it: pipelinewise-sched stop ${words}`;
    case "unproved":
      return `UNKNOWN: it is on another host, or in another container. The next start on this host takes over after ${renderDuration(LOCK_TIMING.leaseMs)} without a heartbeat. If you are sure that it is not running: pipelinewise-sched unlock ${words} --token ${token} --force`;
    case "dead":
      return `DEAD: process ${pid} has ended on this host, and no process of its pipeline is left`;
  }
}

/**
 * Reports the holders of a pipeline's lock and removes those that are proved dead.
 *
 * @returns whether the lock is free now
 */
export async function unlock(control: Control, pipeline: LockId): Promise<boolean> {
  const { paths, host, say } = control;
  const lock = await inspectLock(paths, pipeline, host);
  let free = true;
  for (const view of lock.tokens) {
    say(holderWords(view));
    say(reasonWords(control, pipeline, view));
    if (view.state.kind === "dead") await clear(control, pipeline, lock, view);
    else free = false;
  }
  if (lock.tokens.length > 0) return free;
  const strays = await lock.processes().find();
  if (strays.length > 0)
    say(`there is no owner record, but these processes hold the kernel lock: ${strays.join(", ")}`);
  return strays.length === 0;
}

async function clear(control: Control, pipeline: LockId, lock: LockView, view: TokenView): Promise<void> {
  const how = `found by unlock, on host ${control.host.name}`;
  const { taken } = await buryRun(control, pipeline, { lock, view, how, as: "bury" });
  control.say(taken ? "cleared, and the run is recorded as lost" : "another process has already cleared it");
}

interface Choice {
  readonly id: LockId;
  readonly lock: LockView;
  readonly view: TokenView;
}

function chooseToken(choices: readonly Choice[], prefix: string): Choice {
  const meant = choices.filter(({ view }) => view.token.startsWith(prefix));
  const [one, ...others] = meant;
  if (one === undefined) {
    throw new SchedError(`no token in this lock begins with ${prefix}`, {
      exitCode: EXIT.noInput,
      hint: "Its run may have ended. Show the locks: pipelinewise-sched unlock",
    });
  }
  if (others.length > 0)
    throw new UsageError(`${meant.length} tokens begin with ${prefix}`, "Give more characters of the token.");
  return one;
}

/**
 * Removes a token whose holder is not proved dead. If its run is still running, it notices the loss at its next heartbeat
 * and stops its pipeline; until then two runs may be running.
 *
 * @param locks where the token may be
 * @throws SchedError for a run that is running on this host, because it can be stopped
 */
export async function unlockByForce(
  controlOf: (lock: LockId) => Control,
  locks: readonly LockId[],
  { prefix, actor }: { readonly prefix: string; readonly actor: Actor },
): Promise<void> {
  const seen = locks.map(async (id): Promise<readonly Choice[]> => {
    const { paths, host } = controlOf(id);
    const lock = await inspectLock(paths, id, host);
    return lock.tokens.map((view) => ({ id, lock, view }));
  });
  const { id, lock, view } = chooseToken((await Promise.all(seen)).flat(), prefix);
  const control = controlOf(id);
  const { paths, host, say } = control;
  say(holderWords(view));
  if (view.state.kind !== "dead" && view.state.kind !== "unproved") {
    throw new SchedError(reasonWords(control, id, view), { exitCode: EXIT.skipped });
  }
  if (view.state.kind === "dead") return clear(control, id, lock, view);
  const how = `its lock was removed by force by ${actorWords(actor)}`;
  const notes = await openNotes(paths, host, { tap: id.tap, target: id.target });
  try {
    const { taken, record } = await buryRun(control, id, { lock, view, how, as: "force" });
    notes.warn("lock removed by force", { by: actor.by, why: actor.why, token: view.token, run: record?.id });
    say(taken ? "removed by force, and the run is recorded as lost" : "it no longer exists");
  } finally {
    await notes.close();
  }
}
