import { GarbledError, instant, object, optional, string } from "../installed/decode-values.ts";
import type { EntryId } from "../pipeline-id.ts";

/**
 * Decodes the text of a file of alerts. Every field that is used is checked, so that a garbled file cannot stop the sender.
 *
 * @returns `undefined` if the text is garbled
 */
export function decodeText<T>(text: string, decode: (value: unknown) => T): T | undefined {
  try {
    return decode(JSON.parse(text));
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof GarbledError) return undefined;
    throw error;
  }
}

/** The value, if `decode` accepts it, or `null`. */
export const orNull = <T>(value: unknown, at: string, decode: (value: unknown, at: string) => T): T | null =>
  value === null ? null : decode(value, at);

/** The value, if it is an instant or absent. */
export const optionalInstant = (value: unknown, at: string): string | undefined =>
  value === undefined ? undefined : instant(value, at);

/** Decodes the id of an entry. */
export function decodeEntry(value: unknown, at: string): EntryId {
  const { tap, target, command, id } = object(value, at);
  return {
    tap: string(tap, `${at}.tap`),
    target: string(target, `${at}.target`),
    command: string(command, `${at}.command`),
    id: optional(id, `${at}.id`),
  };
}
