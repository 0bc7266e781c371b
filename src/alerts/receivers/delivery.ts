import { errorMessage, StoreError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { maskValues } from "../../text/mask.ts";

/** The result of an attempt to deliver a message. Neither text contains the address. */
export type Delivery =
  | { readonly kind: "accepted"; readonly answer: string }
  /** `isFinal`: the receiver will never accept this message. */
  | { readonly kind: "failed"; readonly reason: string; readonly isFinal: boolean };

/** What a delivery needs. */
export interface DeliverContext {
  readonly host: Pick<Host, "env">;
  readonly resolve: ReadReferences;
  /** Replaced by tests. */
  readonly limitMs?: number | undefined;
}

/** A delivery with its time limit. */
export type LimitedContext = DeliverContext & { readonly limitMs: number };

/** Reads the references in an address. */
type ReadReferences = (written: string) => Promise<string>;

/** A failed delivery that may succeed later. */
export const failed = (reason: string): Delivery => ({ kind: "failed", reason, isFinal: false });

/** The result with its text masked. `shortened` is the next step: half of a secret, at the end, would not be found. */
export const masked = (delivery: Delivery, mask: Address["mask"]): Delivery => withText(delivery, mask);

/** The result with its text on one line. */
export const shortened = (delivery: Delivery): Delivery => withText(delivery, shorten);

const withText = (delivery: Delivery, change: (text: string) => string): Delivery =>
  delivery.kind === "accepted"
    ? { ...delivery, answer: change(delivery.answer) }
    : { ...delivery, reason: change(delivery.reason) };

/** The reason if the receiver has not answered in time. */
export const noAnswer = (limitMs: number): string => `it did not answer within ${limitMs / 1000} s`;

const ANSWER_LENGTH = 400;

/** The beginning of an answer, on one line. */
const shorten = (answer: string): string => answer.replace(/\s+/g, " ").trim().slice(0, ANSWER_LENGTH);

function decoded(text: string): readonly string[] {
  try {
    return [text, decodeURIComponent(text)];
  } catch {
    return [text];
  }
}

/** Shorter parts of a path or a query are not masked, because they also occur in ordinary text. */
const SHORTEST_PART = 8;

/** The parts of a URL that may be secret. */
function secretsOf(url: string): readonly string[] {
  if (!URL.canParse(url)) return [url];
  const { pathname, search, searchParams, username, password } = new URL(url);
  const parts = [url, pathname, search.slice(1), ...searchParams.values(), username, ...pathname.split("/")];
  return [...parts.filter((part) => part.length >= SHORTEST_PART), password].flatMap(decoded);
}

/** A URL that was read, and a function that masks its secrets in a text. */
export interface Address {
  readonly url: URL;
  readonly mask: (text: string) => string;
}

/** Protocols of the URL of a webhook, and of an SMTP server. */
export const HTTP = ["https", "http"] as const;
export const SMTP = ["smtps", "smtp"] as const;

/** Reads the references in a URL. Its protocol must be one of these. */
export async function readAddress(
  written: string,
  protocols: readonly string[],
  resolve: ReadReferences,
): Promise<Address> {
  const text = (await resolve(written)).trim();
  if (!URL.canParse(text) || !protocols.includes(new URL(text).protocol.slice(0, -1))) {
    throw new StoreError(`${written} does not contain a URL that begins with ${protocols.join(":// or ")}://`, {
      hint: `Write the whole URL: ${protocols[0]}://HOST/…`,
    });
  }
  return { url: new URL(text), mask: (answer) => maskValues(answer, secretsOf(text)) };
}

/** The reason of a failure without an answer. If a connection failed, Node stores the reason as the error's `cause`. */
export function connectionReason(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return `it cannot be reached: ${errorMessage(cause)}`;
}
