import { createHash } from "node:crypto";
import { type AlertRule, type PingKind, receiverKey, rulesFor } from "../alert-rules.ts";
import { newRunId } from "../history/record.ts";
import type { Host } from "../host.ts";
import { type AlertEvent, type AlertPlace, type EventRun, shortHash } from "./event.ts";
import { queueMessage } from "./outbox.ts";
import { type RenderedAlert, renderMessage } from "./render.ts";

/** An event of a run. */
interface RunEvent extends AlertEvent {
  readonly kind: PingKind;
  readonly run: EventRun;
}

/**
 * Queues a ping for each receiver that asks for an event of a run. Unlike alerts, pings are not collected: each is sent
 * at once, and in the order of the events.
 *
 * @param rules the rules about pings
 * @returns whether a ping was queued
 */
export async function queuePings(
  place: AlertPlace,
  rules: readonly AlertRule[],
  { event, host }: { readonly event: RunEvent; readonly host: Pick<Host, "uid" | "now"> },
): Promise<boolean> {
  const { kind, entry, run } = event;
  const wanted = rulesFor(rules, entry).filter(({ when }) => when.some((one) => one === kind));
  const receivers = new Map(wanted.map(({ receiver }) => [receiverKey(receiver), receiver]));
  const alerts = [{ kind, entry, since: run.startedAt, last: event, isReminder: false }];
  const now = host.now();
  // The id begins with the time, and a start comes before an end of the same millisecond.
  const first = `${newRunId(now, () => 0)}-${kind === "started" ? 0 : 1}-${run.id}`;
  for (const [key, receiver] of receivers) {
    const context = {
      id: `${first}-${shortHash(key)}`,
      schedule: place.schedule,
      entries: [],
      machineZone: "UTC",
      now,
    };
    await queueMessage(place, { receiver, message: renderMessage(alerts, context) }, { uid: host.uid, queue: "pings" });
  }
  return receivers.size > 0;
}

/** The UUID of a run: a ping must have one, and the pings of one run have the same. */
function uuidOf(run: string): string {
  const bytes = createHash("sha1").update(`pipelinewise-sched run ${run}`).digest();
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50; // version 5: from the hash of a name
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join("-");
}

const LARGEST_EXIT_CODE = 255;

/** The part of a ping's path that says what happened. */
function signalOf({ kind, run }: RenderedAlert): string {
  if (kind === "started") return "/start";
  if (kind === "succeeded") return "";
  const code = run?.exitCode ?? 0;
  return code > 0 && code <= LARGEST_EXIT_CODE ? `/${code}` : "/fail";
}

/** The URL of a ping, as in the API of healthchecks.io. @param base the URL of the check */
export function pingUrl(base: URL, alert: RenderedAlert): URL {
  const url = new URL(base);
  url.pathname = url.pathname.replace(/\/$/, "") + signalOf(alert);
  if (alert.run !== null) url.searchParams.set("rid", uuidOf(alert.run.id));
  return url;
}
