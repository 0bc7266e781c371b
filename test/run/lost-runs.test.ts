import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { describe, expect, test } from "vitest";
import { runMain } from "../../src/cli/run-command.ts";
import type { LockRecord } from "../../src/lock/owner-record.ts";
import { runLogFile } from "../../src/storage/paths.ts";
import { PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { DEAD_RUN, leaveDeadLock } from "./dead-run.ts";

const SLOT = "2026-11-23T09:00:00.000Z";

/** A machine on which a run has died, and the paths of the logs of its attempts. */
function machine(owner: Partial<LockRecord> = {}) {
  const box = sandbox();
  leaveDeadLock(box.paths, owner);
  const run = { id: DEAD_RUN.id, startedAt: new Date(DEAD_RUN.startedAt) };
  const pipeline = { tap: "microserv_1", target: "redshift" };
  const log = (attempt: number) => runLogFile(box.paths, pipeline, { ...run, attempt });
  const recordLost = async () => {
    await runMain(PAIR_WORDS, box.host);
    return (await box.records()).find(({ id }) => id === DEAD_RUN.id);
  };
  return { log, recordLost };
}

describe("the record of a lost run", () => {
  test("names the log of its newest attempt", async () => {
    const { log, recordLost } = machine();
    mkdirSync(dirname(log(1)), { recursive: true, mode: 0o700 });
    for (const attempt of [1, 2, 3]) writeFileSync(log(attempt), "");
    expect(await recordLost()).toMatchObject({ outcome: "lost", log: log(3) });
  });

  test("names the log of its first attempt if it had one attempt", async () => {
    const { log, recordLost } = machine();
    expect(await recordLost()).toMatchObject({ outcome: "lost", log: log(1) });
  });

  test("says what started it", async () => {
    const { recordLost } = machine({ scheduled: true, triggeredBy: "0mwwv4h1hgilgb" });
    expect(await recordLost()).toMatchObject({ scheduled: true, triggeredBy: "0mwwv4h1hgilgb" });
  });

  test.each([
    { task: "run_tap", scheduled: false },
    { task: `run_tap ${SLOT}`, scheduled: true },
  ])("says whether a run of an older version was scheduled, by its slot: $task", async ({ task, scheduled }) => {
    const { recordLost } = machine({ task });
    const record = await recordLost();
    expect(record).toMatchObject({ outcome: "lost", scheduled });
    expect(record).not.toHaveProperty("triggeredBy");
  });
});
