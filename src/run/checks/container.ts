import { SchedError } from "../../errors.ts";
import { parseContainerCommand } from "../../system/container-command.ts";
import type { LockedContext, Skip } from "../context.ts";

/**
 * The skip of a start whose pipeline is still running in a container, because its client and its wrapper were killed.
 * An engine that does not answer is reported by the start itself, which asks it again.
 */
export async function noContainer({ plan, host, store, slot }: LockedContext): Promise<Skip | undefined> {
  if (parseContainerCommand(plan.argv) === undefined) return undefined;
  const { findContainers, renderContainer } = await import("../containers/find.ts");
  const { configDir } = plan.paths;
  const call = { command: plan.argv, environment: plan.environment };
  const found = await findContainers(call, { configDir, lock: store.lock.id, host }).catch((error) => {
    if (error instanceof SchedError) return [];
    throw error;
  });
  return found[0] && { reason: "overlap", detail: renderContainer(found[0]), slot };
}
