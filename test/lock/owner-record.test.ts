import { expect, test } from "vitest";
import { holderOf, type LockRecord, parseRecord, renderRecord } from "../../src/lock/owner-record.ts";

const record: LockRecord = {
  format: 1,
  host: "etl-1",
  machineId: "3d12",
  bootId: "766ea8de-2e62",
  pidNamespace: "4026531836",
  pid: 77,
  startTicks: 4711,
  uid: 1000,
  runId: "r1",
  startedAt: "2026-11-23T12:00:00.000Z",
  heartbeatMs: 10_000,
  leaseMs: 300_000,
  flock: "65024:131",
};

test("a record comes back as it was written", () => {
  expect(parseRecord(renderRecord(record))).toEqual(record);
  expect(parseRecord(renderRecord({ ...record, flock: null }))).toEqual({ ...record, flock: null });
});

test("a record that was cut off anywhere is not whole", () => {
  const text = renderRecord(record).trimEnd();
  for (let length = 0; length < text.length; length += 1) expect(parseRecord(text.slice(0, length))).toBeUndefined();
});

test.each([
  { what: "another format", value: { ...record, format: 2 } },
  { what: "a pid that is a text", value: { ...record, pid: "77" } },
  { what: "no host", value: { ...record, host: undefined } },
  { what: "an instant that is none", value: { ...record, startedAt: "yesterday" } },
  { what: "null", value: null },
  { what: "a list", value: [] },
])("$what is not an owner record", ({ value }) => expect(parseRecord(JSON.stringify(value))).toBeUndefined());

test("a record names its holder", () => {
  expect(holderOf(record)).toEqual({
    host: "etl-1",
    pid: 77,
    runId: "r1",
    startedAt: new Date("2026-11-23T12:00:00Z"),
  });
});
