import { InterruptedError, SchedError } from "../errors.ts";
import type { Host } from "../host.ts";
import { inspectInstalled, renderProblem } from "../install/inspect.ts";
import { scheduleState } from "../install/install.ts";
import { readStored } from "../installed/store.ts";
import { zoneNotices } from "../installed/zone-warnings.ts";
import type { Schedule } from "../schedule/schedule.ts";
import { sameSource } from "../schedulers/owner-mark.ts";
import { findStateDirectory } from "../storage/directory.ts";
import { readMachineZone } from "../system/time-zone.ts";
import { notInstalledWarning } from "./status/warnings.ts";

/**
 * Warnings about the installed version of a schedule file: what its schedulers no longer start as it was installed, and
 * time zones that changed since.
 *
 * @param options.flag `--config-dir`; `inDiff`: for `diff`, see `renderProblem`
 * @returns empty if that cannot be determined, because only `status` reports the errors of an install.
 */
export async function installedWarnings(
  schedule: Schedule,
  { flag, inDiff }: { readonly flag?: string | undefined; readonly inDiff: boolean },
  host: Host,
): Promise<readonly string[]> {
  const { name, source } = schedule;
  try {
    const { configDir } = await scheduleState(schedule, flag, host);
    const state = await findStateDirectory(configDir, host.uid);
    const installed = state === undefined ? undefined : await readStored(state.paths, name, host);
    if (installed === undefined) return [];
    if (!sameSource(source.path, { goneCounts: true })(installed.storedSchedule.source.path)) return [];
    if (installed.host === undefined) return [notInstalledWarning(installed, host.name)];
    const zones = { now: host.now(), data: host.tzdata, machineZone: readMachineZone(host.root).zone };
    const { problems } = await inspectInstalled(installed, host);
    return [
      ...problems.map((problem) => renderProblem(problem, { inDiff })),
      ...zoneNotices(installed.storedSchedule, installed.host, zones),
    ];
  } catch (error) {
    if (error instanceof SchedError && !(error instanceof InterruptedError)) return [];
    throw error;
  }
}
