import type { StartLimit } from "../../policies.ts";

/** A start as its ticket in the queue and its places describe it. */
export interface PlaceClaim {
  readonly target: string;
  /** Name of the lock that the start holds, as in its path. */
  readonly lock: string;
  readonly runId: string;
  readonly host: string;
  /** Time at which it began to wait or took the place, by the clock of its host. ISO 8601 UTC. */
  readonly since: string;
  readonly limits: readonly StartLimit[];
}

export const renderClaim = (claim: PlaceClaim): string => `${JSON.stringify(claim)}\n`;

const TEXTS = ["target", "lock", "runId", "host", "since"] as const;

function isLimit(value: unknown): value is StartLimit {
  if (typeof value !== "object" || value === null) return false;
  const { kind, name, places }: Partial<Record<string, unknown>> = { ...value };
  return (
    (kind === "host" || kind === "target" || kind === "source") && typeof name === "string" && Number.isInteger(places)
  );
}

/** Parses a claim; `undefined` if it is incomplete. */
export function parseClaim(text: string): PlaceClaim | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    // Data from outside: every field is checked.
    const fields = value as Partial<Record<string, unknown>>;
    const limits = fields["limits"];
    const isClaim =
      TEXTS.every((name) => typeof fields[name] === "string") && Array.isArray(limits) && limits.every(isLimit);
    return isClaim ? (value as PlaceClaim) : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
