import { sendAlerts } from "../alerts/send.ts";
import { readOff } from "../control/paused-entries.ts";
import { addressReader } from "../run/alerts.ts";
import type { TendContext } from "./part.ts";

/** Sends the alerts that no run could send, and the reminders. */
export const sendWaitingAlerts = ({ host, paths, schedule, install }: TendContext): Promise<void> =>
  sendAlerts({
    host,
    paths,
    schedule,
    machineZone: install.machineZone,
    resolve: addressReader(schedule, host),
    readOff: () => readOff({ paths, host }, schedule),
  });
