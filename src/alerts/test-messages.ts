import { type AlertKind, type AlertRule, PING_KINDS, type Receiver, receiverKey, rulesFor } from "../alert-rules.ts";
import { newRunId } from "../history/record.ts";
import type { Host } from "../host.ts";
import type { EntryId } from "../pipeline-id.ts";
import type { Alert } from "./process.ts";
import { type AlertMessage, renderMessage } from "./render.ts";

/** The messages with which one receiver is tested. */
export interface TestMessages {
  readonly receiver: Receiver;
  readonly messages: readonly AlertMessage[];
}

interface TestInput {
  readonly schedule: string;
  readonly rules: readonly AlertRule[];
  /** At least one. */
  readonly entries: readonly EntryId[];
  /** Absent: each kind that a rule of the receiver lists. */
  readonly kind: AlertKind | undefined;
  readonly host: Pick<Host, "name" | "now">;
}

const TEXT = "This is a test of the alerts. Nothing has happened.";

/**
 * The kinds of pings that test a check. The last one is always a success, also if no rule lists it: the check shows the
 * last ping, and a test must not leave it down.
 */
const pingsFor = (kinds: ReadonlySet<AlertKind>): readonly AlertKind[] => [
  ...PING_KINDS.filter((kind) => kind !== "succeeded" && kinds.has(kind)),
  "succeeded",
];

/** An alert as it would be about a run that begins now. */
function testAlert(kind: AlertKind, entry: EntryId, { host }: TestInput): Alert {
  const now = host.now();
  const at = now.toISOString();
  const run = { id: newRunId(now), host: host.name, startedAt: at, endedAt: at };
  const last = { id: run.id, entry, at, run, detail: TEXT, lastLines: [TEXT] };
  return {
    kind,
    entry,
    since: at,
    last: { ...last, kind: kind === "recovered" ? "succeeded" : kind },
    isReminder: false,
  };
}

/** The messages that test each receiver: one with all of its kinds of alerts, but one for each ping. */
export function testMessages(input: TestInput): readonly TestMessages[] {
  const { schedule, rules, entries, kind: only, host } = input;
  const receivers = new Map(rules.map(({ receiver }) => [receiverKey(receiver), receiver]));
  const [first] = entries;
  return [...receivers].flatMap(([key, receiver]) => {
    const own = rules.filter((rule) => receiverKey(rule.receiver) === key);
    const kinds = new Set(own.flatMap(({ when }) => when).filter((kind) => only === undefined || kind === only));
    const entry = entries.find((one) => rulesFor(own, one).length > 0) ?? first;
    if (kinds.size === 0 || entry === undefined) return [];
    const now = host.now();
    const messageOf = (...some: readonly AlertKind[]): AlertMessage => {
      const alerts = some.map((kind) => testAlert(kind, entry, input));
      const context = { id: newRunId(now), schedule, entries: [], machineZone: "UTC", now };
      return { ...renderMessage(alerts, context), test: true };
    };
    const messages = receiver.kind === "ping" ? pingsFor(kinds).map((kind) => messageOf(kind)) : [messageOf(...kinds)];
    return [{ receiver, messages }];
  });
}
