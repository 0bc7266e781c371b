import type { Host } from "../../host.ts";
import { listStored } from "../../installed/store.ts";
import type { PipelineStore } from "../pipeline-store.ts";
import { environmentOf } from "../plan.ts";
import { type FoundContainer, findContainers } from "./find.ts";

/**
 * Finds the running containers of a pipeline on the engines that the installed schedules of this host call. Throws a
 * SchedError if one of the engines does not answer.
 */
export async function findInstalledContainers(
  { paths, lock }: Pick<PipelineStore, "paths" | "lock">,
  host: Host,
): Promise<readonly FoundContainer[]> {
  const found = new Map<string, FoundContainer>();
  const place = { configDir: paths.configDir, lock: lock.id, host };
  for (const installed of await listStored(paths, host)) {
    const command = installed.host?.command ?? [];
    const containers = await findContainers({ command, environment: environmentOf(installed, host) }, place);
    for (const container of containers) found.set(container.name, container);
  }
  return [...found.values()];
}
