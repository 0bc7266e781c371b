import type { Receiver, UrlReceiver } from "../../alert-rules.ts";
import { errorMessage } from "../../errors.ts";
import { pingUrl } from "../ping.ts";
import type { AlertMessage } from "../render.ts";
import {
  connectionReason,
  type DeliverContext,
  type Delivery,
  failed,
  HTTP,
  type LimitedContext,
  noAnswer,
  readAddress,
  shortened,
} from "./delivery.ts";
import { renderSlack } from "./slack.ts";

/** Time within which a receiver must accept a message. */
const SEND_LIMIT_MS = 10_000;

/** Delivers a message. The result is one short line. */
export const deliver = async (receiver: Receiver, message: AlertMessage, context: DeliverContext): Promise<Delivery> =>
  shortened(await attempt(receiver, message, context));

/** Attempts a delivery. The code for mail is large, so it is loaded only if it is needed. */
async function attempt(
  receiver: Receiver,
  message: AlertMessage,
  { limitMs = SEND_LIMIT_MS, ...rest }: DeliverContext,
): Promise<Delivery> {
  const context = { ...rest, limitMs };
  try {
    if (receiver.kind !== "email") return await post(receiver, message, context);
    const { deliverMail } = await import("./deliver-mail.ts");
    return await deliverMail(receiver, message, context);
  } catch (error) {
    return failed(errorMessage(error));
  }
}

/** HTTP statuses with which a receiver refuses the message itself, so that sending it again is useless. */
const FINAL: readonly number[] = [400, 413, 422];

/** Delivers a message by HTTP. Does not follow redirects. TLS certificates are verified. */
async function post(
  { kind, url: written }: UrlReceiver,
  message: AlertMessage,
  { resolve, limitMs }: LimitedContext,
): Promise<Delivery> {
  const { url, mask } = await readAddress(written, HTTP, resolve);
  const { to, type, body } = requestFor(kind, message, url);
  try {
    const response = await fetch(to, {
      method: "POST",
      redirect: "manual",
      headers: { "content-type": type, "user-agent": "pipelinewise-sched", connection: "close" },
      body,
      signal: AbortSignal.timeout(limitMs),
    });
    const answer = mask(await beginningOf(response)).trim();
    const text = `${response.status}${answer === "" ? "" : ` ${answer}`}`;
    if (response.ok) return { kind: "accepted", answer: text };
    const isRedirect = response.status >= 300 && response.status < 400;
    const reason = isRedirect
      ? `it answered ${response.status}, a redirect, which is not followed`
      : `it answered ${text}`;
    return { kind: "failed", reason, isFinal: FINAL.includes(response.status) };
  } catch (error) {
    const isLate = error instanceof Error && error.name === "TimeoutError";
    return failed(isLate ? noAnswer(limitMs) : mask(connectionReason(error)));
  }
}

/** More than this is not read: a message shows much less of it. */
const LONGEST_ANSWER = 8_192;

/** The beginning of an answer. Ends the connection if there is more. */
async function beginningOf({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= LONGEST_ANSWER) break;
  }
  return Buffer.concat(chunks).subarray(0, LONGEST_ANSWER).toString();
}

/** The request that a receiver expects. */
function requestFor(kind: UrlReceiver["kind"], message: AlertMessage, url: URL) {
  if (kind !== "ping") {
    const body = JSON.stringify(kind === "slack" ? renderSlack(message) : message);
    return { to: url, type: "application/json", body };
  }
  const [alert] = message.alerts;
  if (alert === undefined) throw new Error("a ping has no alert");
  return { to: pingUrl(url, alert), type: "text/plain; charset=utf-8", body: alert.lastLines.join("\n") };
}
