import { isAbsolute } from "node:path";
import { HOOK_NAMES } from "../hook-names.ts";
import type { Host } from "../host.ts";
import type { Diagnostic } from "../schedule/diagnostic.ts";
import type { Schedule } from "../schedule/schedule.ts";
import { findProgram } from "../system/find-program.ts";
import { attempt } from "./attempt.ts";

/** The programs of a schedule's hooks, as this machine has them. */
export interface HookPrograms {
  /** Hooks whose program no run on this machine could start. */
  readonly faults: readonly Diagnostic[];
  /** Absolute path of each program that a hook names without its directory; `undefined` if there are none. */
  readonly hookPrograms: Readonly<Record<string, string>> | undefined;
}

/** Looks for the programs of the hooks on the PATH, as for PipelineWise's own. */
export async function findHookPrograms(
  { pipelines }: Pick<Schedule, "pipelines">,
  host: Pick<Host, "env">,
): Promise<HookPrograms> {
  const faults: Diagnostic[] = [];
  const found: Record<string, string> = {};
  for (const [index, { policies }] of pipelines.entries()) {
    for (const [name, key] of HOOK_NAMES) {
      const [program] = policies?.hooks?.[name]?.command ?? [];
      if (program === undefined) continue;
      const path = ["pipelines", index, "hooks", key];
      const result = await attempt(path, () => findProgram(program, host.env["PATH"], `hooks.${key}`));
      if ("fault" in result) faults.push({ ...result.fault, isInValue: true });
      else if (!isAbsolute(program)) found[program] = result.value;
    }
  }
  return { faults, hookPrograms: Object.keys(found).length === 0 ? undefined : found };
}
