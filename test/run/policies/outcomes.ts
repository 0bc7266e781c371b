import { EventEmitter } from "node:events";
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { main } from "../../../src/cli/main.ts";
import { runMain } from "../../../src/cli/run-command.ts";
import type { RunRecord } from "../../../src/history/record.ts";
import type { StoredEntry } from "../../../src/installed/schedule.ts";
import type { Limits, Policies } from "../../../src/policies.ts";
import { limitsDir, pipelineStateFile } from "../../../src/storage/paths.ts";
import { HOUR_MS, MINUTE_MS } from "../../../src/time-units.ts";
import { relayWakeSignal } from "../../support/host.ts";
import { hasWaiter, PAIR_WORDS, type sandbox } from "../../support/sandbox.ts";
import { until, untilFile } from "../../support/wait.ts";

/*
 * All policies × every end of a start × every start mode. A policy is a part of "all policies", and each end that it
 * decides is a row of OUTCOMES.
 */

export const NOW = new Date("2026-11-23T12:00:00Z");
export const PAIR = { tap: "microserv_1", target: "redshift" };
export const LABEL = "microserv_1 → redshift";

/** The ways to start a run. `skip` is the exit code of a skip. */
export const MODES = {
  "by hand": { words: [], skip: 75 },
  "by cron": { words: ["--scheduled"], skip: 0 },
  "by Airflow": { words: ["--scheduled", "--output", "--skip-exit-code", "99"], skip: 99 },
} as const;
export type Mode = keyof typeof MODES;

const RETRIES: Policies = {
  retries: { max: 1, delayMs: 1, backoff: 1, maxDelayMs: 1, on: ["failed", "timed-out"] },
};
const NOTHING = { command: ["true"], timeoutMs: HOUR_MS };
/** What is in force and decides none of the ends below, except that retries repeat some. */
export const POLICIES: Readonly<Record<string, { readonly policies: Policies; readonly limits?: Partial<Limits> }>> = {
  "no policy": { policies: {} },
  retries: { policies: RETRIES },
  "all policies": {
    policies: {
      ...RETRIES,
      timeoutMs: HOUR_MS,
      runningLongerThanMs: HOUR_MS,
      onOverlap: { waitMs: HOUR_MS },
      hooks: { before: NOTHING, after: NOTHING, afterSuccess: NOTHING, afterFailure: NOTHING },
    },
    limits: { host: 9, target: { redshift: 9 } },
  },
};

type Box = ReturnType<typeof sandbox>;

/** The end of a start, as its caller, its record and its slot show it. */
export interface Ending {
  readonly outcome: RunRecord["outcome"];
  readonly reason?: RunRecord["reason"];
  /** Exit code in the record. A skip has the code of its mode. */
  readonly exitCode?: number;
  /** Exit code of `run`, in modes where it is not the one in the record. */
  readonly callerCode?: Partial<Record<Mode, number>>;
  /** The text after the pipeline's name. */
  readonly says?: string;
  /** A retry policy repeats it. */
  readonly isRepeated?: boolean;
  /** The slot is recorded as skipped, although the start is not: it never had the lock. */
  readonly skipsSlot?: boolean;
  /** The slot in the record, `none` if the start has no slot. Default: 12:00, when all starts are made. */
  readonly slot?: string;
}

/** A way in which a start can end. */
export interface Row {
  readonly name: string;
  /** PipelineWise, after it has printed "hi". */
  readonly script?: string;
  readonly entry?: Partial<StoredEntry>;
  readonly limits?: Partial<Limits>;
  /** More arguments of a scheduled start. */
  readonly scheduledWords?: readonly string[];
  /** The start is one of microserv_2, whose end starts the entry. */
  readonly isTriggered?: true;
  /** PipelineWise runs in a container, for which a script stands in. */
  readonly inContainer?: true;
  /** Before the start. @returns a function to call after it */
  readonly before?: (box: Box) => Promise<unknown>;
  /** While the pipeline is running, which it shows by the file "started". */
  readonly during?: (box: Box, loseLock: (reason: string) => void) => unknown;
  /** The lock is one that `during` can lose. */
  readonly losesLock?: true;
  /** Whether PipelineWise prints "hi". Default: unless the start is skipped. A pipeline may be stopped before that. */
  readonly prints?: boolean | "maybe";
  readonly ends: Ending;
  /** By hand, if the end is another one because nothing has to be due. */
  readonly byHand?: Ending;
}

export const SUCCESS: Ending = { outcome: "succeeded", exitCode: 0 };
export const failure = (exitCode: number, more: Partial<Ending> = {}): Ending => ({
  ...{ outcome: "failed", exitCode, says: `failed with exit code ${exitCode}`, isRepeated: true },
  ...more,
});
export const skip = (reason: RunRecord["reason"], says: string, more: Partial<Ending> = {}): Ending => ({
  ...{ outcome: "skipped", reason, says },
  ...more,
});
const passedOnAs1 = { callerCode: { "by cron": 1, "by Airflow": 1 } };
const HANGS = "touch $HOME/started; exec sleep 600";
const message = (text: string): string => `echo "log_level=ERROR message=${text}"; exit 1`;
export const put = (path: string, text: string): void => {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
};
export const OTHER_TAP = ["--tap", "microserv_2", "--target", "redshift"];
const HIDDEN = { write: () => true };
/** Another start, of the same pipeline unless the arguments name another one. */
export const startOther = (
  { host }: Box,
  words: readonly string[],
  { now = NOW, output = HIDDEN }: { readonly now?: Date; readonly output?: Box["host"]["stdout"] } = {},
): Promise<number> => {
  const signals = new EventEmitter();
  relayWakeSignal({ signals });
  return runMain(words, { ...host, now: () => now, signals, stdout: output, stderr: output });
};

export const UNTIL_FINISHED = "touch $HOME/started; while [ ! -e $HOME/finish ]; do sleep 0.05; done";
/** Starts a run by hand, a minute earlier. @returns a function that lets it end */
export async function startLongRun(box: Box, words: readonly string[] = PAIR_WORDS): Promise<() => Promise<unknown>> {
  let shown = "";
  const output = {
    write: (text: string | Uint8Array) => {
      shown += text;
      return true;
    },
  };
  const other = startOther(box, words, { now: new Date(NOW.getTime() - MINUTE_MS), output });
  const endedEarly = other.then((code) => {
    throw new Error(`the long run ended with ${code} before it was to:\n${shown}`);
  });
  await Promise.race([untilFile(box.file("started")), endedEarly]);
  // The promise is rejected at every end of the run, and nothing waits for it any more.
  endedEarly.catch(() => {});
  return () => {
    put(box.file("finish"), "");
    return other;
  };
}
/** Starts a run that ends when a condition holds. */
async function runUntil(
  box: Box,
  condition: (box: Box) => Promise<void>,
  words?: readonly string[],
): Promise<() => Promise<unknown>> {
  const finish = await startLongRun(box, words);
  const finished = condition(box).then(finish);
  return () => finished;
}
const untilWaiting = ({ paths }: Box): Promise<void> => until("a start waits", () => hasWaiter(paths));
const untilQueued = ({ paths }: Box): Promise<void> =>
  until("a start is queued", () => {
    const queue = join(limitsDir(paths), "queue");
    return existsSync(queue) && readdirSync(queue).length > 0;
  });

export const OUTCOMES: readonly Row[] = [
  { name: "a success", ends: SUCCESS },
  { name: "a failure", script: "exit 3", ends: failure(3) },
  { name: "a failure with our exit code of a skip", script: "exit 75", ends: failure(75, passedOnAs1) },
  { name: "a failure with our exit code of a timeout", script: "exit 124", ends: failure(124, passedOnAs1) },
  {
    name: "a failure with Airflow's exit code of a skip",
    script: "exit 99",
    ends: failure(99, { callerCode: { "by Airflow": 1 } }),
  },
  { name: "a death by SIGKILL", script: "kill -9 $$", ends: failure(137) },
  {
    name: "a tap that PipelineWise does not know",
    script: "echo 'Exception: Cannot find redshift target'; exit 1",
    ends: failure(1, { isRepeated: false }),
  },
  {
    name: "a program that does not exist",
    before: async ({ program }) => rmSync(program),
    prints: false,
    ends: { outcome: "failed", exitCode: 127 },
  },
  {
    name: "a timeout",
    script: "exec sleep 600",
    entry: { policies: { timeoutMs: 300 } },
    prints: "maybe",
    ends: { outcome: "timed-out", exitCode: 124, says: "timed out (limit 0 s)", isRepeated: true },
  },
  {
    name: "a stop by SIGTERM",
    script: HANGS,
    during: ({ host }) => host.signals.emit("SIGTERM"),
    ends: { outcome: "stopped", exitCode: 143, says: "was stopped by SIGTERM" },
  },
  {
    name: "a lost lock",
    script: HANGS,
    losesLock: true,
    during: (_, loseLock) => loseLock("a test took it"),
    ends: { outcome: "lock-lost", exitCode: 74, says: "was stopped because its lock was lost: a test took it" },
  },
  {
    name: "a torn state.json",
    before: async ({ paths }) => put(pipelineStateFile(paths, PAIR), ""),
    prints: false,
    ends: { outcome: "failed", reason: "state", exitCode: 1, says: "was not started: it has a torn state file" },
  },
  {
    name: "a before hook that fails",
    entry: { policies: { hooks: { before: { command: ["false"], timeoutMs: HOUR_MS } } } },
    prints: false,
    ends: {
      ...{ outcome: "failed", reason: "hook", exitCode: 1 },
      says: "was not started: it has a before hook that failed with exit code 1",
    },
  },
  {
    name: "an overlap",
    script: UNTIL_FINISHED,
    entry: { policies: { onOverlap: undefined } },
    before: startLongRun,
    ends: skip("overlap", "is locked by host testhost"),
  },
  {
    name: "an overlap that is longer than the wait",
    script: UNTIL_FINISHED,
    entry: { policies: { onOverlap: { waitMs: 1 } } },
    before: startLongRun,
    ends: skip("overlap", "is locked by host testhost"),
  },
  {
    name: "a success after a wait",
    script: UNTIL_FINISHED,
    entry: { policies: { onOverlap: { waitMs: HOUR_MS } } },
    before: (box) => runUntil(box, untilWaiting),
    ends: SUCCESS,
  },
  {
    name: "a stop by SIGTERM during the wait",
    script: UNTIL_FINISHED,
    entry: { policies: { onOverlap: { waitMs: HOUR_MS } } },
    before: startLongRun,
    during: (box) => untilWaiting(box).then(() => box.host.signals.emit("SIGTERM")),
    prints: false,
    ends: {
      ...{ outcome: "stopped", exitCode: 143, says: "was stopped by SIGTERM before it started" },
      skipsSlot: true,
    },
  },
  {
    name: "a run by hand that is not replaced",
    script: UNTIL_FINISHED,
    entry: { policies: { onOverlap: "replace" } },
    before: startLongRun,
    ends: skip("overlap", "is locked by host testhost"),
  },
  {
    name: "a limit that is reached for longer than the queue",
    script: UNTIL_FINISHED,
    limits: { target: { redshift: 1 }, queueMs: 1 },
    before: (box) => startLongRun(box, OTHER_TAP),
    ends: skip("limit", "waited 0 s for a place"),
  },
  {
    name: "a success after a wait for a place",
    script: UNTIL_FINISHED,
    limits: { host: 1 },
    before: (box) => runUntil(box, untilQueued, OTHER_TAP),
    ends: SUCCESS,
  },
  {
    name: "a stop by SIGTERM in the queue",
    script: UNTIL_FINISHED,
    limits: { target: { redshift: 1 } },
    before: (box) => startLongRun(box, OTHER_TAP),
    during: (box) => untilQueued(box).then(() => box.host.signals.emit("SIGTERM")),
    prints: false,
    ends: { outcome: "stopped", exitCode: 143, says: "was stopped by SIGTERM" },
  },
  {
    name: "a foreign run",
    before: async ({ paths }) =>
      put(join(paths.configDir, "redshift/microserv_1/pipelinewise.pid"), String(process.ppid)),
    ends: skip("external", `is run by pid ${process.ppid}`),
  },
  {
    name: "a foreign run that PipelineWise found",
    script: message("Another instance of the tap is already running."),
    prints: true,
    ends: skip("external", "was refused by PipelineWise, which reports that another instance is running"),
  },
  {
    name: "a disabled tap",
    before: async ({ paths }) => {
      const taps = [{ id: PAIR.tap, enabled: false }];
      put(join(paths.configDir, "config.json"), JSON.stringify({ targets: [{ id: PAIR.target, taps }] }));
    },
    ends: skip("disabled", "is disabled in "),
  },
  {
    name: "a disabled tap that PipelineWise found",
    script: "echo 'log_level=INFO message=Tap orders is not enabled.'; exit 1",
    prints: true,
    ends: skip("disabled", "was refused by PipelineWise, which reports that the tap is not enabled"),
  },
  {
    name: "a pause",
    before: ({ host }) => main(["pause", ...PAIR_WORDS], { ...host, stdout: { write: () => true } }),
    ends: skip("paused", "is paused by "),
  },
  {
    name: "enabled: false",
    entry: { policies: { enabled: false } },
    ends: skip("paused", "is paused by `enabled: false` in the schedule file"),
  },
  {
    name: "a start that is not due",
    entry: { crons: ["0 3 * * *"] },
    ends: skip("not-due", "was not due in the last hour", { slot: "none" }),
    byHand: SUCCESS,
  },
  {
    name: "a start that comes too late",
    entry: { crons: ["0 3 * * *"], since: "2026-11-20T00:00:00.000Z" },
    ends: skip("too-late", "was due at 2026-11-23T03:00:00.000Z, and this start is 9 h late", {
      slot: "2026-11-23T03:00:00.000Z",
    }),
    byHand: SUCCESS,
  },
  {
    name: "a slot that another start has handled",
    before: (box) => startOther(box, [...PAIR_WORDS, "--scheduled"]),
    ends: skip("slot-done", "was already started for 2026-11-23T12:00:00.000Z", { slot: "none" }),
    byHand: SUCCESS,
  },
];
