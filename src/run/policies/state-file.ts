import { errorMessage } from "../../errors.ts";
import { entryLabel, isDataDiff, replicates } from "../../pipeline-id.ts";
import { pipelineStateFile } from "../../storage/paths.ts";
import type { LockedRun, Refusal } from "../context.ts";
import { listStateCopies, readPipelineState, saveStateCopy, stateFault } from "./state-copies.ts";

/**
 * Refuses to start a pipeline whose `state.json` is torn: PipelineWise would fail at every start. A missing file is not
 * refused, because deleting it is how people ask for a full resync.
 */
export async function stateIsSound(run: LockedRun): Promise<Refusal | undefined> {
  const { plan, host, log } = run;
  const { entry, paths } = plan;
  if (!replicates(entry.command)) return undefined;
  const path = pipelineStateFile(paths, entry);
  const text = await readPipelineState(paths, entry);
  if (text === undefined) {
    if (!(await hasCopy(run))) return undefined;
    const warning = `${path} is missing, so PipelineWise copies every table again`;
    log.warn(warning);
    host.stderr.write(
      `pipelinewise-sched: ${entryLabel(entry)}: ${warning}. If you did not delete it, stop the run, then: ${restoreCommand(entry)}\n`,
    );
    return undefined;
  }
  const fault = stateFault(text);
  if (fault === undefined) return undefined;
  const hint = (await hasCopy(run))
    ? `Restore the copy of the last run that succeeded: ${restoreCommand(entry)}`
    : "There is no copy of it. Restore the file from a backup, or delete it to copy every table again.";
  return { reason: "state", detail: `has a torn state file: ${path} ${fault}`, hint, exitCode: 1 };
}

/** Whether a copy exists. Copies that cannot be listed count as none, because a run does not need them. */
async function hasCopy({ plan: { entry, paths }, log }: LockedRun): Promise<boolean> {
  try {
    return (await listStateCopies(paths, entry)).length > 0;
  } catch (error) {
    log.warn("could not look for copies of state.json", { detail: errorMessage(error) });
    return false;
  }
}

const restoreCommand = ({ tap, target }: LockedRun["plan"]["entry"]): string =>
  `pipelinewise-sched state restore --tap ${tap} --target ${target}`;

/** Keeps a copy of the state after a run that succeeded. A failure is only logged: the run itself has succeeded. */
export async function keepStateCopy({ id, plan, host, log }: LockedRun): Promise<void> {
  if (isDataDiff(plan.entry.command)) return;
  try {
    await saveStateCopy(plan.paths, plan.entry, { id, uid: host.uid });
  } catch (error) {
    log.warn("could not keep a copy of state.json", { detail: errorMessage(error) });
  }
}
