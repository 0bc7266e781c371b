import type { RunContext, Skip } from "../context.ts";
import { findPauseScopes } from "./pause-files.ts";

/** The skip of a start whose pipeline is paused, by the command `pause` or in the schedule file. */
export async function notPaused({
  plan: { entry, paths, policies },
  host,
  slot,
}: Pick<RunContext, "plan" | "host" | "slot">): Promise<Skip | undefined> {
  const scopes = await findPauseScopes(paths, entry);
  const isDisabled = policies.enabled === false;
  if (scopes.length === 0 && !isDisabled) return undefined;
  const { describePauses, readPauses } = await import("./pauses.ts");
  const now = host.now();
  const pauses = await readPauses(paths, scopes, { now, slot: policies.catchUpMs === undefined ? undefined : slot });
  const detail = describePauses(pauses, { isDisabled, now });
  return detail === "" ? undefined : { reason: "paused", detail, slot };
}
