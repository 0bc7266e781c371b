import { constants } from "node:fs";
import { dirname } from "node:path";
import { errorCode, StoreError } from "../errors.ts";
import type { Host } from "../host.ts";
import { type EntryId, entryKey, entryLabel } from "../pipeline-id.ts";
import { ensureDirectory } from "../storage/directory.ts";
import { besideOf, createStateFile, readStateFile } from "../storage/file.ts";
import { lstat, open, removeFile, rename } from "../storage/fs.ts";
import { notDueFile, type StatePaths, slotFile } from "../storage/paths.ts";
import { ioError } from "../storage/store-error.ts";

/** A slot that is further in the future than this was not computed by a correct clock. */
export const AHEAD_MS = 300_000;

/** The newest slot of an entry that was run or skipped, as it is stored. */
export interface LastSlot {
  readonly slot: Date;
  /** Host of the run or skip. */
  readonly host: string;
  /** Id of the run or skip. */
  readonly run: string;
  /** The slot was skipped, so nothing has run for it. */
  readonly skipped: boolean;
}

type SlotOfRun = Pick<LastSlot, "slot" | "run">;

/**
 * A slot that a run is about to handle. Everything but the last step of the write is done, so that a full disk is found
 * before the pipeline starts.
 */
export interface SlotClaim {
  /** Records the slot as handled, unless a newer one is. */
  commit(): Promise<void>;
  /**
   * Ends the claim. A slot that was committed is recorded again if a skip, which has no lock, has overwritten it. A slot
   * that was not committed is left to another start.
   */
  close(): Promise<void>;
}

/** The slots of one entry. */
export interface SlotStore {
  /**
   * The newest slot that was handled; `undefined` for none, and for a text that a power cut truncated: running the last
   * slot twice is better than never running again. A slot in the future that this host recorded does not count either:
   * its clock was ahead and has been corrected.
   *
   * @throws StoreError if another host recorded a slot in the future, because one of the two clocks is wrong
   */
  findLast(): Promise<LastSlot | undefined>;
  /** A slot in the future that this host recorded; `undefined` for none. The next record of a slot replaces it. */
  findOwnAhead(): Promise<LastSlot | undefined>;
  /**
   * Records the slot of a skip as handled, unless a newer one is. A skip has no lock, so another start may record a newer
   * slot between the read and the write, which is then overwritten. That does no harm: a run records its slot again
   * before it releases the lock. Of two skips, the older one leaves the newer slot to a start that still comes for it, so
   * that slot is run at most once, and it is in the history in any case.
   */
  recordSkipped(skip: SlotOfRun): Promise<void>;
  /** Prepares the record of a run's slot. Only the lock's holder may call this. */
  claim(run: SlotOfRun): Promise<SlotClaim>;
  /**
   * Counts a start that was not due, as one byte in a file: candidate lines cause dozens of them a day, which would fill
   * the history.
   */
  countNotDue(): Promise<void>;
  /** Number of starts on this host that were not due. */
  readNotDueCount(): Promise<number>;
}

interface SlotPlace {
  readonly paths: StatePaths;
  readonly entry: EntryId;
  readonly host: Pick<Host, "uid" | "name" | "now">;
}

/** A slot file under a temporary name. */
interface StagedFile {
  commit(): Promise<void>;
  discard(): Promise<void>;
}

/** The slot in a file's text; `undefined` if the text is garbled. */
function parseSlot(text: string): LastSlot | undefined {
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

const APPEND_FLAGS = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | constants.O_NOFOLLOW;
const ONE_START = Buffer.from(".");

/** Opens the slots of an entry. Reads and writes nothing yet. */
export function openSlots({ paths, entry, host }: SlotPlace): SlotStore {
  const path = slotFile(paths, entry, entryKey(entry));
  const countFile = notDueFile(paths, entry, entryKey(entry), host.name);
  const writeFault = (error: unknown): never => {
    throw ioError("write", path, error);
  };

  /** The stored slot, without a check against this host's clock. */
  async function readSlot(): Promise<LastSlot | undefined> {
    const text = await readStateFile(path);
    return text === undefined ? undefined : parseSlot(text);
  }

  const isAhead = ({ slot }: LastSlot): boolean => slot.getTime() > host.now().getTime() + AHEAD_MS;

  async function findOwnAhead(): Promise<LastSlot | undefined> {
    const last = await readSlot();
    return last !== undefined && last.host === host.name && isAhead(last) ? last : undefined;
  }

  async function findLast(): Promise<LastSlot | undefined> {
    const last = await readSlot();
    if (last !== undefined && isAhead(last)) {
      if (last.host === host.name) return undefined;
      throw new StoreError(
        `${entryLabel(entry)}: the slot ${last.slot.toISOString()} is recorded as handled by host ${last.host}, but it is in the future: it is ${host.now().toISOString()} on this host`,
        { hint: `Correct the clock that is wrong, then remove the record: rm '${path}'` },
      );
    }
    return last;
  }

  /** Writes the slot under a temporary name. */
  async function stage({ slot, run, skipped }: Omit<LastSlot, "host">): Promise<StagedFile> {
    const temporary = besideOf(path);
    await ensureDirectory(paths, dirname(path), host.uid);
    const fields = { slot: slot.toISOString(), host: host.name, run, skipped: skipped || undefined };
    await createStateFile(temporary, `${JSON.stringify(fields)}\n`, { sync: false }).catch(writeFault);
    return {
      commit: () => rename(temporary, path).catch(writeFault),
      discard: () => removeFile(temporary).catch(() => {}),
    };
  }

  return {
    findLast,
    findOwnAhead,
    async recordSkipped(skip) {
      const last = await findLast();
      if (last === undefined || last.slot < skip.slot) await (await stage({ ...skip, skipped: true })).commit();
    },
    async claim(run) {
      let staged: StagedFile | undefined = await stage({ ...run, skipped: false });
      let committed = false;
      const commit = async () => {
        committed = true;
        const last = await readSlot();
        const isNewer = last !== undefined && last.slot > run.slot && !(last.host === host.name && isAhead(last));
        if (isNewer || last?.run === run.run) return;
        staged ??= await stage({ ...run, skipped: false });
        await staged.commit();
        staged = undefined;
      };
      return {
        commit,
        async close() {
          try {
            if (committed) await commit();
          } finally {
            await staged?.discard();
            staged = undefined;
          }
        },
      };
    },
    async countNotDue() {
      await ensureDirectory(paths, dirname(countFile), host.uid);
      try {
        const file = await open(countFile, APPEND_FLAGS, 0o600);
        await file.write(ONE_START).finally(() => file.close());
      } catch (error) {
        throw ioError("write", countFile, error);
      }
    },
    async readNotDueCount() {
      try {
        return (await lstat(countFile)).size;
      } catch (error) {
        if (errorCode(error) === "ENOENT") return 0;
        throw ioError("inspect", countFile, error);
      }
    },
  };
}
