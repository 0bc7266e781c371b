import { constants } from "node:fs";
import { dirname } from "node:path";
import { errorCode, StoreError } from "../errors.ts";
import type { Host } from "../host.ts";
import { type EntryId, entryKey, entryLabel } from "../pipeline-id.ts";
import { ensureFolder } from "../storage/directory.ts";
import { besideOf, createStateFile, readStateFile } from "../storage/file.ts";
import { lstat, open, removeFile, rename } from "../storage/fs.ts";
import { type StatePaths, slotFile, undueFile } from "../storage/paths.ts";
import { storeFault } from "../storage/store-error.ts";

/** A slot that lies further ahead than two clocks may differ. */
export const AHEAD_MS = 300_000;

/** The newest slot of an entry that was run or skipped, and by whom. */
export interface HandledSlot {
  readonly slot: Date;
  readonly host: string;
  /** Id of the run or skip. */
  readonly run: string;
  /** It was skipped: nothing has run for it. */
  readonly skipped: boolean;
}

export type Writer = Pick<Host, "uid" | "name">;

const fileOf = (paths: StatePaths, entry: EntryId): string => slotFile(paths, entry, entryKey(entry));

function parseHandled(text: string): HandledSlot | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const { slot, host, run, skipped }: Partial<Record<string, unknown>> = { ...value };
    if (typeof slot !== "string" || typeof host !== "string" || typeof run !== "string") return undefined;
    const at = new Date(slot);
    return Number.isNaN(at.getTime()) ? undefined : { slot: at, host, run, skipped: skipped === true };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The stored slot, without a check against this host's clock. */
export async function readNote(paths: StatePaths, entry: EntryId): Promise<HandledSlot | undefined> {
  const text = await readStateFile(fileOf(paths, entry));
  return text === undefined ? undefined : parseHandled(text);
}

/**
 * The newest slot of an entry that was handled; `undefined` for none, and for a text that a power cut truncated:
 * running the last slot twice is better than never running again.
 *
 * @throws StoreError when it lies ahead of our clock: it would keep every start away
 */
export async function readHandled(paths: StatePaths, entry: EntryId, now: Date): Promise<HandledSlot | undefined> {
  const handled = await readNote(paths, entry);
  if (handled !== undefined && handled.slot.getTime() > now.getTime() + AHEAD_MS) {
    throw new StoreError(
      `${entryLabel(entry)}: the slot ${handled.slot.toISOString()} is recorded as handled by host ${handled.host}, but it is in the future: it is ${now.toISOString()} on this host`,
      { hint: `Correct the clock that is wrong, then remove the record: rm '${fileOf(paths, entry)}'` },
    );
  }
  return handled;
}

/** A slot record in a temporary file, ready to be renamed. */
interface SlotNote {
  put(): Promise<void>;
  drop(): Promise<void>;
}

/** Writes all of a note but its last step, so that a full disk is known before that. */
async function prepareNote(
  paths: StatePaths,
  entry: EntryId,
  host: Writer,
  { slot, run, skipped }: Omit<HandledSlot, "host">,
): Promise<SlotNote> {
  const path = fileOf(paths, entry);
  const beside = besideOf(path);
  const drop = () => removeFile(beside).catch(() => {});
  const fault = (error: unknown): never => {
    throw storeFault("write", path, error);
  };
  await ensureFolder(paths, dirname(path), host.uid);
  try {
    const note = { slot: slot.toISOString(), host: host.name, run, skipped: skipped || undefined };
    await createStateFile(beside, `${JSON.stringify(note)}\n`, { sync: false });
  } catch (error) {
    return fault(error);
  }
  return { put: () => rename(beside, path).catch(fault), drop };
}

/**
 * Notes the slot of a skip as handled, unless a newer one is. A skip has no lock, so between its look and its note another
 * start may have noted a newer slot, which is then written over. Nothing comes of that: a run notes its slot again at its
 * end, before it gives the lock back, and of two skips the older one's note leaves the newer slot to whoever starts for it
 * yet, so that it is run at most once, and is in the history in any case.
 */
export async function markHandled(
  paths: StatePaths,
  entry: EntryId,
  host: Writer & Pick<Host, "now">,
  handled: Pick<HandledSlot, "slot" | "run">,
): Promise<void> {
  const newest = await readHandled(paths, entry, host.now());
  if (newest !== undefined && newest.slot >= handled.slot) return;
  await (await prepareNote(paths, entry, host, { ...handled, skipped: true })).put();
}

/** A slot about to be handled: all but the last step is done, so that a full disk is known before. */
export interface SlotClaim {
  /**
   * Notes it as handled, unless a newer one is. Done again at the end of a run, it mends what a skip, which has no lock,
   * may have written over it (`markHandled`).
   */
  settle(): Promise<void>;
  /** Leaves it to another start, unless it was settled. */
  drop(): Promise<void>;
}

/** To be called by who holds the pipeline's lock; what it notes counts from `settle` on. */
export async function claimSlot(
  paths: StatePaths,
  entry: EntryId,
  host: Writer,
  handled: Pick<HandledSlot, "slot" | "run">,
): Promise<SlotClaim> {
  const prepare = () => prepareNote(paths, entry, host, { ...handled, skipped: false });
  let note: SlotNote | undefined = await prepare();
  return {
    async settle() {
      const noted = await readNote(paths, entry);
      if (noted !== undefined && (noted.slot > handled.slot || noted.run === handled.run)) return;
      note ??= await prepare();
      await note.put();
      note = undefined;
    },
    async drop() {
      await note?.drop();
      note = undefined;
    },
  };
}

const APPEND_FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
const MARK = Buffer.from(".");

/**
 * Counts a start that was not due. A byte in a file is all that it leaves: candidate lines start dozens a day, and
 * nobody wants to read of them.
 */
export async function countUndue(paths: StatePaths, entry: EntryId, host: Pick<Host, "uid" | "name">): Promise<void> {
  const path = undueFile(paths, entry, entryKey(entry), host.name);
  await ensureFolder(paths, dirname(path), host.uid);
  try {
    const file = await open(path, APPEND_FLAGS, 0o600);
    await file.write(MARK).finally(() => file.close());
  } catch (error) {
    throw storeFault("write", path, error);
  }
}

/** How many starts of an entry on this host were not due. */
export async function readUndue(paths: StatePaths, entry: EntryId, host: Pick<Host, "name">): Promise<number> {
  const path = undueFile(paths, entry, entryKey(entry), host.name);
  try {
    return (await lstat(path)).size;
  } catch (error) {
    if (errorCode(error) === "ENOENT") return 0;
    throw storeFault("inspect", path, error);
  }
}
