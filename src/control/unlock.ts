import { EXIT, SchedError, UsageError } from "../errors.ts";
import type { RunRecord } from "../history/record.ts";
import type { LockView, TokenView } from "../lock/inspect.ts";
import { LOCK_TIMING } from "../lock/timing.ts";
import { renderRemaining } from "../run/checks/holder.ts";
import { renderContainer } from "../run/containers/find.ts";
import { findKnownContainers } from "../run/containers/installed.ts";
import { readQueue, renderWaitsFor } from "../run/limits/read-queue.ts";
import { reapRun } from "../run/records/lost-runs.ts";
import { type Actor, renderActor, renderLastHeartbeat, type StopContext } from "../run/stop/stop-run.ts";
import { openWrapperLog } from "../run/wrapper-log/wrapper-log.ts";
import { renderProcesses } from "../system/proc.ts";
import { renderDuration } from "../text/format-time.ts";

function renderTokenHolder({ token, pid, holder, ...view }: TokenView): string {
  const who = holder === undefined ? `pid ${pid} (incomplete owner record)` : `host ${holder.host}, pid ${pid}`;
  const run = holder === undefined ? "" : `, run ${holder.runId} since ${holder.startedAt.toISOString()}`;
  return `held by ${who}${run}; last heartbeat ${renderLastHeartbeat(view)}; token ${token}`;
}

/** Explains whether a holder is alive or dead, and what to do next. */
async function renderState({ store: { lock } }: StopContext, { token, pid, state }: TokenView): Promise<string> {
  const options = `--tap ${lock.id.tap} --target ${lock.id.target}`;
  switch (state.kind) {
    case "alive":
      return `ALIVE: process ${pid} runs on this host${renderRemaining(await lock.findRemaining())}. To stop it: pipelinewise-sched stop ${options}`;
    case "orphans":
      return `ALIVE: process ${pid} has ended, but its pipeline is still running on this host: ${renderProcesses(state.pids)}. To stop it: pipelinewise-sched stop ${options}`;
    case "hidden":
      return `ALIVE: process ${pid} has ended, but other processes hold its lock. Find and end them as root: fuser -v ${lock.kernelLockFile}`;
    case "contained":
      return `ALIVE: it is in another container of this machine, and its pipeline is running: ${renderProcesses(state.pids)}. To stop it: pipelinewise-sched stop ${options}`;
    case "unproved":
      return `UNKNOWN: it is on another host, or in another container. The next start on this host takes over after ${renderDuration(LOCK_TIMING.leaseMs)} without a heartbeat. If you are sure that it is not running: pipelinewise-sched unlock ${options} --token ${token} --force`;
    case "dead":
      return `DEAD: process ${pid} has ended on this host, and no process of its pipeline is left`;
  }
}

/** Reports the containers of a pipeline without a live wrapper. @returns whether there are any */
async function reportContainers(context: StopContext): Promise<boolean> {
  const { store, report } = context;
  const { tap, target } = store.lock.id;
  const found = await findKnownContainers(context);
  for (const container of found) {
    report(
      `ALIVE: it ${renderContainer(container)}. To stop it: pipelinewise-sched stop --tap ${tap} --target ${target}`,
    );
  }
  return found.length > 0;
}

/**
 * Reports the holders of a pipeline's lock and removes those that are proved dead.
 *
 * @returns whether the lock is free now
 */
export async function unlock(context: StopContext): Promise<boolean> {
  const { store, report } = context;
  const lock = await store.lock.inspect();
  const isOccupied = lock.tokens.every(({ state }) => state.kind === "dead") && (await reportContainers(context));
  let isFree = !isOccupied;
  for (const view of lock.tokens) {
    report(renderTokenHolder(view));
    const queued = view.holder && (await readQueue(store.paths)).get(view.holder.runId);
    if (queued !== undefined) {
      report(`QUEUED since ${queued.since.toISOString()}: its pipeline waits for a place: ${renderWaitsFor(queued)}`);
    }
    report(await renderState(context, view));
    if (view.state.kind !== "dead" || isOccupied) isFree = false;
    else if (!(await clear({ context, lock, view }))) {
      report(renderNotCleared(context));
      isFree = false;
    }
  }
  if (lock.tokens.length > 0) return isFree;
  const escaped = await lock.processes().find();
  if (escaped.length > 0) {
    report(`the owner record is missing, but these processes hold the kernel lock: ${renderProcesses(escaped)}`);
  }
  return isFree && escaped.length === 0;
}

/** One holder of one lock. */
interface Choice {
  readonly context: StopContext;
  readonly lock: LockView;
  readonly view: TokenView;
}

const renderRecorded = (record: RunRecord | undefined): string =>
  record === undefined ? "" : `, and the run is recorded as ${record.outcome}`;

const renderNotCleared = ({ store: { lock } }: StopContext): string =>
  `not cleared: other processes hold its lock. Find and end them as root: fuser -v ${lock.kernelLockFile}`;

/** Removes the token of a dead run. @returns whether it no longer exists */
async function clear({ context: { store, host, report }, lock, view }: Choice): Promise<boolean> {
  const how = `found by unlock, on host ${host.name}`;
  const { taken, record } = await reapRun(store, { lock, view, how, as: "reap" });
  if (!taken && (await lock.has(view.token))) return false;
  report(taken ? `cleared${renderRecorded(record)}` : "another process has already cleared it");
  return true;
}

function chooseToken(choices: readonly Choice[], prefix: string): Choice {
  const matching = choices.filter(({ view }) => view.token.startsWith(prefix));
  const [one, ...others] = matching;
  if (one === undefined) {
    throw new SchedError(`no token in this lock begins with ${prefix}`, {
      exitCode: EXIT.noInput,
      hint: "Its run may have ended. Show the locks: pipelinewise-sched unlock",
    });
  }
  if (others.length > 0)
    throw new UsageError(`${matching.length} tokens begin with ${prefix}`, "Give more characters of the token.");
  return one;
}

/**
 * Removes a token whose holder is not proved dead. If its run is still running, it notices the loss at its next heartbeat
 * and stops its pipeline; until then two runs may be running.
 *
 * @param contexts the locks in which the token may be
 * @throws SchedError for a run that is running on this host, because it can be stopped
 */
export async function unlockByForce(
  contexts: readonly StopContext[],
  { prefix, actor }: { readonly prefix: string; readonly actor: Actor },
): Promise<void> {
  const seen = contexts.map(async (context): Promise<readonly Choice[]> => {
    const lock = await context.store.lock.inspect();
    return lock.tokens.map((view) => ({ context, lock, view }));
  });
  const choice = chooseToken((await Promise.all(seen)).flat(), prefix);
  const { context, lock, view } = choice;
  const { store, host, report } = context;
  report(renderTokenHolder(view));
  if (view.state.kind !== "dead" && view.state.kind !== "unproved") {
    throw new SchedError(await renderState(context, view), { exitCode: EXIT.skipped });
  }
  if (view.state.kind === "dead") {
    if (!(await clear(choice))) throw new SchedError(renderNotCleared(context), { exitCode: EXIT.skipped });
    return;
  }
  const how = `its lock was removed by force by ${renderActor(actor)}`;
  const { tap, target } = store.lock.id;
  const log = await openWrapperLog(store.paths, host, { tap, target });
  try {
    const { taken, record } = await reapRun(store, { lock, view, how, as: "force" });
    log.warn("lock removed by force", { by: actor.by, why: actor.reason, token: view.token, run: record?.id });
    report(taken ? `removed by force${renderRecorded(record)}` : "it no longer exists");
  } finally {
    await log.close();
  }
}
