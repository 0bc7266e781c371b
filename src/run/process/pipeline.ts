import { errorMessage } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { type HeldLock, RUN_MARK } from "../../lock/lock.ts";
import { type MarkedProcesses, markedProcesses } from "../../lock/processes.ts";
import { LOCK_TIMING } from "../../lock/timing.ts";
import { entryLabel, lockOf } from "../../pipeline-id.ts";
import type { SlotClaim } from "../../slots/store.ts";
import { flockFile, runLogFile } from "../../storage/paths.ts";
import { findProgram } from "../../system/find-program.ts";
import type { Leftovers } from "../checks/leftovers.ts";
import type { Execution } from "../checks/lock.ts";
import { causeWords, type StopCause } from "../outcome.ts";
import type { RunPlan } from "../plan.ts";
import type { Notes } from "../wrapper-log.ts";
import { applyEnvironment, readEnvironment } from "./environment.ts";
import { copyOutput, finishCopying, openRunLog, type RunLog } from "./output.ts";
import { findSetpriv, groupGone, groupWorks } from "./process-group.ts";
import { type Pipeline, startPipeline } from "./spawn.ts";
import { type StopRequests, watchStopRequests } from "./stop-request.ts";
import type { StopSignals } from "./stop-signals.ts";
import { type StopTiming, stopPipeline } from "./terminate.ts";

/** Parts that supervise a pipeline: sources of stop requests, and receivers of events. */
interface Attendance {
  readonly host: Pick<Host, "stdout" | "stderr">;
  readonly log: RunLog;
  readonly notes: Notes;
  readonly lock: Pick<HeldLock, "lost">;
  readonly signals: StopSignals;
  readonly requests: StopRequests;
  /** Processes that carry this run's mark or hold its lock. */
  readonly marked: MarkedProcesses;
  readonly timing: StopTiming;
  /** Said when a stop begins; silent where nobody reads. */
  readonly announceStop: (cause: StopCause) => void;
}

/** How a pipeline ended: its leader's code, and why we stopped it, if we did. */
export interface PipelineEnd {
  readonly code: number;
  readonly cause: StopCause | undefined;
}

/** A run that goes on for so long has its notes written while it does. */
const NOTES_AFTER_MS = 250;

/**
 * Stays with a pipeline until no process of its group is left, passes its output on, and stops it when a signal or the
 * loss of the lock demands it.
 */
async function attendPipeline(pipeline: Pipeline, attendance: Attendance): Promise<PipelineEnd> {
  const { host, log, notes, lock, signals, requests, marked, timing, announceStop } = attendance;
  const { streams, pid } = pipeline;
  const copies =
    streams === undefined
      ? []
      : [copyOutput(streams.stdout, host.stdout, log), copyOutput(streams.stderr, host.stderr, log)];
  const writeNotes = setTimeout(() => void notes.flush(), NOTES_AFTER_MS);
  let over = false;
  let cause: StopCause | undefined;
  const lost = lock.lost.then((why): StopCause => ({ kind: "lock-lost", why }));
  const stopped = Promise.race([signals.first, requests.first, lost]).then(async (why) => {
    if (over) return;
    cause = why;
    announceStop(why);
    notes.warn("stopping the pipeline", { reason: causeWords(why) });
    const next = () => Promise.race([signals.next(), requests.hurry]);
    const tell = (stage: string) => {
      notes.warn(stage);
      requests.answer(stage);
    };
    await stopPipeline(pipeline, timing, { next, marked, tell });
  });
  const allGone = async () => {
    const code = await pipeline.ended;
    if (groupWorks(pid))
      notes.info("the pipeline process has ended; waiting for the rest of its process group", { code, pid });
    await groupGone(pid);
    return code;
  };
  const ended = allGone();
  // A stop that fails is heard of at once.
  const code = await Promise.race([ended, stopped.then(() => ended)]);
  over = true;
  if (cause !== undefined) await stopped;
  await finishCopying(copies, () => signals.cause() !== undefined);
  clearTimeout(writeNotes);
  for (const fault of copies.map((copy) => copy.fault())) {
    if (fault !== undefined) host.stderr.write(`pipelinewise-sched: the log ${log.path} is incomplete: ${fault}\n`);
  }
  return { code, cause };
}

/** A run that has its pipeline's lock. */
export interface HeldRun extends Execution {
  readonly plan: RunPlan;
  readonly host: Host;
  readonly lock: HeldLock;
  readonly notes: Notes;
  /** Files that a dead run left. */
  readonly leftovers: Leftovers;
  /** The slot that it stands for, ours as soon as the pipeline has started; none for a run by hand. */
  readonly claim: SlotClaim | undefined;
}

/** A running pipeline and the log of its output. */
export interface Begun {
  readonly pipeline: Pipeline;
  readonly log: RunLog;
}

/**
 * A command line whose fast sync has the name that PipelineWise here knows. Where the schedule is installed, that is known
 * already; else PipelineWise is asked, which takes it a second or two.
 */
export async function nameFastSync(
  { entry, fastSyncAt }: Pick<RunPlan, "entry" | "fastSyncAt">,
  words: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<readonly string[]> {
  if (fastSyncAt === undefined) return words;
  const { askKnownCommands, fastSyncName } = await import("../../system/known-commands.ts");
  const known = await askKnownCommands(words.slice(0, fastSyncAt), env);
  return words.with(fastSyncAt, fastSyncName(known, entryLabel(entry)));
}

/** Finds, reads and opens all that the pipeline needs, then starts it. Where this rejects, nothing was started. */
export async function beginPipeline({ plan, host, lock, start }: HeldRun): Promise<Begun> {
  const { paths, entry, manners } = plan;
  const changes = await readEnvironment(plan.environment, paths.configDir, host);
  const env: NodeJS.ProcessEnv = { ...applyEnvironment(host, changes), [RUN_MARK]: lock.token };
  const program = await findProgram(plan.words[0] ?? "", env["PATH"]);
  const words = await nameFastSync(plan, [program, ...plan.words.slice(1)], env);
  const setpriv = await findSetpriv();
  const log = await openRunLog(paths, runLogFile(paths, entry, start), host.uid);
  try {
    const pipeline = await startPipeline({
      words,
      env,
      cwd: host.cwd,
      stdin: lock.stdin,
      output: manners.passThrough ? "pipe" : log.file.fd,
      setpriv,
    });
    return { pipeline, log };
  } catch (error) {
    await log.file.close();
    throw error;
  }
}

/** Parts of a run that are needed while its pipeline is running. */
interface Stay extends Pick<HeldRun, "host" | "lock" | "notes" | "signals" | "timing"> {
  readonly plan: Pick<RunPlan, "paths" | "entry" | "manners">;
}

/** After a fault of ours: ends a pipeline that nobody can stay with, and waits for its end however long that takes. */
async function endPipeline(pipeline: Pipeline, { signals, marked, notes, timing }: Attendance): Promise<number> {
  try {
    await stopPipeline(pipeline, timing, { next: () => signals.next(), marked, tell: (stage) => notes.warn(stage) });
  } catch (error) {
    notes.error("the pipeline could not be stopped", { detail: errorMessage(error) });
  }
  const code = await pipeline.ended;
  await groupGone(pipeline.pid);
  return code;
}

/**
 * Stays with a pipeline until all of it has ended. Never rejects: the lock is given back behind this, and whatever fails
 * on our side is no reason to let another run in beside one that is at work.
 */
export async function stayWithPipeline(run: Stay, { pipeline, log }: Begun): Promise<PipelineEnd> {
  const { plan, host, lock, notes, signals, timing } = run;
  const { paths, entry, manners } = plan;
  notes.info("started", { child: pipeline.pid, log: log.path });
  const announceStop = () => {
    if (manners.passThrough)
      host.stderr.write(`pipelinewise-sched: stopping ${entryLabel(entry)} (press Ctrl-C again to force)\n`);
  };
  const everyMs = timing.heartbeatMs ?? LOCK_TIMING.heartbeatMs;
  const requests = watchStopRequests({ paths, pipeline: lockOf(entry), token: lock.token }, host, { everyMs, notes });
  const marked = markedProcesses(lock.token, flockFile(paths, lockOf(entry)));
  const attendance = { host, log, notes, lock, signals, requests, marked, timing, announceStop };
  let end: PipelineEnd;
  try {
    end = await attendPipeline(pipeline, attendance);
  } catch (error) {
    const why = errorMessage(error);
    notes.error("stopping the pipeline because of an internal error", { detail: why });
    end = { code: await endPipeline(pipeline, attendance), cause: { kind: "fault", why } };
  }
  const say = (what: string) => (error: unknown) => {
    notes.warn(what, { detail: errorMessage(error) });
    host.stderr.write(`pipelinewise-sched: ${what}: ${errorMessage(error)}\n`);
  };
  await requests.close().catch(say("could not remove a stop request"));
  // A share may tell only now that it has no room for what it took.
  await log.file.close().catch(say(`the log ${log.path} may be incomplete`));
  return end;
}
