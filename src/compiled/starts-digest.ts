import type { CompiledSchedule, HostSchedule } from "./compiled.ts";
import { digestOf } from "./digest.ts";

/** Of all that a scheduler is told of a schedule: what is started when, and how. Not of what a run looks up itself. */
export function startsDigest(
  { name, configDir, entries }: CompiledSchedule,
  { node, program, machineZone }: Pick<HostSchedule, "node" | "program" | "machineZone">,
): string {
  const told = entries.map(({ tap, target, command, id, crons, timezone, note }) => [
    tap,
    target,
    command,
    id,
    crons,
    timezone,
    note,
  ]);
  return digestOf(JSON.stringify([name, configDir, node, program, machineZone, told]));
}
