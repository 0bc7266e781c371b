import { errorMessage } from "../../errors.ts";
import type { Host } from "../../host.ts";
import type { StopCause } from "../outcome.ts";
import type { StopRequest, StopRequestFiles } from "../stop/stop-requests.ts";
import type { Log } from "../wrapper-log/log-writer.ts";

/** The stop requests that a holder looks for and answers. */
export type HolderRequests = Pick<StopRequestFiles, "prepare" | "find" | "acknowledge" | "removeRequest">;

/** Stop requests to a running pipeline, from any host. */
export interface StopRequests {
  /** Resolves at the first request. */
  readonly first: Promise<StopCause>;
  /** Resolves at a request to stop without the grace periods. */
  readonly now: Promise<void>;
  /**
   * Looks less often while nothing runs, so that a process that only waits costs less. A wake signal is seen at once.
   *
   * @returns a function that looks at each heartbeat again
   */
  rest(): () => void;
  /** Tells the requester one step of the stop. Does nothing if nobody made a request. */
  acknowledge(step: string): void;
  /** Stops watching and removes the request that was carried out. The requester removes the steps. */
  close(): Promise<void>;
}

/** A `stop` on the same host sends it so that its request is seen at once. It does nothing to any other process. */
export const WAKE_SIGNAL = "SIGCONT";

/** `stop` waits for an answer for one heartbeat more. */
const RESTING_HEARTBEATS = 3;

/**
 * Looks for stop requests at each heartbeat and at each wake signal. A file system that cannot be read does not stop the
 * pipeline: the lock's own heartbeat decides whether the lock still holds.
 */
export function watchStopRequests(
  files: HolderRequests,
  host: Pick<Host, "signals">,
  { everyMs, log }: { readonly everyMs: number; readonly log: Pick<Log, "warn"> },
): StopRequests {
  let seen: StopRequest | undefined;
  let fault: string | undefined;
  let reading: Promise<void> | undefined;
  const steps: string[] = [];
  let writing = Promise.resolve();
  let resolveFirst: (cause: StopCause) => void = () => {};
  let resolveNow: () => void = () => {};
  const first = new Promise<StopCause>((resolve) => {
    resolveFirst = resolve;
  });
  const now = new Promise<void>((resolve) => {
    resolveNow = resolve;
  });
  const read = async () => {
    try {
      const request = await files.find();
      if (request === undefined) return;
      seen = request;
      if (request.now) resolveNow();
      resolveFirst({ kind: "request", by: request.by, reason: request.reason });
    } catch (error) {
      const message = errorMessage(error);
      if (message !== fault) log.warn("ignored a stop request", { detail: message });
      fault = message;
    }
  };
  const readOnce = () => {
    reading ??= read().finally(() => {
      reading = undefined;
    });
  };
  let preparing: Promise<void> | undefined;
  const readAtHeartbeat = async () => {
    // Not before the first heartbeat, because short runs need no directory.
    preparing ??= files.prepare().catch(() => {
      preparing = undefined;
    });
    await preparing;
    readOnce();
  };
  const readEvery = (ms: number) => setInterval(() => void readAtHeartbeat(), ms);
  let timer = readEvery(everyMs);
  host.signals.on(WAKE_SIGNAL, readOnce);
  return {
    first,
    now,
    rest() {
      clearInterval(timer);
      timer = readEvery(RESTING_HEARTBEATS * everyMs);
      return () => {
        clearInterval(timer);
        timer = readEvery(everyMs);
      };
    },
    acknowledge(step) {
      if (seen === undefined) return;
      steps.push(step);
      const write = () =>
        files.acknowledge(steps).catch((error) => {
          log.warn("could not answer a stop request", { detail: errorMessage(error) });
        });
      writing = writing.then(write);
    },
    async close() {
      clearInterval(timer);
      host.signals.off(WAKE_SIGNAL, readOnce);
      await reading;
      await writing;
      if (seen !== undefined) await files.removeRequest().catch(() => {});
    },
  };
}
