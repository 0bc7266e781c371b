import { setTimeout as sleep } from "node:timers/promises";
import { errorCode, StoreError } from "../../errors.ts";
import { INSPECT_LIMIT_MS } from "../scheduler.ts";
import type { CronicleAccess } from "./api-key.ts";

/** A call that Cronicle understood and refused. */
export class CronicleRefusal extends StoreError {
  /** Cronicle's code for the kind of refusal: "api", "session", "event", "user", … */
  readonly code: string;
  readonly description: string;

  constructor(call: string, { code, description }: { readonly code: string; readonly description: string }) {
    const hint = hintFor(description);
    super(`Cronicle rejected ${call}: ${description}`, hint === undefined ? {} : { hint });
    this.code = code;
    this.description = description;
  }
}

/** A hint for the refusals that have a known fix. */
function hintFor(description: string): string | undefined {
  if (/^Invalid API Key|^No Session ID or API Key/.test(description)) {
    return "Check the key, or ask an administrator for one: Admin → API Keys.";
  }
  if (/^API Key is disabled/.test(description)) return "Ask an administrator to enable it under Admin → API Keys.";
  if (/required privileges/.test(description)) {
    return "Give the key the privileges create_events, edit_events and delete_events, and access to the category if its categories are limited: Admin → API Keys.";
  }
  if (/not an administrator/.test(description)) {
    return "Ask an administrator to create the category under Admin → Categories, or set cronicle.category to an existing one.";
  }
  return undefined;
}

/** An answer of Cronicle's API. */
type Answer =
  | { readonly kind: "done"; readonly body: Readonly<Record<string, unknown>> }
  /** The server is a backup or a worker. `primary` is the address of the primary, as far as it knows. */
  | { readonly kind: "not-primary"; readonly primary: string | undefined }
  | { readonly kind: "refused"; readonly code: string; readonly description: string }
  /** The answer does not come from Cronicle. */
  | { readonly kind: "strange"; readonly what: string };

/** A raw HTTP answer. */
interface RawAnswer {
  readonly status: number;
  readonly location: string | undefined;
  readonly text: string;
}

/** Parses an answer. Cronicle sends refusals with status 200, and redirects to the primary with 302. */
function readAnswer({ status, location, text }: RawAnswer): Answer {
  const body = parseObject(text);
  if (body?.["code"] === "master") return { kind: "not-primary", primary: originOf(location) };
  if (status >= 300 && status < 400) {
    return { kind: "strange", what: `redirects to ${originOf(location) ?? "no address"} (status ${status})` };
  }
  if (body === undefined) return { kind: "strange", what: `${describeText(text)} (status ${status})` };
  if (body["code"] === 0) return { kind: "done", body };
  const { code, description } = body;
  if (code === undefined)
    return { kind: "strange", what: `answers with JSON that is not Cronicle's (status ${status})` };
  return {
    kind: "refused",
    code: String(code),
    description: typeof description === "string" ? description : "without a reason",
  };
}

function describeText(text: string): string {
  if (text.trim() === "") return "answers with an empty response";
  return /^\s*</.test(text) ? "answers with a web page instead of JSON" : "answers with text instead of JSON";
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The part of an address that may be shown. The path may contain the key. */
function originOf(location: string | undefined): string | undefined {
  return location !== undefined && URL.canParse(location) ? new URL(location).origin : undefined;
}

/** Calls Cronicle's API. @throws StoreError, CronicleRefusal */
export type CronicleCall = (name: string, body: object) => Promise<Readonly<Record<string, unknown>>>;

/** Timeouts, in milliseconds. */
export interface CallTiming {
  /** Time for an answer. */
  readonly answerMs: number;
  /** Time for a new primary after the old one has failed. By default a backup takes over after 60 s. */
  readonly electionMs: number;
  /** Time between two checks for a new primary. */
  readonly pauseMs: number;
  /** Time after which a message says that the answer is slow. */
  readonly silenceMs: number;
}

const TIMING: CallTiming = { answerMs: 30_000, electionMs: 90_000, pauseMs: 2_000, silenceMs: 3_000 };

/** Timeouts of `inspect`, which does not wait for a new primary. */
export const LOOK_TIMING: CallTiming = { ...TIMING, answerMs: INSPECT_LIMIT_MS, electionMs: 0 };

/** Options for calls of the API. */
interface CallOptions {
  /** Reports what the program is waiting for. */
  readonly tell: (line: string) => void;
  readonly timing?: CallTiming;
}

/** No address leads to a primary server. Nothing was changed. */
export class NotReachedError extends StoreError {}

/** Error codes of a connection that was not established. */
const NOT_REACHED = [
  "ECONNREFUSED",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "ETIMEDOUT",
  "UND_ERR_CONNECT_TIMEOUT",
];

type Attempt = Answer | { readonly kind: "not-reached"; readonly what: string; readonly cause: unknown };

/**
 * Opens Cronicle's API. It asks each configured address until one is the primary.
 *
 * It does not follow redirects: they name the primary by a bare address, turn the call into a GET without a body, and would
 * pass on the key. A call that may have been executed is never sent twice. No message contains a key.
 */
export function cronicleApi({ urls, key }: CronicleAccess, { tell, timing = TIMING }: CallOptions): CronicleCall {
  let order = urls;
  return async (name, body) => {
    const until = performance.now() + timing.electionMs;
    for (let round = 0; ; round++) {
      const failed: [url: string, attempt: Exclude<Attempt, { kind: "done" | "refused" }>][] = [];
      for (const url of order) {
        const attempt = await post(url, name, { body, key, timing, tell });
        if (attempt.kind === "done") {
          order = [url, ...urls.filter((other) => other !== url)];
          return attempt.body;
        }
        if (attempt.kind === "refused") {
          throw new CronicleRefusal(name, { ...attempt, description: maskKeys(attempt.description, key) });
        }
        failed.push([url, attempt]);
      }
      if (!mayHeal(failed.map(([, attempt]) => attempt)) || performance.now() > until) throw noPrimary(failed);
      if (round === 0) tell(`Cronicle has no primary server; waiting up to ${timing.electionMs / 1000} s for one`);
      await sleep(timing.pauseMs);
    }
  };
}

/** Whether a new primary may still appear: the servers know none, or the one they know has failed. */
function mayHeal(attempts: readonly Attempt[]): boolean {
  const backups = attempts.filter((attempt) => attempt.kind === "not-primary");
  if (backups.some(({ primary }) => primary === undefined)) return true;
  return backups.length > 0 && attempts.some(({ kind }) => kind === "not-reached");
}

/** A page of a schedule has less than 1 MiB. */
const MOST_BYTES = 32 * 1024 * 1024;

/** The text of an answer; `undefined` if it is too long: reading then stops at the limit. */
async function readText({ body }: Response): Promise<string | undefined> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body ?? []) {
    size += part.length;
    if (size > MOST_BYTES) return undefined;
    parts.push(part);
  }
  return Buffer.concat(parts).toString("utf8");
}

async function post(
  url: string,
  name: string,
  { body, key, timing, tell }: Required<CallOptions> & { readonly body: object; readonly key: string },
): Promise<Attempt> {
  const silence = setTimeout(() => {
    tell(`waiting up to ${timing.answerMs / 1000} s for an answer from Cronicle at ${url}`);
  }, timing.silenceMs);
  try {
    const response = await fetch(`${url.replace(/\/+$/, "")}/api/app/${name}/v1`, {
      method: "POST",
      redirect: "manual",
      headers: { "Content-Type": "application/json", "X-API-Key": key },
      body: JSON.stringify(body),
      signal: AbortSignal.timeout(timing.answerMs),
    });
    const location = response.headers.get("location") ?? undefined;
    const text = await readText(response);
    return text === undefined
      ? { kind: "strange", what: `answers with more than ${MOST_BYTES / 1024 / 1024} MiB (status ${response.status})` }
      : readAnswer({ status: response.status, location, text });
  } catch (error) {
    const cause = error instanceof Error ? error.cause : undefined;
    const code = errorCode(cause);
    if (code !== undefined && NOT_REACHED.includes(code) && !wasConnected(cause)) {
      return { kind: "not-reached", what: `cannot be reached (${code})`, cause: error };
    }
    if (code !== undefined && /CERT|SELF_SIGNED|ISSUER/.test(code)) {
      throw new NotReachedError(`Node does not trust the certificate of ${url} (${code})`, {
        cause: error,
        hint: "Set NODE_EXTRA_CA_CERTS to the file of the certificate authority that signed it.",
      });
    }
    const why =
      error instanceof Error && error.name === "TimeoutError"
        ? `did not answer within ${timing.answerMs / 1000} s`
        : `closed the connection (${code ?? "no reason given"})`;
    throw new StoreError(`Cronicle at ${url} ${why}: ${name} may or may not have taken effect`, {
      cause: error,
      hint: "Check Cronicle's log, then run the same command again: it keeps the changes that were made.",
    });
  } finally {
    clearTimeout(silence);
  }
}

/** Whether a call may have arrived. An established connection may end with the same codes. */
const wasConnected = (cause: unknown): boolean =>
  cause instanceof Error && "syscall" in cause && (cause.syscall === "read" || cause.syscall === "write");

function noPrimary(failed: readonly (readonly [url: string, attempt: Attempt])[]): NotReachedError {
  const lines = failed.map(([url, attempt]) => `${url} ${describe(attempt)}`);
  const isForeign = failed.some(([, attempt]) => attempt.kind === "not-primary" && attempt.primary !== undefined);
  const [only = ""] = lines;
  return new NotReachedError(
    lines.length === 1
      ? `Cronicle: ${only}`
      : `no URL in cronicle.url leads to Cronicle's primary server:\n  ${lines.join("\n  ")}`,
    {
      cause: failed.flatMap(([, attempt]) => (attempt.kind === "not-reached" ? [attempt.cause] : [])).at(0),
      hint: isForeign
        ? "Add the primary's URL to cronicle.url: the key is sent only to the URLs in the schedule file."
        : "Check that Cronicle is running, and that cronicle.url has Cronicle's own port (3012 by default).",
    },
  );
}

function describe(attempt: Attempt): string {
  switch (attempt.kind) {
    case "not-primary":
      return attempt.primary === undefined
        ? "is not the primary and does not know it"
        : `is not the primary; it reports ${attempt.primary} as the primary`;
    case "strange":
    case "not-reached":
      return attempt.what;
    case "done":
    case "refused":
      return "answers";
  }
}

/** Removes keys from a text of Cronicle, which often contains them. */
const maskKeys = (text: string, key: string): string =>
  text.replaceAll(key, "…").replace(/\b(API Key(?: is disabled)?): \S+/g, "$1: …");
