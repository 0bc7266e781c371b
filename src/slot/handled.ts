import { constants } from "node:fs";
import { dirname } from "node:path";
import { type EntryId, entryKey, entryLabel } from "../command/request.ts";
import { StoreError } from "../errors.ts";
import { removeFile, rename } from "../files.ts";
import type { Host } from "../host.ts";
import { open } from "../open-file.ts";
import { readStateFile } from "../state-file.ts";
import { ensureFolder } from "../state-folder.ts";
import { type StatePaths, slotFile } from "../state-paths.ts";
import { storeFault } from "../store-fault.ts";

const FLAGS = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NOFOLLOW;
/** A slot that lies further ahead than two clocks may differ. */
export const AHEAD_MS = 300_000;

/** The newest slot of an entry that was run or skipped, and by whom. */
export interface HandledSlot {
  readonly slot: Date;
  readonly host: string;
  /** Id of the run or skip. */
  readonly run: string;
}

type Writer = Pick<Host, "uid" | "name" | "pid">;

const fileOf = (paths: StatePaths, entry: EntryId): string => slotFile(paths, entry, entryKey(entry));

function parseHandled(text: string): HandledSlot | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const { slot, host, run }: Partial<Record<string, unknown>> = { ...value };
    if (typeof slot !== "string" || typeof host !== "string" || typeof run !== "string") return undefined;
    const at = new Date(slot);
    return Number.isNaN(at.getTime()) ? undefined : { slot: at, host, run };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * The newest slot of an entry that was handled; `undefined` for none, and for a text that a power cut left torn: rather
 * run the last slot again than never one more.
 *
 * @throws StoreError when it lies ahead of our clock: it would keep every start away
 */
export async function readHandled(paths: StatePaths, entry: EntryId, now: Date): Promise<HandledSlot | undefined> {
  const path = fileOf(paths, entry);
  const text = await readStateFile(path);
  const handled = text === undefined ? undefined : parseHandled(text);
  if (handled !== undefined && handled.slot.getTime() > now.getTime() + AHEAD_MS) {
    throw new StoreError(
      `${entryLabel(entry)}: the slot ${handled.slot.toISOString()} is noted as handled by host ${handled.host}, and it is only ${now.toISOString()} here`,
      { hint: `The clock of one of them is, or was, wrong. Set it right, then: rm '${path}'` },
    );
  }
  return handled;
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
  { slot, run }: Pick<HandledSlot, "slot" | "run">,
): Promise<SlotClaim> {
  const path = fileOf(paths, entry);
  const beside = `${path}.${host.name}.${host.pid}.tmp`;
  let prepared = false;
  const drop = async () => {
    if (prepared) await removeFile(beside).catch(() => {});
    prepared = false;
  };
  const prepare = async () => {
    prepared = true;
    try {
      const file = await open(beside, FLAGS, 0o600);
      const text = `${JSON.stringify({ slot: slot.toISOString(), host: host.name, run })}\n`;
      await file.writeText(text, "utf8").finally(() => file.close());
    } catch (error) {
      await drop();
      throw storeFault("write", path, error);
    }
  };
  await ensureFolder(paths, dirname(path), host.uid);
  await prepare();
  return {
    drop,
    async settle() {
      const text = await readStateFile(path);
      const noted = text === undefined ? undefined : parseHandled(text);
      if (noted !== undefined && (noted.slot > slot || noted.run === run)) return;
      if (!prepared) await prepare();
      await rename(beside, path).catch((error) => {
        throw storeFault("write", path, error);
      });
      prepared = false;
    },
  };
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
  const claim = await claimSlot(paths, entry, host, handled);
  await claim.settle();
}
