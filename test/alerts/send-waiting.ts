import { type SendContext, sendAlerts } from "../../src/alerts/send.ts";
import type { Host } from "../../src/host.ts";
import { readStored } from "../../src/installed/store.ts";
import { addressReader } from "../../src/run/alerts.ts";
import type { StatePaths } from "../../src/storage/paths.ts";

/** Sends the waiting alerts of the schedule `pipelinewise`, as the sender does, but without a minute of collecting. */
export async function sendWaiting(paths: StatePaths, host: Host, more: Partial<SendContext> = {}): Promise<void> {
  const installed = await readStored(paths, "pipelinewise", host);
  if (installed === undefined) throw new Error("nothing is installed");
  const { storedSchedule: schedule } = installed;
  await sendAlerts({
    host,
    paths,
    schedule,
    machineZone: "UTC",
    resolve: addressReader(schedule, host),
    readOff: async () => new Set<string>(),
    collectMs: 0,
    ...more,
  });
}
