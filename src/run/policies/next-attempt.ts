import { dirname } from "node:path";
import type { LockId } from "../../pipeline-id.ts";
import { ensureDirectory } from "../../storage/directory.ts";
import { readStateFile, removeStateFile, writeStateFile } from "../../storage/file.ts";
import { nextAttemptFile, type StatePaths } from "../../storage/paths.ts";

/** The next attempt of a run that waits for it. */
export interface NextAttempt {
  /** From 2. */
  readonly attempt: number;
  /** The most attempts of the run. */
  readonly of: number;
  /** When it starts, by the clock of the run's host. */
  readonly until: Date;
}

export function parseNextAttempt(text: string): (NextAttempt & { readonly run: string }) | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const { run, attempt, of, until }: Partial<Record<string, unknown>> = { ...value };
    if (typeof run !== "string" || typeof attempt !== "number" || typeof of !== "number") return undefined;
    const at = new Date(typeof until === "string" ? until : Number.NaN);
    return Number.isNaN(at.getTime()) ? undefined : { run, attempt, of, until: at };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Notes for `status` that a run waits for its next attempt. Only the holder of the lock may call this. */
export async function writeNextAttempt(
  { paths, lock, uid }: { readonly paths: StatePaths; readonly lock: LockId; readonly uid: number },
  { run, attempt, of, until }: NextAttempt & { readonly run: string },
): Promise<void> {
  const path = nextAttemptFile(paths, lock);
  await ensureDirectory(paths, dirname(path), uid);
  await writeStateFile(path, `${JSON.stringify({ run, attempt, of, until: until.toISOString() })}\n`, { sync: false });
}

export const removeNextAttempt = (paths: StatePaths, lock: LockId): Promise<void> =>
  removeStateFile(nextAttemptFile(paths, lock));

/** The attempt for which a run waits; `undefined` if it does not wait. A run that was killed may have left the file. */
export async function readNextAttempt(paths: StatePaths, lock: LockId, run: string): Promise<NextAttempt | undefined> {
  const text = await readStateFile(nextAttemptFile(paths, lock));
  const next = text === undefined ? undefined : parseNextAttempt(text);
  return next?.run === run ? next : undefined;
}
