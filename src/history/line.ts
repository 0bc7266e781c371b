import type { RunRecord } from "./record.ts";

/** A record as one line of a history file. */
export const renderRecordLine = (record: RunRecord): string => `${JSON.stringify(record)}\n`;

const NEEDED = ["id", "tap", "target", "command", "outcome", "host", "startedAt", "endedAt"] as const;

/** Whether a value from outside has what every record has. */
export function isRunRecord(value: unknown): value is RunRecord {
  if (typeof value !== "object" || value === null) return false;
  const fields: Partial<Record<string, unknown>> = { ...value };
  return NEEDED.every((name) => typeof fields[name] === "string");
}

/** The record of a line; `undefined` when the line is torn or garbled. */
export function parseRecordLine(line: string): RunRecord | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return isRunRecord(value) ? value : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}
