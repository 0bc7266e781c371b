import { spawn } from "node:child_process";
import { wrapperCommand } from "../command-line.ts";
import { errorMessage, SchedError, StoreError } from "../errors.ts";
import type { Host } from "../host.ts";
import type { StoredEntry } from "../installed/schedule.ts";
import { entryLabel, lockLabel, lockOf } from "../pipeline-id.ts";
import { findSlot } from "../run/checks/slot.ts";
import { limitsOf } from "../run/limits/grant.ts";
import { openEntryStore } from "../run/pipeline-store.ts";
import { entryTimes } from "../run/plan.ts";
import { CATCH_UP_AFTER_MS } from "../slots/due.ts";
import { startTimer } from "../system/timer.ts";
import { MINUTE_MS, SECOND_MS } from "../time-units.ts";
import type { TendContext } from "./part.ts";

/** Time in which cron's own late starts come first, for example when a host wakes up. */
const FIRST_WAIT_MS = MINUTE_MS;
/** The longest time between two starts. */
const LONGEST_STEP_MS = 15 * SECOND_MS;
/** The last start begins within this time after the first, so that it comes before the next `tend`. */
const SPREAD_MS = 3 * MINUTE_MS;

/** Parts of catching up that tests replace. */
interface CatchUpParts {
  /** Starts an entry and does not wait for its end. */
  readonly start: (entry: StoredEntry, context: TendContext) => Promise<void>;
  readonly wait: (ms: number) => Promise<void>;
}

/**
 * Starts a scheduled run of an entry, as the scheduler's own command does. The process goes on when `tend` has ended. It
 * writes errors to the stderr of `tend`, so that cron mails them.
 */
function startScheduled(entry: StoredEntry, { host, paths, schedule }: TendContext): Promise<void> {
  const call = { node: host.node, program: host.program, schedule: schedule.name, configDir: paths.configDir };
  const crons = entry.crons.map((text) => ({ text }));
  const [node = host.node, ...words] = wrapperCommand(call, { ...entry, crons });
  const child = spawn(node, words, {
    env: host.env,
    cwd: host.cwd,
    detached: true,
    stdio: ["ignore", "ignore", "inherit"],
  });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("spawn", () => {
      child.unref();
      resolve();
    });
  });
}

const REAL_PARTS: CatchUpParts = { start: startScheduled, wait: (ms) => startTimer(ms).elapsed };

/**
 * Whether Airflow or Cronicle has started this process. Airflow runs the newest missed time itself, and Cronicle has a
 * setting for it in each event. Both let users pause what they start, which this program cannot see.
 */
const isElsewhere = ({ env }: Pick<Host, "env">): boolean =>
  env["AIRFLOW_CTX_DAG_ID"] !== undefined || env["CRONICLE"] !== undefined;

/** Whether an entry has a slot that it should catch up on, and no run holds its lock. */
async function isMissed(entry: StoredEntry, { host, paths, install }: TendContext): Promise<boolean> {
  const { policies = {} } = entry;
  const times = entryTimes(entry, install);
  if (times === undefined || entry.crons.length === 0 || policies.catchUpMs === undefined) return false;
  const store = openEntryStore(entry, { paths, host });
  // The holder may be about to handle the slot. If it does not, the next `tend` finds the slot again.
  if ((await store.lock.readHolder()) !== undefined) return false;
  const slot = { ...times, hasCandidateLines: false, given: undefined, rerun: false };
  const found = await findSlot({ plan: { entry, slot, policies }, store, host });
  return found?.decision.kind === "run" && host.now().getTime() - found.decision.slot.getTime() > CATCH_UP_AFTER_MS;
}

/** Whether the limits let an entry start at once. A start that waits would keep regular starts from their places. */
async function hasPlaces({ target, source }: StoredEntry, { host, paths, schedule }: TendContext): Promise<boolean> {
  if (schedule.limits === undefined) return true;
  const { hasRoom } = await import("../run/limits/read-queue.ts");
  return hasRoom(paths, limitsOf({ target, source, host: host.name }, schedule.limits));
}

/**
 * Starts the entries that missed a slot which `catch_up` covers, one after the other. Each is an ordinary scheduled start:
 * it looks for its slot again and handles it under the lock, so no slot is run twice. The entries that are not started,
 * because this process is killed or a limit is reached, are left to the next `tend`.
 *
 * A paused entry is started too: the start records its slot as skipped, so that nothing runs it after the pause.
 *
 * @throws StoreError if an entry cannot be checked, or if a problem of the whole scheduler prevents a start. The others
 *   are started
 */
export async function catchUp(context: TendContext, parts: Partial<CatchUpParts> = {}): Promise<void> {
  const { start, wait } = { ...REAL_PARTS, ...parts };
  const { host, schedule, install, log } = context;
  if (isElsewhere(host)) return;
  const faults = new Map<StoredEntry, string>();
  /** Does one step of one entry; `false` if it fails. */
  const attempt = async (entry: StoredEntry, step: () => Promise<boolean>): Promise<boolean> => {
    try {
      return await step();
    } catch (error) {
      if (!(error instanceof SchedError)) throw error;
      faults.set(entry, `${entryLabel(entry)}: ${errorMessage(error)}`);
      return false;
    }
  };
  const missed: StoredEntry[] = [];
  for (const entry of schedule.entries) {
    if (await attempt(entry, () => isMissed(entry, context))) missed.push(entry);
  }
  if (missed.length > 0) {
    const { inspectInstalled } = await import("../install/inspect.ts");
    // An entry that its scheduler no longer starts was taken out on purpose.
    const installed = { storedSchedule: schedule, host: install, formerHost: undefined };
    const { starts, obstacles } = await inspectInstalled(installed, host);
    const entries = missed.filter(starts);
    const left = missed.find((entry) => !starts(entry));
    const [obstacle] = obstacles;
    if (left !== undefined && obstacle !== undefined) {
      faults.set(left, `${entryLabel(left)} missed a slot and is not started: ${obstacle}`);
    }
    const stepMs = Math.min(LONGEST_STEP_MS, SPREAD_MS / Math.max(1, entries.length));
    const started = new Set<string>();
    for (const [index, entry] of entries.entries()) {
      await wait(index === 0 ? FIRST_WAIT_MS : stepMs);
      const lock = lockLabel(lockOf(entry));
      const isDue = async () => (await isMissed(entry, context)) && (await hasPlaces(entry, context));
      // Two entries of one pipeline never start at once: the second would be skipped.
      if (started.has(lock) || !(await attempt(entry, isDue))) continue;
      await start(entry, context);
      started.add(lock);
    }
    // This is a warning, because a log that has only lines of the level info is not written.
    if (started.size > 0) log.warn("started entries that missed a slot", { entries: started.size });
  }
  const [fault, ...others] = faults.values();
  if (fault !== undefined) throw new StoreError(others.length === 0 ? fault : `${fault} (and ${others.length} more)`);
}
