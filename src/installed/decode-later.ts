import { ALERT_KINDS, type AlertRule, RECEIVER_KINDS, type Receiver } from "../alert-rules.ts";
import { errorMessage, StoreError } from "../errors.ts";
import type { Retention } from "../policies.ts";
import { list, number, object, oneOf, optional, optionalNumber, string } from "./decode-values.ts";
import type { StoredSchedule } from "./schedule.ts";

function decoded<T>(schedule: string, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    throw new StoreError(`the stored schedule ${schedule} cannot be read: ${errorMessage(error)}`, {
      cause: error,
      hint: "Install it again from its schedule file: `pipelinewise-sched install FILE`.",
    });
  }
}

/** Decodes a receiver. */
export function decodeReceiver(value: unknown, at: string): Receiver {
  const fields = object(value, at);
  const kind = oneOf(fields["kind"], `${at}.kind`, RECEIVER_KINDS);
  if (kind !== "email") return { kind, url: string(fields["url"], `${at}.url`) };
  const { smtp, sendmail } = object(fields["by"], `${at}.by`);
  return {
    kind,
    to: list(fields["to"], `${at}.to`, string),
    from: optional(fields["from"], `${at}.from`),
    by:
      smtp === undefined
        ? { sendmail: string(sendmail, `${at}.by.sendmail`) }
        : { smtp: string(smtp, `${at}.by.smtp`) },
  };
}

function decodeAlert(value: unknown, at: string): AlertRule {
  const { when, skips, receiver, taps, targets, remindMs } = object(value, at);
  return {
    when: list(when, `${at}.when`, (one, where) => oneOf(one, where, ALERT_KINDS)),
    skips: optionalNumber(skips, `${at}.skips`),
    receiver: decodeReceiver(receiver, `${at}.receiver`),
    taps: taps === undefined ? undefined : list(taps, `${at}.taps`, string),
    targets: targets === undefined ? undefined : list(targets, `${at}.targets`, string),
    remindMs: optionalNumber(remindMs, `${at}.remindMs`),
  };
}

type WithAlerts = Pick<StoredSchedule, "name" | "alerts">;

const decodeRules = ({ name, alerts }: WithAlerts): readonly AlertRule[] =>
  alerts === undefined ? [] : decoded(name, () => list(alerts, "alerts", decodeAlert));

/** The rules of a stored schedule about alerts; none if it has none. Throws a StoreError if they are garbled. */
export const alertRulesOf = (schedule: WithAlerts): readonly AlertRule[] =>
  decodeRules(schedule).filter(({ receiver }) => receiver.kind !== "ping");

/** The rules of a stored schedule about pings; none if it has none. Throws a StoreError if they are garbled. */
export const pingRulesOf = (schedule: WithAlerts): readonly AlertRule[] =>
  decodeRules(schedule).filter(({ receiver }) => receiver.kind === "ping");

/** The retention of a stored schedule; `undefined` if it has none. Throws a StoreError if it is garbled. */
export const retentionOf = ({ name, retention }: Pick<StoredSchedule, "name" | "retention">): Retention | undefined =>
  retention === undefined
    ? undefined
    : decoded(name, () => {
        const { logsMs, historyMs, pipelinewiseLogsMs, logBytes } = object(retention, "retention");
        return {
          logsMs: number(logsMs, "retention.logsMs"),
          historyMs: number(historyMs, "retention.historyMs"),
          pipelinewiseLogsMs: optionalNumber(pipelinewiseLogsMs, "retention.pipelinewiseLogsMs"),
          logBytes: number(logBytes, "retention.logBytes"),
        };
      });
