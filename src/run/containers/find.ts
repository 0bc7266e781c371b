import type { Host } from "../../host.ts";
import type { LockId } from "../../pipeline-id.ts";
import { parseContainerCommand } from "../../system/container-command.ts";
import { findProgram } from "../../system/find-program.ts";
import type { EnvironmentPlan } from "../plan.ts";
import { applyEnvironment, readEnvironment } from "../process/environment.ts";
import { type ContainerEngine, openEngine } from "./engine.ts";
import { lockLabelOf } from "./options.ts";

/** A container of a pipeline that is not over. */
export interface FoundContainer {
  readonly name: string;
  readonly engine: ContainerEngine;
}

/** Command and environment of PipelineWise. */
export interface PipelinewiseCall {
  /** Its program may be a name to look up on the PATH. */
  readonly command: readonly string[];
  readonly environment: EnvironmentPlan;
}

/**
 * Finds the running containers of a pipeline, also those whose client was killed. Throws a SchedError if the engine
 * does not answer; finds none if the command does not start a container.
 */
export async function findContainers(
  { command, environment }: PipelinewiseCall,
  { configDir, lock, host }: { readonly configDir: string; readonly lock: LockId; readonly host: Host },
): Promise<readonly FoundContainer[]> {
  const [client, ...options] = parseContainerCommand(command)?.engine ?? [];
  if (client === undefined) return [];
  const env = applyEnvironment(host, await readEnvironment(environment, configDir, host));
  const engine = openEngine([await findProgram(client, env["PATH"]), ...options], env);
  return (await engine.find(lockLabelOf(configDir, lock))).map((name) => ({ name, engine }));
}

/** A container that its run has left, as a sentence fragment that follows the pipeline's name. */
export const renderContainer = ({ name, engine }: FoundContainer): string =>
  `is running in the ${engine.name} container ${name}, whose wrapper has ended`;
