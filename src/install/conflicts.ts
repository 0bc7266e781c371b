import { StoreError } from "../errors.ts";
import type { CompiledSchedule, HostSchedule } from "../installed/schedule.ts";
import { entryKey, entryLabel } from "../pipeline-id.ts";
import type { Schedule } from "../schedule/schedule.ts";
import type { BlockMark } from "../schedulers/cron/block.ts";

function refuseTaken(name: string, who: string, what: string, theirs: string, ours: string): never {
  throw new StoreError(
    `schedule name ${name} is already installed ${who}from another ${what}, ${theirs} (here: ${ours})`,
    {
      hint: "Give this schedule another `name`, or add --replace to take over the installed one.",
    },
  );
}

/**
 * Throws if the schedule's name is already installed from another file, config directory or user.
 *
 * @param block the marker of this name in the crontab
 */
export function demandOwnName(
  mark: BlockMark,
  user: string,
  block: BlockMark | undefined,
  { meaning, host }: { readonly meaning: CompiledSchedule | undefined; readonly host: HostSchedule | undefined },
): void {
  const { name, source, configDir } = mark;
  if (block !== undefined && block.source !== source) {
    refuseTaken(name, "in the crontab ", "schedule file", block.source, source);
  }
  if (block !== undefined && block.configDir !== configDir) {
    refuseTaken(name, "in the crontab ", "config directory", block.configDir, configDir);
  }
  if (meaning !== undefined && meaning.source.path !== source) {
    refuseTaken(name, "in this config directory ", "schedule file", meaning.source.path, source);
  }
  if (host !== undefined && host.user !== user) {
    refuseTaken(name, `on ${host.host} `, "user", host.user, user);
  }
}

/** Throws if another installed schedule has one of these entries, because it would run twice as often as intended. */
export function demandOwnPipelines(schedule: Schedule, others: readonly CompiledSchedule[]): void {
  for (const pipeline of schedule.pipelines) {
    const other = others.find(({ entries }) =>
      entries.some(
        (entry) =>
          entry.tap === pipeline.tap && entry.target === pipeline.target && entryKey(entry) === entryKey(pipeline),
      ),
    );
    if (other === undefined) continue;
    const { line, column } = pipeline.place;
    throw new StoreError(
      `${schedule.source.path}:${line}:${column}  ${entryLabel(pipeline)} is also in the installed schedule ${other.name} (${other.source.path})`,
      {
        hint: `An entry belongs to one schedule: remove it from one of the two, or run \`uninstall --name ${other.name}\`.`,
      },
    );
  }
}
