import { setTimeout as sleep } from "node:timers/promises";
import { errorCode } from "../../errors.ts";
import type { Host } from "../../host.ts";
import type { LockView, TokenView } from "../../lock/inspect.ts";
import { type TaggedProcesses, uptimeMs } from "../../lock/processes.ts";
import { LOCK_TIMING, type LockTiming } from "../../lock/timing.ts";
import { isProcessRunning } from "../../system/proc.ts";
import { renderDuration } from "../../text/format-time.ts";
import type { PipelineStore } from "../pipeline-store.ts";
import { WAKE_SIGNAL } from "../process/watch-stop-requests.ts";
import { isOtherWork, reapRun } from "../records/lost-runs.ts";
import type { StopRequest } from "./stop-requests.ts";

/** The user or the start that acts on a run from outside, and the reason. */
export interface Actor {
  /** `ada on host etl-1`. */
  readonly by: string;
  readonly reason: string | undefined;
}

/** The actor as text for a record: `ada on host etl-1 (maintenance)`. */
export const renderActor = ({ by, reason }: Actor): string => (reason === undefined ? by : `${by} (${reason})`);

/** The context of a stop or an unlock: the runs under one lock. */
export interface StopContext {
  readonly store: PipelineStore;
  readonly host: Host;
  /** Shows one step to the user. */
  readonly report: (text: string) => void;
  /** Shows a warning that does not concern this lock alone. It may come once for each lock. */
  readonly warn: (text: string) => void;
}

/**
 * Response of a holder to a request. `died`: before it stopped the pipeline; `silent`: none; `busy`: it answered and is
 * still running; `withdrawn`: the requester gave up.
 */
type StopResponse = "gone" | "died" | "silent" | "busy" | "withdrawn";

const LOCAL_POLL_MS = 100;
const REMOTE_POLL_MS = 1_000;
/** A holder looks for requests at each heartbeat, and may miss some. */
const HEARTBEATS_TO_ANSWER = 4;
/** Added to both grace periods, for processes that SIGKILL does not end at once. */
const EXTRA_MS = 30_000;

function wake({ pid, startTicks }: TokenView): void {
  if (!isProcessRunning(pid, startTicks)) return;
  try {
    process.kill(pid, WAKE_SIGNAL);
  } catch (error) {
    // The wrapper belongs to another user. It looks for requests at its next heartbeat.
    if (errorCode(error) !== "ESRCH" && errorCode(error) !== "EPERM") throw error;
  }
}

interface HolderRequest {
  readonly lock: LockView;
  readonly view: TokenView;
  readonly request: StopRequest;
  readonly timing: LockTiming;
  readonly isGivenUp: () => boolean;
}

/** The text of a request to a holder. */
function renderAsked({ lock }: PipelineStore, { holder }: TokenView): string {
  if (lock.id.isWaiter === true) return "stop waiting";
  return `stop ${holder !== undefined && isOtherWork(holder) ? holder.task : "the pipeline"}`;
}

/** Asks a run's wrapper, on any host, to stop its pipeline, and waits until its lock is released. */
async function requestStop(
  { store, report }: StopContext,
  { lock, view, request, timing, isGivenUp }: HolderRequest,
): Promise<StopResponse> {
  const isLocal = view.state.kind === "alive";
  const files = store.requests(view.token);
  await files.write(request);
  report(`asked pid ${view.pid} on host ${view.holder?.host ?? "(unknown)"} to ${renderAsked(store, view)}`);
  let deadline = uptimeMs() + timing.heartbeatMs * HEARTBEATS_TO_ANSWER;
  let reported = 0;
  const reportSteps = async () => {
    const steps = await files.readSteps();
    if (reported === 0 && steps.length > 0) deadline = uptimeMs() + timing.graceMs + timing.killGraceMs + EXTRA_MS;
    for (const step of steps.slice(reported)) report(step);
    reported = Math.max(reported, steps.length);
  };
  try {
    while (await lock.has(view.token)) {
      if (isLocal && !isProcessRunning(view.pid, view.startTicks)) return "died";
      if (isGivenUp()) return "withdrawn";
      await reportSteps();
      if (uptimeMs() > deadline) return reported === 0 ? "silent" : "busy";
      if (isLocal && reported === 0) wake(view);
      await sleep(isLocal ? LOCAL_POLL_MS : REMOTE_POLL_MS);
    }
    await reportSteps();
    return "gone";
  } finally {
    // This process no longer waits for an answer, so a holder that resumes later must not find the request.
    await files.removeRequest();
    await files.removeSteps();
  }
}

/** The time of the last heartbeat, as text: `12 s ago`, or by the holder's clock. */
export const renderLastHeartbeat = ({ silentMs, lastHeartbeatAt }: Pick<TokenView, "silentMs" | "lastHeartbeatAt">) =>
  silentMs === undefined
    ? `at ${lastHeartbeatAt.toISOString()} by the clock of its host`
    : `${renderDuration(silentMs)} ago`;

/** The end of a stop. `idle`: nothing was running; `gone`: the run has ended; `alive`: a process is still running. */
export interface StopResult {
  readonly kind: "idle" | "gone" | "alive";
  /** Sentence fragment that follows the pipeline's name. */
  readonly summary: string;
}

export interface StopOptions extends Actor {
  /** Do all steps of the stop without the grace periods. */
  readonly now: boolean;
  /** The only run to stop, by its token. Default: the run that has the lock. */
  readonly token?: string | undefined;
  /** Whether to withdraw the request. Default: never. */
  readonly isGivenUp?: (() => boolean) | undefined;
  readonly timing?: LockTiming | undefined;
}

const POLL_MS = 100;

async function waitUntilGone(processes: TaggedProcesses, ms: number): Promise<readonly number[]> {
  const deadline = uptimeMs() + ms;
  for (;;) {
    const left = await processes.find();
    if (left.length === 0 || uptimeMs() > deadline) return left;
    await sleep(POLL_MS);
  }
}

/**
 * Ends the processes on this host whose wrapper is dead.
 *
 * @returns the processes that could not be ended
 */
async function endOrphans(
  { report }: StopContext,
  processes: TaggedProcesses,
  { now, timing = LOCK_TIMING }: StopOptions,
): Promise<readonly number[]> {
  const steps = [
    ["SIGTERM", now ? 0 : timing.graceMs],
    ["SIGKILL", timing.killGraceMs],
  ] as const;
  let left: readonly number[] = [];
  for (const [signal, graceMs] of steps) {
    const signaled = await processes.signal(signal);
    if (signaled.length === 0) return processes.find();
    report(`sent ${signal} to the remaining processes: ${signaled.join(", ")}`);
    left = await waitUntilGone(processes, graceMs);
  }
  return left;
}

/** Stops the containers of a pipeline whose wrapper is dead. @returns whether there were any */
async function stopContainers(
  context: StopContext,
  { now, timing = LOCK_TIMING }: StopOptions,
  isDead: () => Promise<boolean>,
): Promise<boolean> {
  const { store, report } = context;
  if (store.lock.id.isWaiter === true) return false;
  const { findKnownContainers } = await import("../containers/installed.ts");
  const found = await findKnownContainers(context);
  // A run that has started since has containers too.
  if (found.length === 0 || !(await isDead())) return false;
  for (const { name, engine } of found) {
    report(`asked ${engine.name} to ${now ? "kill" : "stop"} the container ${name}, whose wrapper has ended`);
    await (now ? engine.kill(name) : engine.stop(name, timing.graceMs));
  }
  return true;
}

const stillAlive = (left: readonly number[]): StopResult => ({
  kind: "alive",
  summary: `is still running: could not kill ${left.join(", ")}`,
});

const stillLocked = ({ store: { lock } }: StopContext, { pid }: TokenView): StopResult => ({
  kind: "alive",
  summary: `is still running: its wrapper (pid ${pid}) has ended, but other processes hold its lock. Find and end them as root: fuser -v ${lock.kernelLockFile}`,
});

/** Describes how a run ended, according to its record. */
async function renderRunEnd({ store }: StopContext, { holder }: TokenView): Promise<string> {
  if (store.lock.id.isWaiter === true) return "no longer waits";
  if (holder !== undefined && isOtherWork(holder)) return `is no longer locked: ${holder.task} has ended`;
  const { runs } = await store.readNewest();
  const run = [...runs.values()].find(({ id }) => id === holder?.runId);
  if (run === undefined) return "has ended; it left no record";
  const took = renderDuration(Date.parse(run.endedAt) - Date.parse(run.startedAt));
  return `has ended: it ${run.outcome === "stopped" ? "was stopped" : run.outcome} after ${took} (run ${run.id})`;
}

/** Stops a run through its wrapper; `undefined` if the wrapper ends before it answers. */
async function stopByRequest(
  context: StopContext,
  { lock, view, options }: { readonly lock: LockView; readonly view: TokenView; readonly options: StopOptions },
): Promise<StopResult | undefined> {
  const { by, reason, now, timing = LOCK_TIMING, isGivenUp = () => false } = options;
  const response = await requestStop(context, { lock, view, request: { by, reason, now }, timing, isGivenUp });
  const host = view.holder?.host ?? "its host";
  switch (response) {
    case "gone":
      return { kind: "gone", summary: await renderRunEnd(context, view) };
    case "died":
      return undefined;
    case "silent": {
      // The wrapper may be in a frozen container whose pipeline processes are visible here.
      const left = await endOrphans(context, lock.processes(view.token), options);
      if (left.length > 0) return stillAlive(left);
      return {
        kind: "alive",
        summary: `was not stopped: ${host} did not answer; its last heartbeat was ${renderLastHeartbeat(view)}. See: pipelinewise-sched unlock`,
      };
    }
    case "withdrawn":
      return { kind: "alive", summary: "is still running: the request to stop it was withdrawn" };
    case "busy": {
      const left = await lock.processes(view.token).find();
      return left.length > 0 ? stillAlive(left) : { kind: "alive", summary: `is still being stopped by host ${host}` };
    }
  }
}

/**
 * Stops a run of this program on any host: asks its wrapper to stop, or ends the processes on this host whose wrapper
 * is dead. A run that starts during the stop is not stopped.
 */
export async function stopOwnRun(context: StopContext, options: StopOptions): Promise<StopResult> {
  const { store, host, report } = context;
  let selected = options.token;
  let ended = false;
  for (;;) {
    const lock = await store.lock.inspect();
    const view = lock.tokens.find(({ token }) => selected === undefined || token === selected);
    if (view === undefined) {
      if (selected === undefined && lock.tokens.length === 0) {
        const isFree = async () => (await store.lock.inspect()).tokens.length === 0;
        if (await stopContainers(context, options, isFree)) ended = true;
        const left = await endOrphans(context, lock.processes(), options);
        if (left.length > 0) return stillAlive(left);
      }
      return ended ? { kind: "gone", summary: "has ended" } : { kind: "idle", summary: "is not running" };
    }
    selected = view.token;
    if (view.state.kind === "orphans") {
      report(`its wrapper (pid ${view.pid}) has ended, but its pipeline is still running`);
      await stopContainers(context, options, () => lock.has(view.token));
      const left = await endOrphans(context, lock.processes(view.token), options);
      if (left.length > 0) return stillAlive(left);
      ended = true;
    } else if (view.state.kind === "hidden") {
      return stillLocked(context, view);
    } else if (view.state.kind === "dead") {
      if (await stopContainers(context, options, () => lock.has(view.token))) ended = true;
      const how = ended
        ? `its remaining processes were stopped by ${renderActor(options)}`
        : `found by stop, on host ${host.name}`;
      const { taken, record } = await reapRun(store, { lock, view, how, as: "reap" });
      if (!taken && (await lock.has(view.token))) return stillLocked(context, view);
      const recorded = record === undefined ? "its lock was removed" : "the run is recorded as lost";
      return ended
        ? { kind: "gone", summary: `has ended; its wrapper had already died, so ${recorded}` }
        : { kind: "idle", summary: `is not running: its wrapper had died, and ${recorded}` };
    } else {
      const result = await stopByRequest(context, { lock, view, options });
      if (result !== undefined) return result;
    }
  }
}
