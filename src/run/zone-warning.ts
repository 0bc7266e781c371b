import { dirname } from "node:path";
import type { Host } from "../host.ts";
import { entryLabel } from "../pipeline-id.ts";
import { ensureFolder } from "../storage/directory.ts";
import { readStateFile, writeStateFile } from "../storage/file.ts";
import { zoneComplaintFile } from "../storage/paths.ts";
import type { RunPlan } from "./plan.ts";

/**
 * Says on stderr, so that cron mails it, that the machine's zone is not the one that the lines were made for. Once a
 * day and host: every pipeline with a zone of its own could say it at every start.
 */
export async function complainOfZone({ paths, entry, slot }: RunPlan, host: Host, zone: string): Promise<void> {
  const path = zoneComplaintFile(paths, host.name);
  const today = host.now().toISOString().slice(0, 10);
  if ((await readStateFile(path)) === today) return;
  await ensureFolder(paths, dirname(path), host.uid);
  await writeStateFile(path, today);
  host.stderr.write(
    `pipelinewise-sched: ${host.name} now uses time zone ${zone}, but the crontab lines for ${entryLabel(entry)} and others were generated for ${slot?.machineZone} and fire at the wrong times. Reinstall the schedule. (Shown once a day.)\n`,
  );
}
