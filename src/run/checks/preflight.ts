import { join } from "node:path";
import { type EntryId, replicates } from "../../pipeline-id.ts";
import { readStateFile } from "../../storage/file.ts";
import { renderDuration } from "../../text/format-time.ts";
import type { LockedContext, RunContext, Skip } from "../context.ts";
import type { PipelineStore } from "../pipeline-store.ts";
import { notPaused } from "../policies/pause.ts";
import { noContainer } from "./container.ts";
import { type FindForeignProcess, findForeignProcess } from "./foreign-runs.ts";
import { type FileSearch, type ForeignRun, type ForeignRunEvidence, findFileEvidence } from "./leftovers.ts";

/** The parts of PipelineWise's config.json that are read here. Any of them may be missing. */
interface MainConfig {
  readonly targets?: readonly {
    readonly id?: unknown;
    readonly taps?: readonly { readonly id?: unknown; readonly enabled?: unknown }[];
  }[];
}

/**
 * Whether PipelineWise's config.json disables the tap of an entry that replicates, which PipelineWise would refuse to
 * run. An unreadable file counts as enabled, because PipelineWise reports that error better.
 */
export async function isTapDisabled(configDir: string, { tap, target, command }: EntryId): Promise<boolean> {
  if (!replicates(command)) return false;
  try {
    const text = await readStateFile(join(configDir, "config.json"));
    const config: MainConfig | null = text === undefined ? null : JSON.parse(text);
    const taps = config?.targets?.find(({ id }) => id === target)?.taps;
    return taps?.find(({ id }) => id === tap)?.enabled === false;
  } catch {
    return false;
  }
}

/** The skip of a start whose tap is disabled. */
async function tapEnabled({ plan: { entry, paths }, slot }: LockedContext): Promise<Skip | undefined> {
  if (!(await isTapDisabled(paths.configDir, entry))) return undefined;
  return { reason: "disabled", detail: `is disabled in ${paths.configDir}/config.json`, slot };
}

/** Looks for a foreign run and leftovers, as the lock's holder, or while no run of this program is running. */
export async function findEvidence(store: PipelineStore, host: FileSearch["host"]): Promise<ForeignRunEvidence> {
  const { paths, lock } = store;
  const process = await findForeignProcess(paths.configDir, lock.id, host.pid);
  if (process !== undefined) return { kind: "process", process };
  const { runs } = await store.readNewest();
  return findFileEvidence({ paths, lock: lock.id, host, ourRuns: runs.values() });
}

/**
 * Looks for a foreign run while runs of this program may be running, for `status`.
 *
 * @param findProcess finds no process of such a run
 * @param isFree whether no run of this program holds the lock
 */
export async function findForeignRun(
  { paths, lock }: Pick<PipelineStore, "paths" | "lock">,
  {
    host,
    ourRuns,
    findProcess,
    isFree,
  }: Omit<FileSearch, "paths" | "lock"> & {
    readonly findProcess: FindForeignProcess;
    readonly isFree: boolean;
  },
): Promise<ForeignRun | undefined> {
  const process = await findProcess(lock.id);
  if (process !== undefined) return { kind: "process", process };
  const evidence = isFree ? await findFileEvidence({ paths, lock: lock.id, host, ourRuns }) : undefined;
  if (evidence === undefined || evidence.kind === "none") return undefined;
  // A run of this program may have started during the search, and the files may be its own.
  return (await lock.inspect()).tokens.every(({ state }) => state.kind === "dead") ? evidence : undefined;
}

/** Looks for foreign runs and leftovers at the first call. Later calls return what that found. */
export function searchEvidenceOnce(context: RunContext): () => Promise<ForeignRunEvidence> {
  let evidence: Promise<ForeignRunEvidence> | undefined;
  return () => (evidence ??= findEvidence(context.store, context.host));
}

/**
 * Describes the evidence of a foreign run as a sentence fragment that follows the pipeline's name; `undefined` if there
 * is none.
 */
export const renderEvidence = (evidence: ForeignRunEvidence): string | undefined =>
  evidence.kind === "none" ? undefined : renderForeignRun(evidence);

/** Describes a foreign run as a sentence fragment that follows the pipeline's name. */
export function renderForeignRun(evidence: ForeignRun): string {
  switch (evidence.kind) {
    case "process": {
      const { pid, what } = evidence.process;
      return `is run by pid ${pid} (${what}), which this program did not start`;
    }
    case "pidfile": {
      const { process, pidfile } = evidence;
      return `is run by pid ${process.pid} (${process.what}), which this program did not start: ${pidfile} names that process, and it is alive; if it does not run this pipeline, remove that file`;
    }
    case "log": {
      const { path, ageMs } = evidence;
      return `may be running on another host: ${path} was written ${renderDuration(ageMs)} ago, but not by pipelinewise-sched; if nothing is running, rename that file to end in .terminated`;
    }
  }
}

/** The skip of a start whose pipeline somebody runs, or may run, without this program. */
async function noForeignRun({ evidence, slot }: LockedContext): Promise<Skip | undefined> {
  const detail = renderEvidence(await evidence());
  return detail === undefined ? undefined : { reason: "external", detail, slot };
}

/** The checks under the lock that each attempt of a run must pass. */
export const CHECKS_BEFORE_ATTEMPT = [notPaused, tapEnabled, noContainer, noForeignRun] as const;
