import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants as os } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { EXIT } from "../errors.ts";
import { newRunId } from "../history/record.ts";
import type { Host } from "../host.ts";
import { RUN_TOKEN_ENV, renderRunTokens } from "../lock/lock.ts";
import { type TaggedProcesses, taggedProcesses, uptimeMs } from "../lock/processes.ts";
import { LOCK_TIMING } from "../lock/timing.ts";
import { type LockId, lockLabel, type PipelineId, runLocksOf } from "../pipeline-id.ts";
import { holdLock } from "../run/hold-lock.ts";
import { judgeEnd, type Outcome, renderCause, type StopCause } from "../run/outcome.ts";
import { openPipelineStore } from "../run/pipeline-store.ts";
import { saveStateCopy } from "../run/policies/state-copies.ts";
import { pipelineGone } from "../run/process/process-group.ts";
import { startFault } from "../run/process/spawn.ts";
import { takeStopSignals } from "../run/process/stop-signals.ts";
import { stopPipeline } from "../run/process/terminate.ts";
import type { StatePaths } from "../storage/paths.ts";
import { type ImportLock, type ImportStop, watchForStop } from "./import-stop.ts";

/** Everything that an import does, as a value. */
export interface ImportPlan {
  readonly paths: StatePaths;
  /** Absolute path of PipelineWise's program, then its arguments. */
  readonly argv: readonly string[];
  readonly env: NodeJS.ProcessEnv;
  /** The pipelines whose locks are held during the import, in the order in which they are acquired. */
  readonly pipelines: readonly PipelineId[];
  /** Longest wait for all locks together. */
  readonly waitMs: number;
}

/** The end of an import. */
export type ImportEnd =
  /** PipelineWise was called and ended with this exit code. */
  | { readonly kind: "ended"; readonly code: number }
  /** Nothing was imported, because `lock` was not free in time. */
  | { readonly kind: "in-use"; readonly lock: LockId; readonly inUse: string }
  /** The import was stopped, before PipelineWise was called or after that. */
  | { readonly kind: "stopped"; readonly outcome: Outcome; readonly hasBegun: boolean };

const POLL_MS = 1_000;
const SIGNAL_BASE = 128;

/** As for a run, the exit code of a stopped PipelineWise is ignored, because it does not say what is unfinished. */
const stoppedBy = (cause: StopCause, hasBegun: boolean): ImportEnd => ({
  kind: "stopped",
  outcome: judgeEnd(0, cause, { scheduled: false, skipExitCode: EXIT.skipped }),
  hasBegun,
});

/**
 * Acquires the locks one after the other into `held`. All imports use the same order, so two of them never wait for
 * each other.
 *
 * @returns the end of the import, if a lock is missing; `undefined` if all are held
 */
async function acquireAll(
  { paths, pipelines, waitMs }: ImportPlan,
  host: Host,
  { held, stop }: { readonly held: ImportLock[]; readonly stop: ImportStop },
): Promise<ImportEnd | undefined> {
  const deadline = uptimeMs() + waitMs;
  for (const id of pipelines.flatMap(runLocksOf)) {
    const store = openPipelineStore(id, { paths, host });
    for (let isFirst = true; ; isFirst = false) {
      const result = await holdLock(store, host, "import_config");
      if ("lock" in result) {
        const one = { store, lock: result.lock };
        held.push(one);
        stop.add(one);
      }
      const cause = stop.cause();
      if (cause !== undefined) return stoppedBy(cause, false);
      if ("lock" in result) break;
      if (uptimeMs() >= deadline) return { kind: "in-use", lock: id, inUse: result.inUse };
      if (isFirst) host.stderr.write(`waiting: ${lockLabel(id)} ${result.inUse}\n`);
      await Promise.race([sleep(POLL_MS), stop.first]);
    }
  }
  return undefined;
}

/** PipelineWise during an import. */
interface Importer {
  /** Id of the process, and of the process group that it leads. */
  readonly pid: number;
  /** Resolves when the process has ended, with its exit code, or 128 + n for signal n. */
  readonly ended: Promise<number>;
  /** Resolves when its output has ended too. */
  readonly closed: Promise<void>;
}

/**
 * Calls PipelineWise. It inherits the kernel locks, so they are held until it ends, even if this process is killed. The
 * tokens in its environment let other commands find it then.
 */
async function callPipelineWise({ argv, env }: ImportPlan, host: Host, held: readonly ImportLock[]): Promise<Importer> {
  const [program = "", ...args] = argv;
  const locks = held.flatMap(({ lock }) => lock.stdin ?? []);
  const marked = { ...env, [RUN_TOKEN_ENV]: renderRunTokens(held.map(({ lock }) => lock.token)) };
  try {
    const child = spawn(program, args, { env: marked, detached: true, stdio: ["ignore", "pipe", "pipe", ...locks] });
    child.stdout?.on("data", (chunk: Buffer) => host.stdout.write(chunk));
    child.stderr?.on("data", (chunk: Buffer) => host.stderr.write(chunk));
    const ended = new Promise<number>((resolve) => {
      child.once("exit", (code, signal) => resolve(signal === null ? (code ?? 0) : SIGNAL_BASE + os.signals[signal]));
    });
    const closed = new Promise<void>((resolve) => child.once("close", () => resolve()));
    await once(child, "spawn");
    if (child.pid === undefined) throw new Error("it has no process id");
    return { pid: child.pid, ended, closed };
  } catch (error) {
    throw startFault(program, error);
  }
}

const NO_PROCESSES: TaggedProcesses = { find: async () => [], signal: async () => [] };

/** The processes of the import, also those that left its process group. All of them have all tokens. */
function processesOf([held]: readonly ImportLock[]): TaggedProcesses {
  return held === undefined ? NO_PROCESSES : taggedProcesses(held.lock.token, held.store.lock.kernelLockFile);
}

/** Waits until no process of PipelineWise is left. The first reason to stop it stops it as a run is stopped. */
async function supervise(
  importer: Importer,
  { host, held, stop }: { readonly host: Host; readonly held: readonly ImportLock[]; readonly stop: ImportStop },
): Promise<ImportEnd> {
  const marked = processesOf(held);
  let isOver = false;
  let stopping: Promise<StopCause> | undefined;
  const stopFor = async (cause: StopCause): Promise<StopCause> => {
    const force = cause.kind === "signal" ? "; press Ctrl-C again to force" : "";
    host.stderr.write(`stopping the import: ${renderCause(cause)}${force}\n`);
    await stopPipeline(importer, LOCK_TIMING, { secondSignal: stop.hurry, marked, report: stop.acknowledge });
    return cause;
  };
  const stopped = stop.first.then((cause) => {
    if (isOver) return;
    stopping = stopFor(cause);
    return stopping;
  });
  const gone = Promise.all([importer.ended, importer.closed, pipelineGone(importer.pid, marked)]);
  // A stop that fails rejects at once.
  const [code] = await Promise.race([gone, stopped.then(() => gone)]);
  isOver = true;
  const cause = await stopping;
  return cause === undefined ? { kind: "ended", code } : stoppedBy(cause, true);
}

/**
 * Calls PipelineWise's import while the locks of all pipelines are held, so that no run reads half-written files.
 * Copies of their state files are made first.
 */
export async function importProject(plan: ImportPlan, host: Host): Promise<ImportEnd> {
  const signals = takeStopSignals(host);
  const stop = watchForStop(host, signals);
  const held: ImportLock[] = [];
  try {
    const missing = await acquireAll(plan, host, { held, stop });
    if (missing !== undefined) return missing;
    const id = newRunId(host.now());
    for (const pipeline of plan.pipelines) await saveStateCopy(plan.paths, pipeline, { id, uid: host.uid });
    const cause = stop.cause();
    if (cause !== undefined) return stoppedBy(cause, false);
    return await supervise(await callPipelineWise(plan, host, held), { host, held, stop });
  } finally {
    await stop.close();
    for (const { lock } of held) await lock.release();
    signals.close();
  }
}
