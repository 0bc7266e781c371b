import { existsSync, mkdirSync, readdirSync, symlinkSync, unlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { leaveDeadLock } from "../run/dead-run.ts";
import { startForeign } from "../support/foreign-run.ts";
import { PAIR_WORDS } from "../support/sandbox.ts";
import { daysAgo, prunable, writeOld } from "./files.ts";

/** Names that the real PipelineWise gives to files in `tmp`, and its connectors and mongodump too. */
const NAMES = [
  "pipelinewise_orders_public.items_20261120-101112-131415_fastsync_A1B2C3D4.csv.gz",
  "pipelinewise_orders_public.items_20261120-101112-131415_partialsync_A1B2C3D4.csv.gz.part00001",
  "public-items_ab12cd34.csv",
  "properties_ab12cd34.json",
  "shop/items.bson.gz",
  "shop/items.metadata.json.gz",
  "target_config_ab12cd34.json",
] as const;

/** A box in which killed runs have left files this many days ago. */
function withTemporary(days: number, names: readonly string[] = NAMES) {
  const box = prunable();
  const directory = join(box.paths.configDir, "tmp");
  const tap = join(box.paths.configDir, "redshift", "microserv_1");
  mkdirSync(tap, { recursive: true });
  writeFileSync(join(tap, "config.json"), "{}");
  for (const name of names) writeOld(join(directory, name), daysAgo(days));
  return {
    ...box,
    directory,
    tap,
    left: (): string[] =>
      readdirSync(directory, { recursive: true, encoding: "utf8" })
        .filter((name) => name !== "shop")
        .sort(),
  };
}

describe("PipelineWise's tmp directory", () => {
  test("loses everything that ended runs have left, and keeps its directories", async () => {
    const box = withTemporary(2);
    expect((await box.prune(true)).removals).toEqual([
      { kind: "tmp", directory: "tmp", files: 5, bytes: 50 },
      { kind: "tmp", directory: "tmp/shop", files: 2, bytes: 20 },
    ]);
    expect(box.left()).toEqual([...NAMES].sort());
    expect(await box.prune()).toMatchObject({ removals: [{ files: 5 }, { files: 2 }], faults: [], postponed: [] });
    expect(box.left()).toEqual([]);
    expect(existsSync(join(box.directory, "shop"))).toBe(true);
  });

  test("keeps files that were written within the last day", async () => {
    const box = withTemporary(0.9);
    writeOld(join(box.directory, "target_config_old.json"), daysAgo(1.1));
    await box.prune();
    expect(box.left()).toEqual([...NAMES].sort());
  });

  test("keeps every file that a running pipeline may have written, on whichever host it is running", async () => {
    const box = withTemporary(2, ["target_config_own.json"]);
    leaveDeadLock(box.paths, { host: "another", startedAt: daysAgo(2.5).toISOString() });
    // The clock of the file server may be slow.
    writeOld(join(box.directory, "target_config_close.json"), new Date(daysAgo(2.5).getTime() - 3_000_000));
    writeOld(join(box.directory, "target_config_before.json"), new Date(daysAgo(2.5).getTime() - 4_000_000));
    await box.prune();
    expect(box.left()).toEqual(["target_config_close.json", "target_config_own.json"]);
  });

  test("keeps every file while a lock does not say which run holds it", async () => {
    const box = withTemporary(2);
    writeFileSync(leaveDeadLock(box.paths).file, "");
    expect((await box.prune()).postponed).toEqual(["tmp: a lock does not say which run holds it"]);
    expect(box.left()).toEqual([...NAMES].sort());
  });

  test("keeps every file while somebody runs a pipeline without this program", async () => {
    const box = withTemporary(2);
    const pid = await startForeign(box.paths.configDir, PAIR_WORDS);
    const reason = `tmp: microserv_1 → redshift is run by pid ${pid} (run_tap), which this program did not start`;
    expect((await box.prune(true)).postponed).toEqual([reason]);
    expect(await box.prune()).toEqual({ removals: [], faults: [], postponed: [reason] });
    expect(box.left()).toEqual([...NAMES].sort());
  });

  test("loses its files although a dead run has left a pidfile and a log", async () => {
    const box = withTemporary(2);
    writeFileSync(join(box.tap, "pipelinewise.pid"), "4194305");
    writeOld(join(box.tap, "log", "redshift-microserv_1-20261120_101112.singer.log.running"), daysAgo(3));
    await box.prune();
    expect(box.left()).toEqual([]);
  });

  test("loses no file through a symbolic link in it", async () => {
    const box = withTemporary(2, ["one.json"]);
    const elsewhere = box.file("elsewhere");
    writeOld(join(elsewhere, "precious.csv"), daysAgo(500));
    symlinkSync(elsewhere, join(box.directory, "link"));
    symlinkSync(join(elsewhere, "precious.csv"), join(box.directory, "file.csv"));
    await box.prune();
    expect(readdirSync(box.directory).sort()).toEqual(["file.csv", "link"]);
    expect(readdirSync(elsewhere)).toEqual(["precious.csv"]);
  });

  test("keeps every file if it is a symbolic link itself", async () => {
    const box = prunable();
    const elsewhere = box.file("elsewhere");
    writeOld(join(elsewhere, "precious.csv"), daysAgo(500));
    symlinkSync(elsewhere, join(box.paths.configDir, "tmp"));
    expect(await box.prune()).toEqual({ removals: [], faults: [], postponed: [] });
    expect(readdirSync(elsewhere)).toEqual(["precious.csv"]);
    unlinkSync(join(box.paths.configDir, "tmp"));
  });
});
