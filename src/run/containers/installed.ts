import { SchedError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { listScheduleNames, readStored } from "../../installed/store.ts";
import type { PipelineStore } from "../pipeline-store.ts";
import { environmentOf } from "../plan.ts";
import { type FoundContainer, findContainers } from "./find.ts";

const rethrow = (error: SchedError): never => {
  throw error;
};

/**
 * Finds the running containers of a pipeline on the engines that the installed schedules of this host call. Throws a
 * SchedError if one of the engines does not answer.
 *
 * @param onUnreadable what to do about a stored schedule that cannot be read. By default it is an error
 */
export async function findInstalledContainers(
  { paths, lock }: Pick<PipelineStore, "paths" | "lock">,
  host: Host,
  onUnreadable: (error: SchedError) => void = rethrow,
): Promise<readonly FoundContainer[]> {
  const found = new Map<string, FoundContainer>();
  const place = { configDir: paths.configDir, lock: lock.id, host };
  for (const name of await listScheduleNames(paths)) {
    const installed = await readStored(paths, name, host).catch((error: unknown) => {
      if (!(error instanceof SchedError)) throw error;
      onUnreadable(error);
    });
    if (installed === undefined) continue;
    const command = installed.host?.command ?? [];
    const containers = await findContainers({ command, environment: environmentOf(installed, host) }, place);
    for (const container of containers) found.set(container.name, container);
  }
  return [...found.values()];
}

/**
 * Finds the containers of a pipeline as far as the stored schedules can be read, and warns about the others: `stop` and
 * `unlock` must work without them.
 */
export const findKnownContainers = ({
  store,
  host,
  warn,
}: {
  readonly store: PipelineStore;
  readonly host: Host;
  readonly warn: (text: string) => void;
}): Promise<readonly FoundContainer[]> =>
  findInstalledContainers(store, host, ({ message }) =>
    warn(`cannot look for the containers of one schedule: ${message}`),
  );
