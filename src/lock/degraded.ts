import { errorCode } from "../errors.ts";
import { readStateFile, removeStateFile, writeStateFile } from "../storage/file.ts";
import { readdir } from "../storage/fs.ts";
import { LIMITATIONS_PREFIX, limitationsFile, locksDir, type StatePaths } from "../storage/paths.ts";
import { ioError } from "../storage/store-error.ts";
import { listPids } from "../system/proc.ts";
import type { FlockAnswer } from "./flock.ts";
import type { LockClaim } from "./lock.ts";

/** Parts of the lock that a host cannot provide, and since when. Pipelines run there without these parts. */
export interface Limitations {
  readonly host: string;
  /** One sentence for each part. */
  readonly lacks: readonly string[];
  readonly since: Date;
}

const NO_PROC =
  "/proc is not available: processes that a dead run left cannot be found, so its lock is kept for its whole lease";

/** Sentences about the parts of the lock that the machine, the mount or the run cannot provide. */
export function detectLimitations(
  answer: FlockAnswer,
  { limitations }: Pick<LockClaim, "limitations">,
): readonly string[] {
  return [
    ...(answer.kind === "unavailable"
      ? [`flock is not available (${answer.why}); only the lock file protects this pipeline`]
      : []),
    ...(listPids() === undefined ? [NO_PROC] : []),
    ...limitations,
  ];
}

function parse(host: string, text: string): Limitations | undefined {
  try {
    // Data from outside: every field is checked.
    const { lacks, since }: Partial<Record<string, unknown>> = JSON.parse(text);
    if (!Array.isArray(lacks) || typeof since !== "string" || Number.isNaN(Date.parse(since))) return undefined;
    return { host, lacks: lacks.filter((one) => typeof one === "string"), since: new Date(since) };
  } catch {
    return undefined;
  }
}

/**
 * Stores the limitations of this host for `status`.
 *
 * @returns them as one sentence for the log; `undefined` if there are none or the same ones were stored before
 */
export async function saveLimitations(
  paths: StatePaths,
  { host, startedAt }: LockClaim,
  lacks: readonly string[],
): Promise<string | undefined> {
  const path = limitationsFile(paths, host);
  const sentence = lacks.length === 0 ? undefined : lacks.join("; ");
  try {
    const text = await readStateFile(path);
    if (sentence === undefined) {
      if (text !== undefined) await removeStateFile(path);
      return undefined;
    }
    if (text !== undefined && parse(host, text)?.lacks.join("; ") === sentence) return undefined;
    await writeStateFile(path, `${JSON.stringify({ lacks, since: startedAt.toISOString() })}\n`);
    return sentence;
  } catch {
    // The next run reports them again. A run does not fail because of that.
    return sentence;
  }
}

/** Reads the limitations of each host of the cluster, as its last run found them. */
export async function readLimitations(paths: StatePaths): Promise<readonly Limitations[]> {
  const names = await readdir(locksDir(paths)).catch((error) => {
    if (errorCode(error) === "ENOENT") return [];
    throw ioError("read", locksDir(paths), error);
  });
  const found: Limitations[] = [];
  for (const name of names.sort()) {
    if (!name.startsWith(LIMITATIONS_PREFIX) || !name.endsWith(".json")) continue;
    const host = name.slice(LIMITATIONS_PREFIX.length, -".json".length);
    const text = await readStateFile(limitationsFile(paths, host));
    const limitation = text === undefined ? undefined : parse(host, text);
    if (limitation !== undefined) found.push(limitation);
  }
  return found;
}

/** Renders one host's limitations for `status`. */
export const renderLimitations = ({ host, lacks, since }: Limitations): string =>
  `host ${host}, since ${since.toISOString()}: ${lacks.join("; ")}`;
