import { expect, test } from "vitest";
import { type Here, judge, type Witness } from "../../src/lock/liveness.ts";
import type { LockRecord } from "../../src/lock/owner-record.ts";
import { renderToken } from "../../src/lock/owner-record.ts";

const record: LockRecord = {
  format: 1,
  host: "etl-1",
  machineId: "m1",
  bootId: "b1",
  pidNamespace: "1",
  pid: 77,
  startTicks: 4711,
  uid: 1000,
  runId: "r1",
  startedAt: "2026-11-23T12:00:00.000Z",
  heartbeatMs: 10_000,
  leaseMs: 300_000,
  flock: "8:131",
};
const here: Here = {
  host: "etl-1",
  machineId: "m1",
  bootId: "b1",
  pidNamespace: "1",
  pid: 1,
  startTicks: 1,
  flock: null,
  heartbeatMs: 10_000,
  leaseMs: 300_000,
};
const SILENT_MS = 31_000;

interface Case {
  readonly what: string;
  readonly record?: Partial<LockRecord>;
  readonly here?: Partial<Here>;
  readonly lives?: boolean;
  readonly pids?: readonly number[];
  readonly silentMs?: number;
  readonly torn?: boolean;
  readonly verdict: string;
}

const cases: readonly Case[] = [
  { what: "its process lives", lives: true, verdict: "alive" },
  { what: "its process is gone and nothing bears its mark", verdict: "dead" },
  { what: "its process is gone and its pipeline is not", pids: [90], verdict: "orphans" },
  {
    what: "we have its kernel lock, and a process has its pid",
    lives: true,
    here: { flock: "8:131" },
    verdict: "dead",
  },
  { what: "we have its kernel lock, but its mark lives", here: { flock: "8:131" }, pids: [90], verdict: "orphans" },
  {
    what: "we have the kernel lock of another file, its process lives",
    lives: true,
    here: { flock: "8:132" },
    verdict: "alive",
  },
  { what: "neither had a kernel lock, its process lives", lives: true, record: { flock: null }, verdict: "alive" },
  {
    what: "another container, whose kernel lock we have",
    record: { pidNamespace: "2" },
    here: { flock: "8:131" },
    verdict: "dead",
  },
  { what: "another container, without a kernel lock", record: { pidNamespace: "2", flock: null }, verdict: "unproved" },
  {
    what: "another container, a process with that pid here",
    record: { pidNamespace: "2", flock: null },
    lives: true,
    verdict: "unproved",
  },
  {
    what: "another container, its mark seen here",
    record: { pidNamespace: "2", flock: null },
    pids: [9],
    verdict: "contained",
  },
  {
    what: "another container, its mark seen here, and we have its kernel lock",
    record: { pidNamespace: "2" },
    here: { flock: "8:131" },
    pids: [9],
    verdict: "orphans",
  },
  { what: "this machine before it was booted", record: { bootId: "b0" }, silentMs: SILENT_MS, verdict: "dead" },
  {
    what: "this machine before it was booted, a beat ago",
    record: { bootId: "b0" },
    silentMs: 5_000,
    verdict: "unproved",
  },
  {
    what: "a machine of the same name",
    record: { bootId: "b0", machineId: "m2" },
    silentMs: SILENT_MS,
    verdict: "unproved",
  },
  {
    what: "a copy of this machine under another name",
    record: { bootId: "b0", host: "etl-2" },
    silentMs: SILENT_MS,
    verdict: "unproved",
  },
  {
    what: "machines without an id",
    record: { bootId: "b0", machineId: "" },
    here: { machineId: "" },
    silentMs: SILENT_MS,
    verdict: "unproved",
  },
  {
    what: "another host, silent for a day",
    record: { bootId: "b9", host: "etl-2", machineId: "m2" },
    silentMs: 86_400_000,
    verdict: "unproved",
  },
  { what: "a torn record, its process lives", torn: true, lives: true, verdict: "alive" },
  { what: "a torn record, its process is gone", torn: true, verdict: "dead" },
  {
    what: "a torn record of another boot, a lease ago",
    torn: true,
    record: { bootId: "b0" },
    silentMs: 300_001,
    verdict: "dead",
  },
  {
    what: "a torn record of another boot, just now",
    torn: true,
    record: { bootId: "b0" },
    silentMs: 1_000,
    verdict: "unproved",
  },
];

test.each(cases)("$what: $verdict", async ({ record: changes, here: place, torn, verdict, ...seen }) => {
  const holder = { ...record, ...changes };
  const witness: Witness = {
    processLives: (pid, startTicks) => seen.lives === true && pid === holder.pid && startTicks === holder.startTicks,
    pipelineProcesses: async () => seen.pids ?? [],
    silentMs: async () => seen.silentMs ?? 0,
  };
  const token = renderToken(holder, "ff");
  const judged = await judge(token, torn ? undefined : holder, { ...here, ...place }, witness);
  expect(judged.kind).toBe(verdict);
});

test("orphans are named by their pids", async () => {
  const witness: Witness = {
    processLives: () => false,
    pipelineProcesses: async () => [90, 91],
    silentMs: async () => 0,
  };
  expect(await judge(renderToken(record, "ff"), record, here, witness)).toEqual({ kind: "orphans", pids: [90, 91] });
});
