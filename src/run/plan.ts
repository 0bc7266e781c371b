import type { EntryId } from "../command/request.ts";
import type { StatePaths } from "../state-paths.ts";
import type { SlotPlan } from "./slot.ts";

/** Where the pipeline's environment comes from, beside our own. Nothing of it is read yet. */
export interface EnvironmentPlan {
  /** As written; values may hold `${file:PATH}` or `${env:NAME}`. */
  readonly values: Readonly<Record<string, string>>;
  /** Absolute. */
  readonly file?: string | undefined;
  /** Folder that a relative `${file:PATH}` counts from. */
  readonly folder: string;
  /** Virtualenvs of PipelineWise, as install found them; used where our own environment does not say. */
  readonly pipelinewiseHome?: string | undefined;
}

/** How a run speaks, and what a skip ends with. */
export interface RunManners {
  readonly scheduled: boolean;
  /** Whether the pipeline's output is passed through; else it goes to the run's log only. */
  readonly passThrough: boolean;
  readonly skipExitCode: number;
  /** Whether its scheduler starts nothing while it is at work, so that what comes due meanwhile is told by the run. */
  readonly tellMissed: boolean;
}

/** All that a run will do, as a value: `--dry-run` prints it, `run` does it. */
export interface RunPlan {
  readonly entry: EntryId;
  readonly paths: StatePaths;
  /** PipelineWise's command line; the program may yet have to be found on the PATH. */
  readonly words: readonly string[];
  /** Which word names a fast sync, where nothing installed tells its name: PipelineWise is to be asked. */
  readonly fastSyncAt?: number | undefined;
  readonly environment: EnvironmentPlan;
  readonly manners: RunManners;
  /** How the slot is found that it stands for; a run by hand stands for none. */
  readonly slot?: SlotPlan | undefined;
}
