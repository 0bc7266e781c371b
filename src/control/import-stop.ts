import type { Host } from "../host.ts";
import type { HeldLock } from "../lock/lock.ts";
import { LOCK_TIMING } from "../lock/timing.ts";
import type { StopCause } from "../run/outcome.ts";
import type { PipelineStore } from "../run/pipeline-store.ts";
import type { StopSignals } from "../run/process/stop-signals.ts";
import { type HolderRequests, watchStopRequests } from "../run/process/watch-stop-requests.ts";

/** A lock that the import holds. */
export interface ImportLock {
  readonly store: PipelineStore;
  readonly lock: HeldLock;
}

/** The reasons to stop an import: a signal, a stop request to the holder of one of its locks, or the loss of one. */
export interface ImportStop {
  /** Resolves at the first reason. */
  readonly first: Promise<StopCause>;
  /** The first reason; `undefined` if there was none. */
  cause(): StopCause | undefined;
  /** Resolves at the next signal, or at a request to stop without the grace periods. */
  hurry(): Promise<unknown>;
  /** Watches this lock too. */
  add(held: ImportLock): void;
  /** Tells each requester one step of the stop. */
  acknowledge(step: string): void;
  /** Stops looking for requests. Each requester has got all steps by then. Never rejects. */
  close(): Promise<void>;
}

/** Watches for reasons to stop. */
export function watchForStop(host: Host, signals: StopSignals): ImportStop {
  const joined = joinRequests();
  const requests = watchStopRequests(joined, host, {
    everyMs: LOCK_TIMING.heartbeatMs,
    log: {
      warn: (text, { detail } = {}) => void host.stderr.write(`pipelinewise-sched: ${text}: ${detail ?? ""}\n`),
    },
  });
  let cause: StopCause | undefined;
  let resolveFirst: (cause: StopCause) => void = () => {};
  const first = new Promise<StopCause>((resolve) => {
    resolveFirst = resolve;
  });
  const stopFor = (reason: StopCause) => {
    cause ??= reason;
    resolveFirst(cause);
  };
  void signals.first.then(stopFor);
  void requests.first.then(stopFor);
  return {
    first,
    cause: () => cause,
    hurry: () => Promise.race([signals.next(), requests.now]),
    add({ store, lock }) {
      joined.add(store.requests(lock.token));
      void lock.lost.then((reason) => stopFor({ kind: "lock-lost", reason }));
    },
    acknowledge: requests.acknowledge,
    close: requests.close,
  };
}

/**
 * Joins the stop requests to the holder of many locks, so that they look like those to the holder of one lock.
 * `stop --all` makes several requests at once; each requester gets all steps.
 */
function joinRequests(): HolderRequests & { readonly add: (files: HolderRequests) => void } {
  const all: HolderRequests[] = [];
  const requested = new Set<HolderRequests>();
  let steps: readonly string[] = [];
  return {
    add: (files) => void all.push(files),
    async prepare() {
      for (const files of all) await files.prepare();
    },
    async find() {
      const faults: unknown[] = [];
      let isUrgent = false;
      let first: Awaited<ReturnType<HolderRequests["find"]>>;
      for (const files of all) {
        try {
          const request = await files.find();
          if (request === undefined) continue;
          first ??= request;
          isUrgent ||= request.now;
          if (requested.has(files)) continue;
          requested.add(files);
          if (steps.length > 0) await files.acknowledge(steps);
        } catch (error) {
          faults.push(error);
        }
      }
      if (first !== undefined) return { ...first, now: isUrgent };
      if (faults.length > 0) throw faults[0];
      return undefined;
    },
    async acknowledge(newSteps) {
      steps = newSteps;
      for (const files of requested) await files.acknowledge(steps);
    },
    async removeRequest() {
      for (const files of requested) await files.removeRequest();
    },
  };
}
