import { entryLabel, lockOf } from "../command/request.ts";
import { errorMessage } from "../errors.ts";
import { markedProcesses } from "../lock/pipeline-processes.ts";
import { LOCK_TIMING } from "../lock/timing.ts";
import { flockFile } from "../state-paths.ts";
import { type Attendance, attendPipeline, type PipelineEnd } from "./attend.ts";
import type { Begun, HeldRun } from "./begin.ts";
import type { Pipeline } from "./child.ts";
import type { RunPlan } from "./plan.ts";
import { groupGone } from "./process-group.ts";
import { stopPipeline } from "./stop.ts";
import { watchStopRequests } from "./stop-requests.ts";

/** What is needed of a run for as long as its pipeline is at work. */
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
    if (manners.passThrough) host.stderr.write(`pipelinewise-sched: stopping ${entryLabel(entry)}; again to hurry\n`);
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
    notes.error("stopping the pipeline: we cannot stay with it", { detail: why });
    end = { code: await endPipeline(pipeline, attendance), cause: { kind: "fault", why } };
  }
  const say = (what: string) => (error: unknown) => {
    notes.warn(what, { detail: errorMessage(error) });
    host.stderr.write(`pipelinewise-sched: ${what}: ${errorMessage(error)}\n`);
  };
  await requests.close().catch(say("a request to stop could not be put away"));
  // A share may tell only now that it has no room for what it took.
  await log.file.close().catch(say(`the log ${log.path} may not be whole`));
  return end;
}
