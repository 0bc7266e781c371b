import { errorMessage } from "../../errors.ts";
import { type TaggedProcesses, taggedProcesses } from "../../lock/processes.ts";
import { entryLabel } from "../../pipeline-id.ts";
import { renderProcesses } from "../../system/proc.ts";
import type { LockedRun } from "../context.ts";
import { renderCause, type StopCause } from "../outcome.ts";
import { startTimeout } from "../policies/timeout.ts";
import { cronicleReadsJson } from "../records/cronicle-job.ts";
import { markJsonLines } from "./json-lines.ts";
import { copyOutput, drainOutput, type RunLog } from "./output.ts";
import { pipelineGone } from "./process-group.ts";
import type { StartedPipeline } from "./start.ts";
import { type StopHelp, type StopTiming, stopPipeline, waitFor } from "./terminate.ts";

/** The end of a pipeline: the exit code of its process, and the reason why the wrapper stopped it, if it did. */
export interface PipelineEnd {
  readonly code: number;
  /** The time at which the pipeline process ended. Other processes of the pipeline may have been running after that. */
  readonly processEndedAt: Date;
  readonly cause: StopCause | undefined;
}

/** The parts of a run that its supervisor uses. */
export type SupervisedRun = Pick<
  LockedRun,
  "plan" | "host" | "store" | "lock" | "log" | "requests" | "signals" | "timing"
>;

/** Keeps a log below the size that `retention` sets, until `end`. An error is logged, and the run goes on. */
function limitLog({ plan: { retention }, log }: SupervisedRun, output: RunLog): { readonly end: () => Promise<void> } {
  if (retention?.retention === undefined) return { end: async () => {} };
  const onFault = (error: unknown) => {
    log.warn("could not shorten the log", { log: output.path, detail: errorMessage(error) });
  };
  const limit = import("./log-size.ts")
    .then(({ limitLogSize }) => limitLogSize(output, retention, onFault))
    .catch(onFault);
  return { end: async () => (await limit)?.end() };
}

interface Supervision {
  readonly run: SupervisedRun;
  /** The program that was started, for messages. */
  readonly title: string;
  /** Processes that have this run's token or its kernel lock. */
  readonly marked: TaggedProcesses;
}

/** The reasons to stop a run. The first promise that resolves counts. */
export const reasonsToStop = ({
  lock,
  requests,
  signals,
}: Pick<SupervisedRun, "lock" | "requests" | "signals">): readonly Promise<StopCause>[] => [
  signals.first,
  requests.first,
  lock.lost.then((reason): StopCause => ({ kind: "lock-lost", reason })),
];

/** The wrapper log of a run that takes longer than this is written during the run. */
const WRITE_LOG_AFTER_MS = 250;

/** After this time the run says which processes it still waits for. */
const SAY_REMAINING_AFTER_MS = 1_000;

/** Resolves when no process of the pipeline is running. */
async function waitForPipeline(
  { process: { ended, pid }, container }: StartedPipeline,
  { run: { plan, host, log }, title, marked }: Supervision,
): Promise<Omit<PipelineEnd, "cause">> {
  const code = await ended;
  const processEndedAt = host.now();
  let isOver = false;
  const sayRemaining = async () => {
    const pids = await marked.find();
    // At the end of the run the log is closed, and its descriptor may belong to another file.
    if (isOver || pids.length === 0) return;
    const text = `${title} has ended; still running: ${renderProcesses(pids)}`;
    log.info(text, { code });
    if (plan.output.passThrough) host.stderr.write(`pipelinewise-sched: ${entryLabel(plan.entry)}: ${text}\n`);
  };
  const timer = setTimeout(() => void sayRemaining(), SAY_REMAINING_AFTER_MS);
  await pipelineGone(pid, marked);
  await container?.gone(log);
  isOver = true;
  clearTimeout(timer);
  return { code, processEndedAt };
}

/** Without its container, the client of a container engine has nothing to finish. */
const AT_ONCE: StopTiming = { graceMs: 0, killGraceMs: 0 };

/**
 * Stops a pipeline step by step. A container is stopped through its engine, because a signal to its client may not
 * reach it. If the engine fails, the processes of the container get the signals, as far as they are visible.
 */
async function stopSteps({ process, container }: StartedPipeline, timing: StopTiming, help: StopHelp): Promise<void> {
  if (container === undefined) return stopPipeline(process, timing, help);
  let isGone = false;
  if (await container.stop(timing, help)) {
    const gone = pipelineGone(process.pid, help.marked).then(() => {
      isGone = true;
    });
    // A second signal does not end this wait, because the client may be removing the container.
    await waitFor(gone, timing.killGraceMs);
  }
  if (!isGone) await stopPipeline(process, AT_ONCE, help);
}

/** Stops a pipeline for a reason, which it reports. */
function stopFor(cause: StopCause, started: StartedPipeline, { run, marked }: Supervision): Promise<void> {
  const { plan, host, log, requests, signals, timing } = run;
  if (plan.output.passThrough) {
    const remark = cause.kind === "signal" ? "press Ctrl-C again to force" : renderCause(cause);
    host.stderr.write(`pipelinewise-sched: stopping ${entryLabel(plan.entry)} (${remark})\n`);
  }
  log.warn("stopping the pipeline", { reason: renderCause(cause) });
  const secondSignal = () => Promise.race([signals.next(), requests.now]);
  const report = (step: string) => {
    log.warn(step);
    requests.acknowledge(step);
  };
  return stopSteps(started, timing, { secondSignal, marked, report });
}

/**
 * Waits until no process of the pipeline is running, passes the output on, and stops the pipeline at the first
 * reason to stop it.
 */
async function superviseProcess(started: StartedPipeline, supervision: Supervision): Promise<PipelineEnd> {
  const { process, log: output } = started;
  const { host, log, plan, signals } = supervision.run;
  const { streams } = process;
  const convert = cronicleReadsJson(host) ? markJsonLines() : undefined;
  const copies =
    streams === undefined
      ? []
      : [copyOutput(streams.stdout, host.stdout, output, convert), copyOutput(streams.stderr, host.stderr, output)];
  const writeLog = setTimeout(() => void log.flush(), WRITE_LOG_AFTER_MS);
  let isOver = false;
  let cause: StopCause | undefined;
  const timeout = startTimeout(plan.policies.timeoutMs);
  const stopped = Promise.race([...reasonsToStop(supervision.run), timeout.first]).then(async (first) => {
    if (isOver) return;
    cause = first;
    await stopFor(first, started, supervision);
  });
  const ended = waitForPipeline(started, supervision);
  // A stop that fails rejects at once.
  const end = await Promise.race([ended, stopped.then(() => ended)]).finally(timeout.cancel);
  isOver = true;
  if (cause !== undefined) await stopped;
  await drainOutput(copies, () => signals.cause() !== undefined);
  clearTimeout(writeLog);
  for (const fault of copies.map((copy) => copy.fault())) {
    if (fault !== undefined) host.stderr.write(`pipelinewise-sched: the log ${output.path} is incomplete: ${fault}\n`);
  }
  return { ...end, cause };
}

/** Stops a pipeline that can no longer be supervised, and waits until it has ended, however long that takes. */
async function stopAfterFault(started: StartedPipeline, supervision: Supervision): Promise<Omit<PipelineEnd, "cause">> {
  const { run, marked } = supervision;
  const { log, signals, timing } = run;
  const help = { secondSignal: () => signals.next(), marked, report: (step: string) => log.warn(step) };
  try {
    await stopSteps(started, timing, help);
  } catch (error) {
    log.error("the pipeline could not be stopped", { detail: errorMessage(error) });
  }
  return waitForPipeline(started, supervision);
}

/**
 * Runs a started pipeline to its end. Never rejects: the caller releases the lock afterwards, and an internal error must
 * not release it while the pipeline is running.
 *
 * @param title the program that was started, for messages
 */
export async function runPipelineProcess(
  run: SupervisedRun,
  started: StartedPipeline,
  title = "PipelineWise",
): Promise<PipelineEnd> {
  const { host, store, lock, log } = run;
  const { process, log: output } = started;
  log.info("started", { child: process.pid, log: output.path });
  const marked = taggedProcesses(lock.token, store.lock.kernelLockFile);
  const supervision = { run, title, marked };
  const limit = limitLog(run, output);
  let end: PipelineEnd;
  try {
    end = await superviseProcess(started, supervision);
  } catch (error) {
    const reason = errorMessage(error);
    log.error("stopping the pipeline because of an internal error", { detail: reason });
    end = { ...(await stopAfterFault(started, supervision)), cause: { kind: "fault", reason } };
  }
  await limit.end();
  // A network file system may report only now that it has no room.
  await output.file.close().catch((error) => {
    const what = `the log ${output.path} may be incomplete`;
    log.warn(what, { detail: errorMessage(error) });
    host.stderr.write(`pipelinewise-sched: ${what}: ${errorMessage(error)}\n`);
  });
  return end;
}
