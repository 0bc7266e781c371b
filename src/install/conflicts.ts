import type { StoredInstall, StoredSchedule } from "../installed/schedule.ts";
import { entryKey, entryLabel } from "../pipeline-id.ts";
import type { Diagnostic } from "../schedule/diagnostic.ts";
import type { Schedule } from "../schedule/schedule.ts";
import { nameTaken, sameSource } from "../schedulers/owner-mark.ts";

/**
 * Finds out whether a schedule of this name was installed from another file or by another user. `install --replace` takes
 * over its name.
 */
export function nameConflicts(
  { name, source }: Schedule,
  user: string,
  {
    storedSchedule,
    install,
  }: { readonly storedSchedule: StoredSchedule | undefined; readonly install: StoredInstall | undefined },
): readonly Diagnostic[] {
  const taken = (where: string, what: string, theirs: string, ours: string): readonly Diagnostic[] => {
    const { message, hint } = nameTaken({ name, where, what, theirs, ours });
    return [{ path: ["name"], message, hint }];
  };
  const isSameSource = sameSource(source.path, { goneCounts: install !== undefined });
  if (storedSchedule !== undefined && !isSameSource(storedSchedule.source.path)) {
    return taken("in this config directory", "schedule file", storedSchedule.source.path, source.path);
  }
  return install === undefined || install.user === user ? [] : taken(`on ${install.host}`, "user", install.user, user);
}

/** Finds the entries that another installed schedule has too, because they would run twice as often as intended. */
export function entryConflicts({ pipelines }: Schedule, others: readonly StoredSchedule[]): readonly Diagnostic[] {
  return pipelines.flatMap((pipeline, index): readonly Diagnostic[] => {
    const other = others.find(({ entries }) =>
      entries.some(
        (entry) =>
          entry.tap === pipeline.tap && entry.target === pipeline.target && entryKey(entry) === entryKey(pipeline),
      ),
    );
    if (other === undefined) return [];
    const message = `${entryLabel(pipeline)} is also in the installed schedule ${other.name} (${other.source.path})`;
    const hint = `An entry belongs to one schedule: remove it from one of the two, or run \`uninstall --name ${other.name}\`.`;
    return [{ path: ["pipelines", index], message, hint }];
  });
}
