import type { Receiver } from "../alert-rules.ts";
import { errorMessage, StoreError } from "../errors.ts";
import { maskValues } from "../text/mask.ts";
import { type AlertMessage, renderSlack } from "./render.ts";

/** Time within which a receiver must answer. */
const SEND_LIMIT_MS = 10_000;

/** The result of an attempt to deliver a message. Neither text contains the address. */
export type Delivery =
  | { readonly kind: "accepted"; readonly answer: string }
  /** `isFinal`: the receiver will never accept this message. */
  | { readonly kind: "failed"; readonly reason: string; readonly isFinal: boolean };

/** The parts of a URL that may be secret. */
function secretsOf(url: string): readonly string[] {
  if (!URL.canParse(url)) return [url];
  const { pathname, search, username, password } = new URL(url);
  return [url, pathname, search.slice(1), username, password, ...pathname.split("/")].filter((part) => part.length > 7);
}

/** HTTP statuses with which a receiver refuses the message itself, so that sending it again is useless. */
const FINAL: readonly number[] = [400, 413, 422];
const ANSWER_LENGTH = 200;

/** Node stores the reason of a failed connection as the `cause` of the error. */
function reasonOf(error: unknown, limitMs: number): string {
  if (error instanceof Error && error.name === "TimeoutError") return `it gave no answer within ${limitMs / 1000} s`;
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return `it cannot be reached: ${errorMessage(cause)}`;
}

/**
 * Delivers a message by HTTP. Does not follow redirects. TLS certificates are verified.
 *
 * @param options.resolve reads the references in the address
 */
export async function deliver(
  { kind, url: written }: Receiver,
  message: AlertMessage,
  {
    resolve,
    limitMs = SEND_LIMIT_MS,
  }: { readonly resolve: (url: string) => Promise<string>; readonly limitMs?: number },
): Promise<Delivery> {
  let url = "";
  try {
    url = (await resolve(written)).trim();
    if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
      throw new StoreError(`${written} does not contain an http or https URL`);
    }
  } catch (error) {
    return { kind: "failed", reason: errorMessage(error), isFinal: false };
  }
  const mask = (text: string): string => maskValues(text, secretsOf(url));
  try {
    const response = await fetch(url, {
      method: "POST",
      redirect: "manual",
      headers: { "content-type": "application/json", "user-agent": "pipelinewise-sched", connection: "close" },
      body: JSON.stringify(kind === "slack" ? renderSlack(message) : message),
      signal: AbortSignal.timeout(limitMs),
    });
    const answer = mask((await response.text()).replace(/\s+/g, " ").trim()).slice(0, ANSWER_LENGTH);
    const text = `${response.status}${answer === "" ? "" : ` ${answer}`}`;
    if (response.ok) return { kind: "accepted", answer: text };
    const isRedirect = response.status >= 300 && response.status < 400;
    const reason = isRedirect
      ? `it answered ${response.status}, a redirect, which is not followed`
      : `it answered ${text}`;
    return { kind: "failed", reason, isFinal: FINAL.includes(response.status) };
  } catch (error) {
    return { kind: "failed", reason: mask(reasonOf(error, limitMs)), isFinal: false };
  }
}
