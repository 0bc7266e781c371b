import fc from "fast-check";
import { expect, test } from "vitest";
import { mergeFiles, sortNewestFirst } from "../../src/history/newest-first.ts";
import { newRunId, type RunRecord } from "../../src/history/record.ts";

const BEGIN = Date.parse("2026-11-23T00:00:00Z");

/** A record that was written at a minute. A lost run ended `late` minutes before that. */
function recordAt(
  minute: number,
  { late = 0, lasted = 0, ...changes }: Partial<RunRecord> & { late?: number; lasted?: number },
): RunRecord {
  const ended = new Date(BEGIN + (minute - late) * 60_000);
  const started = new Date(ended.getTime() - lasted * 60_000);
  return {
    id: newRunId(started, () => (minute % 1_000) / 1_000),
    tap: "orders",
    target: "dwh",
    command: "run_tap",
    outcome: "succeeded",
    host: "one",
    scheduled: true,
    startedAt: started.toISOString(),
    endedAt: ended.toISOString(),
    ...changes,
  };
}

/** A file as it is read: its last line first, in batches. */
async function* fileOf(records: readonly RunRecord[], batch: number): AsyncGenerator<readonly RunRecord[]> {
  const lines = [...records].reverse();
  for (let from = 0; from < lines.length; from += batch) yield lines.slice(from, from + batch);
}

async function read(files: readonly (readonly RunRecord[])[], batch = 3): Promise<readonly RunRecord[]> {
  const found: RunRecord[] = [];
  for await (const record of sortNewestFirst(mergeFiles(files.map((file) => fileOf(file, batch))))) found.push(record);
  return found;
}

const idsOf = (records: readonly RunRecord[]) => records.map(({ id }) => id);

test("merges the files of several hosts, with lost runs at the time of their end, however late they were recorded", async () => {
  const minutes = fc.uniqueArray(fc.integer({ min: 0, max: 999 }), { maxLength: 60 });
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ minutes, late: fc.integer({ min: 1, max: 500 }) }), { maxLength: 4 }),
      fc.integer({ min: 1, max: 7 }),
      async (hosts, batch) => {
        const files = hosts.map(({ minutes: some, late }, host) =>
          [...some]
            .sort((one, other) => one - other)
            .map((minute) => {
              const isLost = minute % 7 === 0;
              const id = `${host}-${minute}`;
              return recordAt(minute, isLost ? { id, outcome: "lost", late } : { id });
            }),
        );
        const all = files.flat();
        const found = await read(files, batch);
        expect([...idsOf(found)].sort()).toEqual([...idsOf(all)].sort());
        const ends = found.map(({ endedAt }) => endedAt);
        expect(ends).toEqual([...ends].sort().reverse());
      },
    ),
    { seed: 15, numRuns: 200 },
  );
});

test("a lost run that was recorded thousands of records after its end is shown at its time, and delays no other run", async () => {
  const hosts = ["one", "two"].map((host) =>
    Array.from({ length: 3_000 }, (_, minute) => recordAt(minute, { id: `${host}-${minute}` })),
  );
  const [one = [], two = []] = hosts;
  const lost = recordAt(2_500, { id: "lost", outcome: "lost", late: 2_400.5 });
  const found = await read([[...one.slice(0, 2_500), lost, ...one.slice(2_500)], two]);
  const ends = found.map(({ endedAt }) => endedAt);
  expect(ends).toEqual([...ends].sort().reverse());
  expect(idsOf(found).indexOf("lost")).toBe(2 * 2_900);
});

test("hundreds of runs that are recorded as lost at once are shown at their times", async () => {
  const runs = Array.from({ length: 900 }, (_, minute) => recordAt(minute, { id: `run-${minute}` }));
  const lost = Array.from({ length: 300 }, (_, index) =>
    recordAt(1_000, { id: `lost-${index}`, outcome: "lost", late: 500.5 - index }),
  );
  const ends = (await read([[...runs, ...lost]])).map(({ endedAt }) => endedAt);
  expect(ends).toEqual([...ends].sort().reverse());
});

test("runs that ended at almost the same time are sorted, whatever the order of their lines", async () => {
  const [early, later] = [recordAt(1, { id: "early" }), recordAt(2, { id: "later" })];
  expect(idsOf(await read([[later, early]]))).toEqual(["later", "early"]);
});

test.each([
  ["soon after", 2],
  ["thousands of records after", 4_000],
])("a run that was recorded as lost and itself noticed that %s is shown once", async (_, gap) => {
  const others = Array.from({ length: gap }, (_none, minute) => recordAt(minute + 1, {}));
  const own = recordAt(gap + 2, { outcome: "lock-lost", lasted: gap + 3 });
  const lost = { ...own, outcome: "lost" as const, endedAt: new Date(BEGIN).toISOString() };
  const found = await read([[own], [lost, ...others]]);
  expect(found.filter(({ id }) => id === own.id).map(({ outcome }) => outcome)).toEqual(["lock-lost"]);
  expect(found).toHaveLength(gap + 1);
});
