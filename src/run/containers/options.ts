import { createHash } from "node:crypto";
import { type LockId, lockName } from "../../pipeline-id.ts";
import { addRunOptions, variableOptions } from "../../system/container-command.ts";
import type { EnvironmentPlan } from "../plan.ts";
import type { EnvironmentChange } from "../process/environment.ts";

/** Label of the containers of a run. */
export const runLabel = (runId: string): string => `pipelinewise-sched.run=${runId}`;

/**
 * Label of the containers that need a lock. It contains a digest of the config directory, because several config
 * directories may use one engine.
 */
export function lockLabelOf(configDir: string, lock: LockId): string {
  const digest = createHash("sha256").update(configDir).digest("hex").slice(0, 12);
  return `pipelinewise-sched.pipeline=${digest}/${lock.target}/${lockName(lock)}`;
}

/**
 * Names of the variables that a container gets. The PIPELINEWISE_HOME that `install` found is a directory of the host;
 * an image has its own.
 */
export const variablesOf = (
  changes: readonly EnvironmentChange[],
  { pipelinewiseHome }: EnvironmentPlan,
): readonly string[] =>
  changes
    .filter(({ name, value }) => name !== "PIPELINEWISE_HOME" || value !== pipelinewiseHome)
    .map(({ name }) => name);

/** Describes the container of a run. */
export interface ContainerIdentity {
  readonly name: string;
  readonly runId: string;
  readonly configDir: string;
  readonly lock: LockId;
  /** Names of the variables that the container gets from its client. */
  readonly variables: readonly string[];
}

/** The command of a run in a container, with the options that name, label and configure the container. */
export const nameContainer = (
  argv: readonly string[],
  { name, runId, configDir, lock, variables }: ContainerIdentity,
): readonly string[] =>
  addRunOptions(argv, [
    ...["--name", name],
    ...["--label", runLabel(runId)],
    ...["--label", lockLabelOf(configDir, lock)],
    ...variableOptions(variables),
  ]);

/** Name of a container. @param suffix distinguishes the attempts of a run */
export const containerName = (runId: string, suffix: string): string => `pipelinewise-sched-${runId}-${suffix}`;
