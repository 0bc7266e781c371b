import { dirname } from "node:path";
import type { Host } from "../host.ts";
import type { StoredSchedule } from "../installed/schedule.ts";
import { ensureDirectory } from "../storage/directory.ts";
import { readStateFile, writeStateFile } from "../storage/file.ts";
import { type StatePaths, tendFile } from "../storage/paths.ts";
import { MINUTE_MS } from "../time-units.ts";

/** The error of a part of `tend` that failed when it last ran. */
interface PartFault {
  readonly message: string;
  /** Time since which it has failed every time, ISO 8601 UTC. */
  readonly since: string;
  /** The day on which this was last written on stderr, UTC. */
  readonly warned: string;
}

/** The errors of the parts that fail, by the names of the parts. */
export type PartFaults = Readonly<Record<string, PartFault>>;

/** The newest slot at which a schedule was tended. */
export interface Tended {
  readonly slot: Date;
  /** The host that did it. */
  readonly host: string;
  readonly faults: PartFaults;
}

/** A schedule, and where its state is. */
interface TendPlace {
  readonly paths: StatePaths;
  readonly schedule: Pick<StoredSchedule, "name">;
  readonly host: Pick<Host, "uid">;
}

const SLOT_MS = 5 * MINUTE_MS;

/** The slot of a `tend`: the newest time at which schedulers start it. */
export const slotAt = (at: Date): Date => new Date(Math.floor(at.getTime() / SLOT_MS) * SLOT_MS);

/**
 * Whether a slot or the one after it was done: the clock of another host may be ahead by less than a slot. A later slot
 * is ignored, because the clock of the host that recorded it was wrong.
 */
export const isDone = (tended: Tended | undefined, slot: Date): boolean =>
  tended !== undefined && tended.slot >= slot && tended.slot.getTime() - slot.getTime() <= SLOT_MS;

const isText = (value: unknown): value is string => typeof value === "string";

function parseFaults(value: unknown): PartFaults {
  if (typeof value !== "object" || value === null) return {};
  const faults = Object.entries(value).flatMap(([part, fault]): readonly [string, PartFault][] => {
    const { message, since, warned }: Partial<Record<string, unknown>> = { ...fault };
    return isText(message) && isText(since) && isText(warned) ? [[part, { message, since, warned }]] : [];
  });
  return Object.fromEntries(faults);
}

/** Parses the file; `undefined` for a text that a power cut truncated: tending twice does no harm. */
function parseTended(text: string): Tended | undefined {
  try {
    const { slot, host, faults }: Partial<Record<string, unknown>> = { ...JSON.parse(text) };
    if (!isText(slot) || !isText(host) || Number.isNaN(Date.parse(slot))) return undefined;
    return { slot: new Date(slot), host, faults: parseFaults(faults) };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Reads the newest slot at which a schedule was tended; `undefined` if it never was. */
export async function readTended({ paths, schedule }: Omit<TendPlace, "host">): Promise<Tended | undefined> {
  const text = await readStateFile(tendFile(paths, schedule.name));
  return text === undefined ? undefined : parseTended(text);
}

/** Records a slot as done. It need not survive a power failure. */
export async function writeTended({ paths, schedule, host }: TendPlace, tended: Tended): Promise<void> {
  const path = tendFile(paths, schedule.name);
  await ensureDirectory(paths, dirname(path), host.uid);
  await writeStateFile(path, `${JSON.stringify(tended)}\n`, { sync: false });
}
