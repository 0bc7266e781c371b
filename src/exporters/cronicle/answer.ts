import { StoreError } from "../../errors.ts";

/** A call that Cronicle understood and refused. */
export class CronicleRefusal extends StoreError {
  /** Cronicle's own word for the kind: "api", "session", "event", "user", … */
  readonly code: string;
  readonly description: string;

  constructor(call: string, { code, description }: { readonly code: string; readonly description: string }) {
    const hint = hintFor(description);
    super(`Cronicle refuses ${call}: ${description}`, hint === undefined ? {} : { hint });
    this.code = code;
    this.description = description;
  }
}

/** What of a refusal we know to mend. */
function hintFor(description: string): string | undefined {
  if (/^Invalid API Key|^No Session ID or API Key/.test(description)) {
    return "Cronicle's administrators see its keys, and make one for us, under Admin → API Keys.";
  }
  if (/^API Key is disabled/.test(description)) return "An administrator enables it under Admin → API Keys.";
  if (/required privileges/.test(description)) {
    return "The key needs the privileges create_events, edit_events and delete_events, and our category where it is limited to some: Admin → API Keys.";
  }
  if (/not an administrator/.test(description)) {
    return "Have an administrator make the category, under Admin → Categories, or name one that is there in cronicle.category.";
  }
  return undefined;
}

/** What an answer of Cronicle's API is, apart from how it came. */
export type Answer =
  | { readonly kind: "done"; readonly body: Readonly<Record<string, unknown>> }
  /** The server is a backup or a worker. `primary`: the address of the one it takes for the primary. */
  | { readonly kind: "not-primary"; readonly primary: string | undefined }
  | { readonly kind: "refused"; readonly code: string; readonly description: string }
  /** Nothing that Cronicle would say. */
  | { readonly kind: "strange"; readonly what: string };

/** What came over the wire. */
export interface RawAnswer {
  readonly status: number;
  readonly location: string | undefined;
  readonly text: string;
}

/** Reads an answer. Cronicle says its refusals with status 200, and sends a caller on to the primary with 302. */
export function readAnswer({ status, location, text }: RawAnswer): Answer {
  const body = parseObject(text);
  if (body?.["code"] === "master") return { kind: "not-primary", primary: originOf(location) };
  if (status >= 300 && status < 400) {
    return { kind: "strange", what: `sends us on to ${originOf(location) ?? "nowhere"} (status ${status})` };
  }
  if (body === undefined) return { kind: "strange", what: `${describeText(text)} (status ${status})` };
  if (body["code"] === 0) return { kind: "done", body };
  const { code, description } = body;
  if (code === undefined) return { kind: "strange", what: `answers JSON that is not Cronicle's (status ${status})` };
  return {
    kind: "refused",
    code: String(code),
    description: typeof description === "string" ? description : "without a reason",
  };
}

function describeText(text: string): string {
  if (text.trim() === "") return "answers nothing";
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

/** Of an address, what may be shown: a path may hold the key. */
function originOf(location: string | undefined): string | undefined {
  return location !== undefined && URL.canParse(location) ? new URL(location).origin : undefined;
}
