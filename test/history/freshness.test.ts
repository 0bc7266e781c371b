import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { findFreshness } from "../../src/history/freshness.ts";
import type { RunRecord } from "../../src/history/record.ts";
import { statePaths } from "../../src/storage/paths.ts";
import { tempDirectory } from "../support/host.ts";

const PAIR = { tap: "orders", target: "dwh" };
const ENTRY = { ...PAIR, command: "run_tap", policies: { freshWithinMs: 2 * 3_600_000 } };
const INSTALLED = "2026-11-23T06:00:00.000Z";
const NOW = new Date("2026-11-23T12:00:00.000Z");

function success(endedAt: string): RunRecord {
  const startedAt = "2026-11-23T00:00:00.000Z";
  return { ...PAIR, id: "a", command: "run_tap", outcome: "succeeded", host: "h", scheduled: true, startedAt, endedAt };
}

interface Case {
  readonly succeeded?: string;
  readonly logs?: readonly string[];
  readonly entry?: Partial<Parameters<typeof findFreshness>[0]>;
  readonly installedAt?: string;
}

/** How late the entry is in minutes, and its newest success. */
async function lateness({ succeeded, logs = [], entry = {}, installedAt = INSTALLED }: Case) {
  const paths = statePaths(tempDirectory());
  const directory = join(paths.configDir, "dwh", "orders", "log");
  mkdirSync(directory, { recursive: true });
  for (const name of logs) writeFileSync(join(directory, name), "");
  const runs = new Map(succeeded === undefined ? [] : [["run_tap", success(succeeded)]]);
  const found = await findFreshness({ ...ENTRY, ...entry }, { paths, last: { runs }, installedAt, now: NOW });
  return found && [found.lateMs / 60_000, found.succeededAt?.toISOString().slice(11, 16)];
}

describe("an entry is late by the time since its newest success, less fresh_within", () => {
  test.each<readonly [string, Case, readonly [number, string | undefined] | undefined]>([
    ["a success within the time", { succeeded: "2026-11-23T10:00:00.000Z" }, [0, "10:00"]],
    ["an older success", { succeeded: "2026-11-23T09:20:00.000Z" }, [40, "09:20"]],
    ["no success: since the installation", {}, [240, undefined]],
    ["no success: since it got its times", { entry: { since: "2026-11-23T09:59:00.000Z" } }, [1, undefined]],
    ["a newer success of PipelineWise", { logs: ["dwh-orders-20261123_094500.singer.log.success"] }, [15, "09:45"]],
    [
      "an older success of PipelineWise",
      { succeeded: "2026-11-23T09:20:00.000Z", logs: ["dwh-orders-20261123_080000.fastsync.log.success"] },
      [40, "09:20"],
    ],
    [
      "a fast sync of a run that failed afterwards",
      { logs: ["dwh-orders-20261123_110000.fastsync.log.success", "dwh-orders-20261123_110000.singer.log.failed"] },
      [240, undefined],
    ],
    ["a run that failed", { logs: ["dwh-orders-20261123_110000.singer.log.failed"] }, [240, undefined]],
    ["a run that is not finished", { logs: ["dwh-orders-20261123_110000.singer.log.running"] }, [240, undefined]],
    ["a sync of a part", { logs: ["dwh-orders-20261123_110000.partialsync.log.success"] }, [240, undefined]],
    ["a log of another tap", { logs: ["dwh-orders-2-20261123_110000.singer.log.success"] }, [240, undefined]],
    [
      "an entry of another command than run_tap: its log does not name its tables",
      { entry: { command: "sync_tables" }, logs: ["dwh-orders-20261123_110000.fastsync.log.success"] },
      [240, undefined],
    ],
    ["an entry without fresh_within", { entry: { policies: {} } }, undefined],
  ])("%s", async (_, one, expected) => {
    expect(await lateness(one)).toEqual(expected);
  });
});

test("a directory of logs that cannot be read is an error, not a pipeline that is late", async () => {
  const paths = statePaths(tempDirectory());
  const directory = join(paths.configDir, "dwh", "orders");
  mkdirSync(directory, { recursive: true });
  symlinkSync("log", join(directory, "log"));
  const options = { paths, last: { runs: new Map() }, installedAt: INSTALLED, now: NOW };
  await expect(findFreshness(ENTRY, options)).rejects.toThrow(/cannot read .*log/);
});
