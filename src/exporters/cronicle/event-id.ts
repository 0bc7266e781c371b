import { type EntryId, entryKey } from "../../command/request.ts";
import { digestOf } from "../../compiled/digest.ts";

const HASH_LENGTH = 12;

/** What all event ids of a schedule begin with: Cronicle allows only letters, digits and `_`. */
export const idPrefix = (schedule: string): string => `pw_${schedule.replaceAll("-", "_")}_`;

/**
 * The id of a pipeline's event: the same at each export, whatever its times. The 2nd event and the following have their
 * number behind it.
 */
export function eventId(schedule: string, entry: EntryId, number: number): string {
  const hash = digestOf([schedule, entry.target, entry.tap, entryKey(entry)].join("\0")).slice(0, HASH_LENGTH);
  return `${idPrefix(schedule)}${hash}${number === 1 ? "" : `_${number}`}`;
}
