import { dirname } from "node:path";
import { StoreError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { entryKey, entryLabel } from "../../pipeline-id.ts";
import { lookBackText } from "../../slots/due.ts";
import { ensureDirectory } from "../../storage/directory.ts";
import { readStateFile, writeStateFile } from "../../storage/file.ts";
import { notDueWarningFile, type StatePaths, wrapperLogWarningFile, zoneWarningFile } from "../../storage/paths.ts";
import { MINUTE_MS } from "../../time-units.ts";
import type { RunPlan } from "../plan.ts";

/**
 * Writes a warning on stderr, unless the file says that this was done today. If the file cannot be read or written, the
 * warning is written each time: no run depends on it.
 */
async function warnOnceADay(
  path: string,
  { paths, host }: { readonly paths: StatePaths; readonly host: Host },
  text: string,
): Promise<void> {
  const today = host.now().toISOString().slice(0, 10);
  try {
    if ((await readStateFile(path)) === today) return;
    await ensureDirectory(paths, dirname(path), host.uid);
    await writeStateFile(path, today);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
  }
  host.stderr.write(text);
}

/** After an install, cron may still start a line of the old crontab for this time. */
const OLD_LINES_MS = 2 * MINUTE_MS;

/**
 * Warns on stderr, so that cron mails it, about a start that no candidate line explains and for which nothing is due:
 * the crontab was edited or replaced. Once a day, entry and host.
 */
export async function warnNotDue({ paths, entry, slot, policies }: RunPlan, host: Host): Promise<void> {
  const installedAt = slot?.since?.getTime() ?? 0;
  if (host.now().getTime() - installedAt < OLD_LINES_MS) return;
  await warnOnceADay(
    notDueWarningFile(paths, entry, entryKey(entry), host.name),
    { paths, host },
    `pipelinewise-sched: ${entryLabel(entry)} was started, but nothing was due in the last ${lookBackText(policies)}, so it did not run. The crontab and the stored schedule differ: a line was edited, or an old crontab was restored. Compare them with \`pipelinewise-sched diff\`, then install the schedule again. (Shown once a day.)\n`,
  );
}

/**
 * Warns on stderr, so that cron mails it, that the machine's time zone is not the one that the crontab lines were
 * generated for. Once a day and host, because every start of a pipeline with its own time zone finds it.
 */
export async function warnZoneMismatch({ paths, entry, slot }: RunPlan, host: Host, zone: string): Promise<void> {
  await warnOnceADay(
    zoneWarningFile(paths, host.name),
    { paths, host },
    `pipelinewise-sched: ${host.name} now uses time zone ${zone}, but the crontab lines for ${entryLabel(entry)} and others were generated for ${slot?.machineZone} and fire at the wrong times. Reinstall the schedule. (Shown once a day.)\n`,
  );
}

/** Warns on stderr, so that cron mails it, that the wrapper log cannot be written. Once a day and host. */
export async function warnNoWrapperLog(paths: StatePaths, host: Host, { message }: StoreError): Promise<void> {
  await warnOnceADay(
    wrapperLogWarningFile(paths, host.name),
    { paths, host },
    `pipelinewise-sched: ${message}. Runs on ${host.name} have no wrapper log until you repair this. (Shown once a day.)\n`,
  );
}
