import { EXIT, SchedError } from "../errors.ts";
import { startOfRun } from "../history/record.ts";
import { type LockId, lockLabel } from "../pipeline-id.ts";
import { listStateCopies, readPipelineState, type StateCopy, stateFault } from "../run/policies/state-copies.ts";
import { readStateFile, writeStateFile } from "../storage/file.ts";
import { pipelineStateFile, type StatePaths } from "../storage/paths.ts";

/** A copy as text: its run and when that started. */
const renderCopy = ({ runId }: StateCopy): string => `run ${runId}, started ${startOfRun(runId).toISOString()}`;

/** The copy of the given run, or the newest one. Throws (66) if there is none. */
function chooseCopy(copies: readonly StateCopy[], lock: LockId, runId: string | undefined): StateCopy {
  const found = runId === undefined ? copies[0] : copies.find((copy) => copy.runId === runId);
  if (found !== undefined) return found;
  if (copies.length === 0) {
    throw new SchedError(`no copy of the state.json of ${lockLabel(lock)} exists`, {
      exitCode: EXIT.noInput,
      hint: "Restore the file from a backup, or delete it to copy every table again.",
    });
  }
  throw new SchedError(`no copy of the state of ${lockLabel(lock)} after run ${runId} exists`, {
    exitCode: EXIT.noInput,
    hint: `Use --run with one of these: ${copies.map(renderCopy).join("; ")}`,
  });
}

/**
 * Restores a copy of a pipeline's `state.json`. The file that it replaces is kept beside it. The caller holds the
 * pipeline's lock.
 *
 * @param runId the run after which the copy was made; `undefined`: the newest copy
 * @returns sentence fragment that follows the pipeline's name
 */
export async function restoreState(paths: StatePaths, lock: LockId, runId: string | undefined): Promise<string> {
  const copy = chooseCopy(await listStateCopies(paths, lock), lock, runId);
  const text = await readStateFile(copy.path);
  const fault = text === undefined ? "was removed" : stateFault(text);
  if (text === undefined || fault !== undefined) {
    throw new SchedError(`the copy ${copy.path} ${fault}`, {
      exitCode: EXIT.io,
      hint: "Choose another copy with --run ID, or restore the file from a backup.",
    });
  }
  const path = pipelineStateFile(paths, lock);
  const before = await readPipelineState(paths, lock);
  if (before === text) return `already has the state of ${renderCopy(copy)}`;
  if (before !== undefined) await writeStateFile(`${path}.before-restore`, before);
  await writeStateFile(path, text);
  const kept = before === undefined ? "" : `; the file that it replaces is now ${path}.before-restore`;
  return `has the state of ${renderCopy(copy)} again${kept}`;
}
