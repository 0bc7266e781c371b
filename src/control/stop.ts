import { findEvidence, renderEvidence } from "../run/checks/preflight.ts";
import { type StopContext, type StopOptions, type StopResult, stopOwnRun } from "../run/stop/stop-run.ts";

/** Stops the run of a pipeline on any host. A foreign run is not stopped, only named. */
export async function stopRun(context: StopContext, options: StopOptions): Promise<StopResult> {
  const result = await stopOwnRun(context, options);
  const isIdle = result.kind === "idle" && context.store.lock.id.isWaiter !== true;
  const foreign = isIdle ? await describeForeignRun(context) : undefined;
  return foreign === undefined ? result : { kind: "alive", summary: foreign };
}

/** Describes a foreign run, and how to end it; `undefined` if there is none. */
async function describeForeignRun({ store, host }: StopContext): Promise<string | undefined> {
  const evidence = await findEvidence(store, host);
  const found = renderEvidence(evidence);
  // A run of this program may have started during the search, and the search then found its processes.
  if (found === undefined || (await store.lock.inspect()).tokens.length > 0) return undefined;
  const how = "process" in evidence ? `; to end that process: kill ${evidence.process.pid}` : "";
  return `${found}. \`stop\` ends only runs of pipelinewise-sched${how}`;
}
