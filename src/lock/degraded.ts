import { existsSync } from "node:fs";
import { errorCode } from "../errors.ts";
import { readStateFile, removeStateFile, writeStateFile } from "../storage/file.ts";
import { readdir } from "../storage/fs.ts";
import { locksDir, type StatePaths, WEAKNESS_PREFIX, weaknessFile } from "../storage/paths.ts";
import { storeFault } from "../storage/store-error.ts";
import type { FlockAnswer } from "./flock.ts";
import type { LockClaim } from "./lock.ts";

/** What a host lacks for the whole lock, and since when that is known. It runs all the same, as safely as it can. */
export interface Weakness {
  readonly host: string;
  /** A sentence each. */
  readonly lacks: readonly string[];
  readonly since: Date;
}

const NO_PROC =
  "/proc is not available: leftover processes cannot be detected, and liveness is judged by process id alone";

/** What the machine, the mount and the run lack, a sentence each. */
export function lacksOf(answer: FlockAnswer, { lacks = [] }: Pick<LockClaim, "lacks">): readonly string[] {
  return [
    ...(answer.kind === "unavailable"
      ? [`flock is not available (${answer.why}); only the lock file protects this pipeline`]
      : []),
    ...(existsSync("/proc/self/stat") ? [] : [NO_PROC]),
    ...lacks,
  ];
}

function parse(host: string, text: string): Weakness | undefined {
  try {
    // Bytes from outside: every field is looked at.
    const { lacks, since }: Partial<Record<string, unknown>> = JSON.parse(text);
    if (!Array.isArray(lacks) || typeof since !== "string" || Number.isNaN(Date.parse(since))) return undefined;
    return { host, lacks: lacks.filter((one) => typeof one === "string"), since: new Date(since) };
  } catch {
    return undefined;
  }
}

/**
 * Keeps what this host lacks, for `status`.
 *
 * @returns it as one sentence, unless that was kept before: a log says it once
 */
export async function noteWeakness(
  paths: StatePaths,
  { host, startedAt }: LockClaim,
  lacks: readonly string[],
): Promise<string | undefined> {
  const path = weaknessFile(paths, host);
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
    // It is said again then; a run does not fail for it.
    return sentence;
  }
}

/** What each host of the cluster lacks, as its last run found. */
export async function readWeaknesses(paths: StatePaths): Promise<readonly Weakness[]> {
  const names = await readdir(locksDir(paths)).catch((error) => {
    if (errorCode(error) === "ENOENT") return [];
    throw storeFault("read", locksDir(paths), error);
  });
  const found: Weakness[] = [];
  for (const name of names.sort()) {
    if (!name.startsWith(WEAKNESS_PREFIX) || !name.endsWith(".json")) continue;
    const host = name.slice(WEAKNESS_PREFIX.length, -".json".length);
    const text = await readStateFile(weaknessFile(paths, host));
    const weakness = text === undefined ? undefined : parse(host, text);
    if (weakness !== undefined) found.push(weakness);
  }
  return found;
}

/** As `status` says it. */
export const renderWeakness = ({ host, lacks, since }: Weakness): string =>
  `host ${host}, since ${since.toISOString()}: ${lacks.join("; ")}`;
