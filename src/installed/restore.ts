import { entryPath } from "../pipeline-id.ts";
import { digestOf, sinceOf } from "./compile.ts";
import { decodeStoredInstall, decodeStoredSchedule, encodeStored } from "./decode.ts";
import type { StoredInstall, StoredSchedule } from "./schedule.ts";

/** The texts of the two stored files of a schedule. */
export interface StoredTexts {
  readonly schedule: string;
  readonly install: string;
}

interface Decoded {
  readonly schedule: StoredSchedule;
  readonly install: StoredInstall;
}

/** The schedule and the host of the stored files, and the time of the restore. */
export interface RestoreContext {
  readonly name: string;
  readonly host: string;
  readonly at: Date;
}

function decodeTexts({ schedule, install }: StoredTexts, { name, host }: RestoreContext): Decoded {
  return { schedule: decodeStoredSchedule(schedule, name), install: decodeStoredInstall(install, name, host) };
}

function decodedOrNot(texts: StoredTexts | undefined, context: RestoreContext): Decoded | undefined {
  try {
    return texts === undefined ? undefined : decodeTexts(texts, context);
  } catch {
    return undefined; // The restored files replace what cannot be read.
  }
}

/**
 * The stored files that belong to a restored crontab. Other schedulers are not restored, so their part stays as it is
 * now. An entry whose times change has them since now: no earlier time is due.
 *
 * @throws Error if the backup cannot be decoded
 */
export function restoreTexts(
  backup: StoredTexts,
  current: StoredTexts | undefined,
  context: RestoreContext,
): StoredTexts {
  const then = decodeTexts(backup, context);
  const now = decodedOrNot(current, context);
  const known = new Map(now?.schedule.entries.map((entry) => [entryPath(entry), entry]));
  const entries = then.schedule.entries.map((entry) => ({
    ...entry,
    since: sinceOf(entry, known.get(entryPath(entry)), context.at),
  }));
  const schedule = encodeStored({ ...then.schedule, entries });
  const linesWereCurrent = then.install.meaningDigest === digestOf(backup.schedule);
  const install = encodeStored({
    ...then.install,
    meaningDigest: linesWereCurrent ? digestOf(schedule) : then.install.meaningDigest,
    compileOnly: now?.install.compileOnly,
    on: now?.install.on,
  });
  return { schedule, install };
}
