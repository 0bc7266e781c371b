import { rmSync, writeFileSync } from "node:fs";
import { main } from "../../../src/cli/main.ts";
import { PAIR_WORDS } from "../../support/sandbox.ts";
import {
  type Ending,
  failure,
  PAIR,
  put,
  type Row,
  SUCCESS,
  skip,
  startLongRun,
  startOther,
  UNTIL_FINISHED,
} from "./outcomes.ts";

/*
 * Ends of starts that the rows of OUTCOMES do not have: after another pipeline, in place of a running run, for a slot that
 * the scheduler names, and in a container.
 */

/** The predecessor succeeds, and so does its start, whatever the end of the entry that it starts. */
const triggered = (ends: Ending): Pick<Row, "isTriggered" | "entry" | "ends"> => ({
  isTriggered: true,
  entry: { crons: [], after: [{ ...PAIR, tap: "microserv_2" }] },
  ends: { ...ends, slot: "none", callerCode: { "by hand": 0, "by cron": 0, "by Airflow": 0 } },
});

const isFollower = (script: string): string => `case "$*" in *microserv_1*) ${script} ;; esac`;

const AFTER: readonly Row[] = [
  { name: "a success after another pipeline", ...triggered(SUCCESS) },
  { name: "a failure after another pipeline", script: isFollower("exit 3"), ...triggered(failure(3)) },
  {
    name: "a pause of an entry that runs after another pipeline",
    before: ({ host }) => main(["pause", ...PAIR_WORDS], { ...host, stdout: { write: () => true } }),
    ...triggered(skip("paused", "is paused by ")),
  },
  {
    name: "a disabled tap, as PipelineWise found after another pipeline",
    script: isFollower("echo 'log_level=INFO message=Tap orders is not enabled.'; exit 1"),
    prints: true,
    ...triggered(skip("disabled", "was refused by PipelineWise, which reports that the tap is not enabled")),
  },
];

const REPLACE: readonly Row[] = [
  { name: "a success in place of the running run", ends: SUCCESS },
  { name: "a failure in place of the running run", ends: failure(3), after: "; exit 3" },
].map(({ after = "", ...row }) => ({
  ...row,
  script: `${UNTIL_FINISHED}${after}`,
  entry: { policies: { onOverlap: "replace" } },
  async before(box) {
    const ended = await startLongRun(box, [...PAIR_WORDS, "--scheduled"]);
    rmSync(box.file("started"));
    return ended;
  },
  during: (box) => put(box.file("finish"), ""),
}));

/** The slot before that of all other starts. */
const SLOT = ["--slot", "2026-11-23T11:55:00Z"];
const slot = "2026-11-23T11:55:00.000Z";
const handled = `was already started for ${slot}`;

const SLOTS: readonly Row[] = [
  { name: "a success for a named slot", scheduledWords: SLOT, ends: { ...SUCCESS, slot } },
  { name: "a failure for a named slot", script: "exit 3", scheduledWords: SLOT, ends: failure(3, { slot }) },
  {
    name: "a named slot that another start has handled",
    scheduledWords: SLOT,
    before: (box) => startOther(box, [...PAIR_WORDS, "--scheduled", ...SLOT]),
    ends: skip("slot-done", handled, { slot: "none" }),
    byHand: SUCCESS,
  },
  {
    name: "a success for a named slot that is run again",
    scheduledWords: [...SLOT, "--rerun"],
    before: (box) => startOther(box, [...PAIR_WORDS, "--scheduled", ...SLOT]),
    ends: { ...SUCCESS, slot },
  },
];

const engineFailed = { outcome: "failed", isRepeated: false } as const;

const CONTAINERS: readonly Row[] = (
  [
    { name: "a success in a container", ends: SUCCESS },
    { name: "a failure in a container", script: "exit 3", ends: failure(3) },
    {
      name: "a container that the engine cannot start",
      before: async (box) => writeFileSync(box.file("no-image"), ""),
      prints: false,
      ends: {
        ...engineFailed,
        exitCode: 74,
        says: "docker could not start the container (exit code 125): docker: invalid reference",
      },
    },
    {
      name: "a container of an earlier run",
      before: async (box) => writeFileSync(box.file("containers"), "pipelinewise-sched-old Up 3 minutes\n"),
      ends: skip("overlap", "is running in the docker container pipelinewise-sched-old"),
    },
  ] satisfies readonly Row[]
).map((row) => ({ ...row, inContainer: true }));

export const OTHER_STARTS: readonly Row[] = [...AFTER, ...REPLACE, ...SLOTS, ...CONTAINERS];
