import { errorMessage } from "../errors.ts";
import type { Host } from "../host.ts";
import {
  openRequests,
  type RequestAddress,
  readStopRequest,
  removeRequest,
  type StopRequest,
  writeAnswer,
} from "../lock/requests.ts";
import type { Log } from "../log.ts";
import type { StopCause } from "./outcome.ts";

/** What `stop`, on whatever host, asks of a run. */
export interface StopRequests {
  /** Resolves at the first request. */
  readonly first: Promise<StopCause>;
  /** Resolves when a request without patience is there. */
  readonly hurry: Promise<void>;
  /** Tells whoever asked how far the stop is; where nobody did, nothing happens. */
  answer(step: string): void;
  /** Looks no more, and takes away the request that was carried out. The answer is its reader's. */
  close(): Promise<void>;
}

/** Sent by a `stop` on the same host to have its request seen at once; it harms no process, whatever that does. */
export const WAKE_SIGNAL = "SIGCONT";

/**
 * Looks for requests to stop at each heartbeat, and whenever it is woken. A share that cannot be read is no reason to
 * stop: whether the lock still holds is the lock's own business.
 */
export function watchStopRequests(
  address: RequestAddress,
  host: Pick<Host, "uid" | "name" | "pid" | "signals">,
  { everyMs, notes }: { readonly everyMs: number; readonly notes: Pick<Log, "warn"> },
): StopRequests {
  let seen: StopRequest | undefined;
  let fault: string | undefined;
  let looking: Promise<void> | undefined;
  const steps: string[] = [];
  let answering = Promise.resolve();
  let announce: (cause: StopCause) => void = () => {};
  let hasten: () => void = () => {};
  const first = new Promise<StopCause>((resolve) => {
    announce = resolve;
  });
  const hurry = new Promise<void>((resolve) => {
    hasten = resolve;
  });
  const read = async () => {
    try {
      const request = await readStopRequest(address, host.uid);
      if (request === undefined) return;
      seen = request;
      if (request.now) hasten();
      announce({ kind: "request", by: request.by, why: request.why });
    } catch (error) {
      const message = errorMessage(error);
      if (message !== fault) notes.warn("a request to stop was not obeyed", { detail: message });
      fault = message;
    }
  };
  const look = () => {
    looking ??= read().finally(() => {
      looking = undefined;
    });
  };
  const lookAtBeat = async () => {
    // Only now, as short runs need no folder of their own.
    await openRequests(address, host.uid).catch(() => {});
    look();
  };
  const timer = setInterval(() => void lookAtBeat(), everyMs);
  host.signals.on(WAKE_SIGNAL, look);
  return {
    first,
    hurry,
    answer(step) {
      if (seen === undefined) return;
      steps.push(step);
      const write = () =>
        writeAnswer(address, steps, host).catch((error) => {
          notes.warn("a request to stop was not answered", { detail: errorMessage(error) });
        });
      answering = answering.then(write);
    },
    async close() {
      clearInterval(timer);
      host.signals.off(WAKE_SIGNAL, look);
      await looking;
      await answering;
      if (seen !== undefined) await removeRequest(address).catch(() => {});
    },
  };
}
