import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { constants as os } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { EXIT_BY_SIGNAL, errorCode } from "../errors.ts";
import { newRunId } from "../history/record.ts";
import type { Host } from "../host.ts";
import { type HeldLock, RUN_TOKEN_ENV, renderRunTokens } from "../lock/lock.ts";
import { uptimeMs } from "../lock/processes.ts";
import { type LockId, lockLabel, type PipelineId, runLocksOf } from "../pipeline-id.ts";
import { renderCause } from "../run/outcome.ts";
import { openPipelineStore } from "../run/pipeline-store.ts";
import { saveStateCopy } from "../run/policies/state-copies.ts";
import { startFault } from "../run/process/spawn.ts";
import { type StopSignals, takeStopSignals } from "../run/process/stop-signals.ts";
import type { StatePaths } from "../storage/paths.ts";
import { holdLock } from "./hold-lock.ts";

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
  /** Nothing was imported, because a signal came during the wait. */
  | { readonly kind: "stopped"; readonly code: number };

const POLL_MS = 1_000;
const SIGNAL_BASE = 128;

/** Locks of pipelines that this process holds, by their order of acquisition. */
type Held = HeldLock[];

type WaitEnd = Exclude<ImportEnd, { readonly kind: "ended" }>;

/**
 * Acquires the locks one after the other into `held`. All imports use the same order, so two of them never wait for
 * each other.
 *
 * @returns the reason why a lock is missing; `undefined` if all are held
 */
async function acquireAll(
  { paths, pipelines, waitMs }: ImportPlan,
  host: Host,
  { held, signals }: { readonly held: Held; readonly signals: StopSignals },
): Promise<WaitEnd | undefined> {
  const deadline = uptimeMs() + waitMs;
  for (const lock of pipelines.flatMap(runLocksOf)) {
    const store = openPipelineStore(lock, { paths, host });
    for (let isFirst = true; ; isFirst = false) {
      const result = await holdLock(store, host, "import_config");
      if ("lock" in result) {
        held.push(result.lock);
        break;
      }
      const cause = signals.cause();
      if (cause !== undefined) return { kind: "stopped", code: EXIT_BY_SIGNAL[cause.signal] };
      if (uptimeMs() >= deadline) return { kind: "in-use", lock, inUse: result.inUse };
      if (isFirst) host.stderr.write(`waiting: ${lockLabel(lock)} ${result.inUse}\n`);
      await Promise.race([sleep(POLL_MS), signals.first]);
    }
  }
  return undefined;
}

/**
 * Calls PipelineWise. It inherits the kernel locks, so they are held until it ends, even if this process is killed. The
 * tokens in its environment let other commands find it then.
 */
async function callPipelineWise({ argv, env }: ImportPlan, host: Host, held: Held): Promise<ChildProcess> {
  const [program = "", ...args] = argv;
  const locks = held.flatMap(({ stdin }) => stdin ?? []);
  const marked = { ...env, [RUN_TOKEN_ENV]: renderRunTokens(held.map(({ token }) => token)) };
  try {
    const child = spawn(program, args, { env: marked, detached: true, stdio: ["ignore", "pipe", "pipe", ...locks] });
    child.stdout?.on("data", (chunk: Buffer) => host.stdout.write(chunk));
    child.stderr?.on("data", (chunk: Buffer) => host.stderr.write(chunk));
    await once(child, "spawn");
    return child;
  } catch (error) {
    throw startFault(program, error);
  }
}

/** Signals the process group that a child leads. */
function signalGroupOf({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch (error) {
    if (errorCode(error) !== "ESRCH") throw error;
  }
}

/** Waits for the end of PipelineWise. A signal, or the loss of a lock, stops it; a second signal kills it. */
async function supervise(child: ChildProcess, host: Host, held: Held, signals: StopSignals): Promise<number> {
  const ended = once(child, "close");
  const lost = Promise.race(held.map(async (lock) => `a lock was lost: ${await lock.lost}`));
  const cause = signals.first.then(renderCause);
  void Promise.race([lost, cause]).then(async (reason) => {
    host.stderr.write(`stopping the import: ${reason}\n`);
    signalGroupOf(child, "SIGTERM");
    await signals.next();
    signalGroupOf(child, "SIGKILL");
  });
  const [code, signal] = (await ended) as [number | null, NodeJS.Signals | null]; // Arguments of the event `close`.
  return signal === null ? (code ?? 0) : SIGNAL_BASE + os.signals[signal];
}

/**
 * Calls PipelineWise's import while the locks of all pipelines are held, so that no run reads half-written files.
 * Copies of their state files are made first.
 */
export async function importProject(plan: ImportPlan, host: Host): Promise<ImportEnd> {
  const signals = takeStopSignals(host);
  const held: Held = [];
  try {
    const missing = await acquireAll(plan, host, { held, signals });
    if (missing !== undefined) return missing;
    const id = newRunId(host.now());
    for (const pipeline of plan.pipelines) await saveStateCopy(plan.paths, pipeline, { id, uid: host.uid });
    const child = await callPipelineWise(plan, host, held);
    return { kind: "ended", code: await supervise(child, host, held, signals) };
  } finally {
    for (const lock of held) await lock.release();
    signals.close();
  }
}
