import { setTimeout as sleep } from "node:timers/promises";
import { errorCode } from "../errors.ts";
import { readLast } from "../history/store.ts";
import { inspectLock, type LockView, type TokenView } from "../lock/inspect.ts";
import { type MarkedProcesses, processLives, sinceBootMs } from "../lock/processes.ts";
import { LOCK_TIMING, type LockTiming } from "../lock/timing.ts";
import type { LockId } from "../pipeline-id.ts";
import {
  readAnswer,
  removeAnswer,
  removeRequest,
  type StopRequest,
  WAKE_SIGNAL,
  writeStopRequest,
} from "../run/process/stop-request.ts";
import { flockFile } from "../storage/paths.ts";
import { renderDuration } from "../text/format-time.ts";
import { type Actor, actorWords, buryRun, type Control } from "./reap.ts";

/**
 * Result of a request: `died` before it stopped the pipeline; `silent`: no answer; `busy`: answered and still running.
 */
type Asked = "gone" | "died" | "silent" | "busy";

const POLL_HERE_MS = 100;
const POLL_AWAY_MS = 1_000;
/** A holder looks for requests at each heartbeat, and may miss some. */
const BEATS_TO_ANSWER = 4;
/** Added to both grace periods, for processes that SIGKILL does not end at once. */
const EXTRA_MS = 30_000;

function wake({ pid, startTicks }: TokenView): void {
  if (!processLives(pid, startTicks)) return;
  try {
    process.kill(pid, WAKE_SIGNAL);
  } catch (error) {
    // The process of another user. It looks for requests at its next heartbeat.
    if (errorCode(error) !== "ESRCH" && errorCode(error) !== "EPERM") throw error;
  }
}

/** Asks a run's wrapper, on any host, to stop its pipeline, and waits until its lock is released. */
async function askHolder(
  { paths, host, say }: Control,
  pipeline: LockId,
  { lock, view, request, timing }: { lock: LockView; view: TokenView; request: StopRequest; timing: LockTiming },
): Promise<Asked> {
  const here = view.state.kind === "alive";
  const address = { paths, pipeline, token: view.token };
  await writeStopRequest(address, request, host);
  say(`asked pid ${view.pid} on host ${view.holder?.host ?? "(unknown)"} to stop the pipeline`);
  let deadline = sinceBootMs() + timing.heartbeatMs * BEATS_TO_ANSWER;
  let told = 0;
  const listen = async () => {
    const steps = await readAnswer(address);
    if (told === 0 && steps.length > 0) deadline = sinceBootMs() + timing.graceMs + timing.killGraceMs + EXTRA_MS;
    for (const step of steps.slice(told)) say(step);
    told = Math.max(told, steps.length);
  };
  try {
    while (await lock.has(view.token)) {
      if (here && !processLives(view.pid, view.startTicks)) return "died";
      await listen();
      if (sinceBootMs() > deadline) return told === 0 ? "silent" : "busy";
      if (here && told === 0) wake(view);
      await sleep(here ? POLL_HERE_MS : POLL_AWAY_MS);
    }
    await listen();
    return "gone";
  } finally {
    // Nobody waits for it any more, so a holder that resumes later must not find this request.
    await removeRequest(address);
    await removeAnswer(address);
  }
}

/** How a stop ended: `idle`: nothing was running; `alive`: something still is. `words` follows the pipeline's name. */
export interface Stopped {
  readonly kind: "idle" | "gone" | "alive";
  readonly words: string;
}

export interface StopWish extends Actor {
  /** Send SIGKILL at once. */
  readonly now: boolean;
  readonly timing?: LockTiming;
}

const POLL_MS = 100;

async function waitUntilGone(processes: MarkedProcesses, ms: number): Promise<readonly number[]> {
  const deadline = sinceBootMs() + ms;
  for (;;) {
    const left = await processes.find();
    if (left.length === 0 || sinceBootMs() > deadline) return left;
    await sleep(POLL_MS);
  }
}

/**
 * Ends the processes on this host whose wrapper is dead.
 *
 * @returns the processes that could not be ended
 */
async function endOrphans(
  { say }: Control,
  processes: MarkedProcesses,
  { now, timing = LOCK_TIMING }: StopWish,
): Promise<readonly number[]> {
  const steps = [
    ["SIGTERM", now ? 0 : timing.graceMs],
    ["SIGKILL", timing.killGraceMs],
  ] as const;
  let left: readonly number[] = [];
  for (const [signal, patience] of steps) {
    const told = await processes.signal(signal);
    if (told.length === 0) return processes.find();
    say(`sent ${signal} to the remaining processes: ${told.join(", ")}`);
    left = await waitUntilGone(processes, patience);
  }
  return left;
}

const alive = (left: readonly number[]): Stopped => ({
  kind: "alive",
  words: `is still running: could not kill ${left.join(", ")}`,
});

/** Describes how a run ended, according to its record. */
async function endWords({ paths }: Control, pipeline: LockId, { holder }: TokenView): Promise<string> {
  const { runs } = await readLast(paths, pipeline);
  const run = [...runs.values()].find(({ id }) => id === holder?.runId);
  if (run === undefined) return "has ended; it left no record";
  const took = renderDuration(Date.parse(run.endedAt) - Date.parse(run.startedAt));
  return `has ended: it ${run.outcome === "stopped" ? "was stopped" : run.outcome} after ${took} (run ${run.id})`;
}

async function stopHeld(
  control: Control,
  pipeline: LockId,
  { lock, view, wish }: { lock: LockView; view: TokenView; wish: StopWish },
): Promise<Stopped | undefined> {
  const { by, why, now, timing = LOCK_TIMING } = wish;
  const asked = await askHolder(control, pipeline, { lock, view, request: { by, why, now }, timing });
  const host = view.holder?.host ?? "its host";
  switch (asked) {
    case "gone":
      return { kind: "gone", words: await endWords(control, pipeline, view) };
    case "died":
      return undefined;
    case "silent": {
      // The wrapper may be in a frozen container whose pipeline processes are visible here.
      const left = await endOrphans(control, lock.processes(view.token), wish);
      if (left.length > 0) return alive(left);
      return {
        kind: "alive",
        words: `was not stopped: ${host} did not answer; its last heartbeat was ${renderDuration(view.silentMs)} ago. See: pipelinewise-sched unlock`,
      };
    }
    case "busy": {
      const left = await lock.processes(view.token).find();
      return left.length > 0 ? alive(left) : { kind: "alive", words: `is still being stopped by host ${host}` };
    }
  }
}

/**
 * Stops the run of a pipeline on any host: asks its wrapper to stop, or ends the processes on this host whose wrapper is
 * dead. A run that starts during the stop is not stopped.
 */
export async function stopRun(control: Control, pipeline: LockId, wish: StopWish): Promise<Stopped> {
  const { paths, host, say } = control;
  let meant: string | undefined;
  let ended = false;
  for (;;) {
    const lock = await inspectLock(paths, pipeline, host);
    const view = lock.tokens.find(({ token }) => meant === undefined || token === meant);
    if (view === undefined) {
      if (meant === undefined && lock.tokens.length === 0) {
        const left = await endOrphans(control, lock.processes(), wish);
        if (left.length > 0) return alive(left);
      }
      return ended ? { kind: "gone", words: "has ended" } : { kind: "idle", words: "is not running" };
    }
    meant = view.token;
    if (view.state.kind === "orphans") {
      say(`its wrapper (pid ${view.pid}) has ended, but its pipeline is still running`);
      const left = await endOrphans(control, lock.processes(view.token), wish);
      if (left.length > 0) return alive(left);
      ended = true;
    } else if (view.state.kind === "hidden") {
      return {
        kind: "alive",
        words: `is still running: its wrapper (pid ${view.pid}) has ended, but processes of another user hold its lock. Find and end them as root: fuser -v ${flockFile(paths, pipeline)}`,
      };
    } else if (view.state.kind === "dead") {
      const how = ended
        ? `its remaining processes were stopped by ${actorWords(wish)}`
        : `found by stop, on host ${host.name}`;
      await buryRun(control, pipeline, { lock, view, how, as: "bury" });
      if (ended)
        return { kind: "gone", words: "has ended; its wrapper had already died, so the run is recorded as lost" };
      return { kind: "idle", words: "is not running: its wrapper had died, and the run is recorded as lost" };
    } else {
      const stopped = await stopHeld(control, pipeline, { lock, view, wish });
      if (stopped !== undefined) return stopped;
    }
  }
}
