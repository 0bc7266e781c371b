import type { Host } from "../host.ts";
import type { HeldLock } from "../lock/lock.ts";
import type { MarkedProcesses } from "../lock/pipeline-processes.ts";
import type { Pipeline } from "./child.ts";
import type { Notes } from "./notes.ts";
import { causeWords, type StopCause } from "./outcome.ts";
import { copyOutput, finishCopying, type RunLog } from "./output.ts";
import { groupGone, groupWorks } from "./process-group.ts";
import { type StopTiming, stopPipeline } from "./stop.ts";
import type { StopRequests } from "./stop-requests.ts";
import type { StopSignals } from "./stop-signals.ts";

/** Who has a say in a pipeline's life, and who hears of it. */
export interface Attendance {
  readonly host: Pick<Host, "stdout" | "stderr">;
  readonly log: RunLog;
  readonly notes: Notes;
  readonly lock: Pick<HeldLock, "lost">;
  readonly signals: StopSignals;
  readonly requests: StopRequests;
  /** What bears this run's mark or has its lock. */
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
export async function attendPipeline(pipeline: Pipeline, attendance: Attendance): Promise<PipelineEnd> {
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
    if (groupWorks(pid)) notes.info("the leader has ended; waiting for the rest of its process group", { code, pid });
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
    if (fault !== undefined) host.stderr.write(`pipelinewise-sched: the log ${log.path} is not whole: ${fault}\n`);
  }
  return { code, cause };
}
