import { StoreError } from "../errors.ts";
import type { StoredInstall, StoredSchedule } from "../installed/schedule.ts";
import { entryKey, entryLabel } from "../pipeline-id.ts";
import type { Schedule } from "../schedule/schedule.ts";
import { nameTaken, type TakeOver } from "../schedulers/owner-mark.ts";

/** Throws if a schedule of this name is stored that was installed from another file or by another user. */
export function assertOwnName(
  { name, source }: Schedule,
  user: string,
  {
    storedSchedule,
    host,
  }: { readonly storedSchedule: StoredSchedule | undefined; readonly host: StoredInstall | undefined },
  isSameSource: TakeOver["isSameSource"],
): void {
  if (storedSchedule !== undefined && !isSameSource(storedSchedule.source.path)) {
    const theirs = storedSchedule.source.path;
    throw nameTaken({ name, where: "in this config directory", what: "schedule file", theirs, ours: source.path });
  }
  if (host !== undefined && host.user !== user) {
    throw nameTaken({ name, where: `on ${host.host}`, what: "user", theirs: host.user, ours: user });
  }
}

/** Throws if another installed schedule has one of these entries, because it would run twice as often as intended. */
export function assertOwnPipelines(schedule: Schedule, others: readonly StoredSchedule[]): void {
  for (const pipeline of schedule.pipelines) {
    const other = others.find(({ entries }) =>
      entries.some(
        (entry) =>
          entry.tap === pipeline.tap && entry.target === pipeline.target && entryKey(entry) === entryKey(pipeline),
      ),
    );
    if (other === undefined) continue;
    const { line, column } = pipeline.position;
    throw new StoreError(
      `${schedule.source.path}:${line}:${column}  ${entryLabel(pipeline)} is also in the installed schedule ${other.name} (${other.source.path})`,
      {
        hint: `An entry belongs to one schedule: remove it from one of the two, or run \`uninstall --name ${other.name}\`.`,
      },
    );
  }
}
