import { isDeepStrictEqual } from "node:util";
import type { PipelineLocks } from "../lock/lock.ts";
import { pipelineLocks } from "../lock/pipeline-locks.ts";
import { tendLockOf } from "../pipeline-id.ts";
import { MINUTE_MS } from "../time-units.ts";
import type { TendContext, TendPart } from "./part.ts";
import { runParts } from "./run-parts.ts";
import { isDone, type PartFaults, readTended, slotAt, writeTended } from "./tended.ts";

/** All parts, in their order. A new part needs one file and one row. */
export const TEND_PARTS: readonly TendPart[] = [
  { name: "lost runs", load: async () => (await import("./lost-runs.ts")).recordLostRuns },
  {
    name: "late pipelines",
    load: async () => (await import("./note-lateness.ts")).noteLateness,
    isUsedBy: ({ alerts, entries }) =>
      alerts !== undefined &&
      entries.some(({ policies }) => (policies?.freshWithinMs ?? policies?.runningLongerThanMs) !== undefined),
  },
  {
    name: "alerts",
    load: async () => (await import("./send-alerts.ts")).sendWaitingAlerts,
    isUsedBy: ({ alerts }) => alerts !== undefined,
  },
  {
    name: "metrics",
    load: async () => (await import("./write-metrics.ts")).writeMetrics,
    isUsedBy: ({ metrics }) => metrics !== undefined,
  },
  {
    name: "catch-up",
    load: async () => (await import("./catch-up.ts")).catchUp,
    isUsedBy: ({ entries }) => entries.some(({ policies }) => policies?.catchUpMs !== undefined),
    // It spreads its starts over four minutes, and a start may take long on a busy machine.
    limitMs: 10 * MINUTE_MS,
    isLong: true,
  },
  {
    name: "lost runs of other hosts",
    load: async () => (await import("./lost-runs.ts")).outlastSilentRuns,
    // A watch takes a lease and a pause between two checks. The lock itself gives up a watch after four leases.
    limitMs: 25 * MINUTE_MS,
    isLong: true,
  },
  {
    name: "prune",
    load: async () => (await import("./prune.ts")).pruneDaily,
    isUsedBy: ({ retention }) => retention !== undefined,
    // The first time, it may remove hundreds of thousands of logs.
    limitMs: 30 * MINUTE_MS,
    isLong: true,
  },
];

/** Parts of `tend` that tests replace. */
export interface TendOptions {
  readonly parts?: readonly TendPart[];
  readonly locks?: PipelineLocks;
}

/**
 * Tends a schedule: does what must be done although no pipeline runs, once in the cluster for each five minutes.
 *
 * The slot is recorded when its work is done. If this process is killed before that, the next `tend` takes over its
 * lock and does all the work again.
 */
export async function tend(
  context: Omit<TendContext, "log">,
  { parts = TEND_PARTS, locks = pipelineLocks() }: TendOptions = {},
): Promise<void> {
  const { host, paths, schedule, at } = context;
  const slot = slotAt(at);
  if (isDone(await readTended(context), slot)) return;
  const [{ newRunId }, { openWrapperLog }] = [
    await import("../history/record.ts"),
    await import("../run/wrapper-log/wrapper-log.ts"),
  ];
  const used = parts.filter(({ isUsedBy }) => isUsedBy?.(schedule) ?? true);
  const log = await openWrapperLog(paths, host, { schedule: schedule.name, command: "tend" });
  const full = { ...context, log };
  /** Runs some of the parts. @returns the errors of all parts */
  const run = async (some: readonly TendPart[], known: PartFaults = {}): Promise<PartFaults> => {
    const others = used.filter((part) => !some.includes(part)).map(({ name }) => name);
    const kept = Object.entries(known).filter(([name]) => others.includes(name));
    return { ...Object.fromEntries(kept), ...(await runParts(some, full, known)) };
  };
  const [long, short] = [used.filter(({ isLong }) => isLong), used.filter(({ isLong }) => isLong !== true)];
  try {
    const attempt = await locks.acquire(paths, tendLockOf(schedule.name), {
      host: host.name,
      pid: host.pid,
      uid: host.uid,
      runId: newRunId(at),
      startedAt: at,
      limitations: [],
    });
    if (attempt.kind === "held") return;
    let faults: PartFaults = {};
    try {
      const tended = await readTended(context);
      if (isDone(tended, slot)) return;
      faults = await run(short, tended?.faults);
      await writeTended(context, { slot, host: host.name, faults });
    } finally {
      await attempt.lock.release();
    }
    const after = await run(long, faults);
    if (isDeepStrictEqual(after, faults)) return;
    // Another `tend` may have recorded a later slot. Its errors are overwritten here; the next slot finds them again.
    const now = (await readTended(context)) ?? { slot, host: host.name };
    await writeTended(context, { ...now, faults: after });
  } finally {
    await log.close();
  }
}
