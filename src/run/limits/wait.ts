import { errorCode, errorMessage } from "../../errors.ts";
import { realClock, uptimeMs } from "../../lock/processes.ts";
import { entryLabel } from "../../pipeline-id.ts";
import type { Limits, StartLimit } from "../../policies.ts";
import { limitsDir } from "../../storage/paths.ts";
import { ioError } from "../../storage/store-error.ts";
import { renderDuration } from "../../text/format-time.ts";
import type { LockedRun, Skip } from "../context.ts";
import type { StopCause } from "../outcome.ts";
import { WAKE_SIGNAL } from "../process/watch-stop-requests.ts";
import { renderFull } from "./describe.ts";
import { LOOK_MS, limitKey, limitsOf, pauseAfter } from "./grant.ts";
import { lockContains } from "./owners.ts";
import { type Look, openQueue, type Queue, releaseAll } from "./queue.ts";

/** Result of taking the places of a start. */
export type PlacesResult =
  | { readonly kind: "taken"; readonly waited: boolean; readonly release: () => Promise<void> }
  | { readonly kind: "skip"; readonly skip: Skip }
  /** A signal, a stop request or the loss of the lock ended the wait. */
  | { readonly kind: "stopped"; readonly cause: StopCause };

/** The reason why a start waits: the limits that are reached, and the runs that have their places. */
const reasonOf = (limits: readonly StartLimit[], { places }: Look): string =>
  renderFull(
    limits.map((limit) => ({ limit, holders: (places.get(limitKey(limit)) ?? []).map(({ claim }) => claim) })),
  );

/** Says once that the start waits, and for what. */
function report({ plan, host, log }: LockedRun, reason: string): void {
  log.info("queued", { reason });
  if (!plan.output.passThrough) return;
  host.stderr.write(`pipelinewise-sched: ${entryLabel(plan.entry)} is queued: ${reason}\n`);
}

/** Ends a wait early. */
interface Alarm {
  /** The reason to stop the start, if there is one. */
  cause(): StopCause | undefined;
  /** Resolves when there is a reason to stop, or at `close`. */
  readonly over: Promise<unknown>;
  /** Waits, but not longer than until the next wake signal or a reason to stop since `arm`. */
  pause(ms: number): Promise<void>;
  arm(): void;
  close(): void;
}

function openAlarm({ host, lock, requests, signals }: LockedRun): Alarm {
  let cause: StopCause | undefined;
  let wake = () => {};
  let woken = Promise.resolve();
  const arm = () => {
    woken = new Promise((resolve) => {
      wake = resolve;
    });
  };
  let end = () => {};
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  const lost = lock.lost.then((reason): StopCause => ({ kind: "lock-lost", reason }));
  void Promise.race([signals.first, requests.first, lost]).then((first) => {
    cause = first;
    end();
    wake();
  });
  const onWake = () => wake();
  host.signals.on(WAKE_SIGNAL, onWake);
  return {
    cause: () => cause,
    over,
    arm,
    pause: (ms) => realClock.pause(ms, woken),
    close() {
      host.signals.off(WAKE_SIGNAL, onWake);
      end();
    },
  };
}

/** Takes the places if the start fits. @returns `undefined` if it has to wait */
async function tryToStart(
  run: LockedRun,
  queue: Queue,
  look: Look,
  waited: boolean,
): Promise<PlacesResult | undefined> {
  const { lock, plan, store } = run;
  const places = look.fits ? await queue.take() : undefined;
  if (places === undefined) return undefined;
  // This machine may have been suspended during the wait.
  if (!waited || (await lockContains(plan.paths, store.lock.id, lock.token))) {
    return { kind: "taken", waited, release: () => releaseAll(places) };
  }
  await releaseAll(places);
  return { kind: "stopped", cause: { kind: "lock-lost", reason: "its owner record no longer exists" } };
}

async function waitForPlaces(
  run: LockedRun,
  { limits, queueMs }: { readonly limits: readonly StartLimit[]; readonly queueMs: number },
  { queue, alarm }: { readonly queue: Queue; readonly alarm: Alarm },
): Promise<PlacesResult> {
  const deadline = uptimeMs() + queueMs;
  let waited = false;
  let fault: unknown;
  for (;;) {
    alarm.arm();
    const cause = alarm.cause();
    if (cause !== undefined) return { kind: "stopped", cause };
    let pauseMs = LOOK_MS;
    try {
      const look = await queue.look();
      const result = await tryToStart(run, queue, look, waited);
      if (result !== undefined) return result;
      const reason = reasonOf(limits, look);
      const left = deadline - uptimeMs();
      if (left <= 0) {
        const detail = `waited ${renderDuration(queueMs)} for a place: ${reason}`;
        return { kind: "skip", skip: { reason: "limit", detail, slot: run.slot } };
      }
      if (await queue.enter()) report(run, reason);
      else await queue.tend(look);
      waited = true;
      fault = undefined;
      pauseMs = Math.min(pauseAfter(look), left);
    } catch (error) {
      // A network file system may not answer for a short time. After a longer time, the watchdog of the lock ends the
      // wait.
      if (!waited || uptimeMs() > deadline) throw error;
      if (fault === undefined) run.log.warn("could not look for a place", { detail: errorMessage(error) });
      fault = error;
    }
    await alarm.pause(pauseMs);
  }
}

/**
 * Takes the places of a start that already holds its lock. The lock keeps later starts of the pipeline out of the
 * queue: they are skipped. While a limit is reached, the start waits in the queue.
 */
export async function takePlaces(run: LockedRun, all: Limits): Promise<PlacesResult> {
  const { entry, source } = run.plan;
  const limits = limitsOf({ target: entry.target, source, host: run.host.name }, all);
  if (limits.length === 0) return { kind: "taken", waited: false, release: async () => {} };
  const alarm = openAlarm(run);
  const queue = openQueue(run, limits, alarm.over);
  const resting = [run.lock.rest(), run.requests.rest()];
  try {
    return await waitForPlaces(run, { limits, queueMs: all.queueMs }, { queue, alarm });
  } catch (error) {
    throw errorCode(error) === undefined ? error : ioError("take a place below", limitsDir(run.plan.paths), error);
  } finally {
    alarm.close();
    for (const resume of resting) resume();
    await queue.leave().catch((error) => run.log.warn("could not leave the queue", { detail: errorMessage(error) }));
  }
}
