import type { EntryId } from "../command/request.ts";
import type { StatePaths } from "../state-paths.ts";
import { type HandledSlot, prepareNote, readNote, type SlotNote, type Writer } from "./handled.ts";

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
