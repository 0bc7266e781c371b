import { expect, test } from "vitest";
import { checkLiveness, type LivenessProbe, type LocalIdentity, silentMs } from "../../src/lock/liveness.ts";
import { diskLockFs } from "../../src/lock/lock-directory.ts";
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
const here: LocalIdentity = {
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
  readonly here?: Partial<LocalIdentity>;
  readonly lives?: boolean;
  readonly pids?: readonly number[];
  /** Without /proc, no process can be seen. */
  readonly hidden?: boolean;
  readonly silentMs?: number;
  readonly torn?: boolean;
  readonly verdict: string;
}

const cases: readonly Case[] = [
  { what: "its process is running", lives: true, verdict: "alive" },
  { what: "its process is gone and nothing bears its mark", verdict: "dead" },
  { what: "its process is gone and /proc is missing", hidden: true, verdict: "unproved" },
  { what: "we have its kernel lock and /proc is missing", hidden: true, here: { flock: "8:131" }, verdict: "unproved" },
  {
    what: "the same host, whose boot cannot be told without /proc",
    here: { bootId: "etl-1", pidNamespace: "0" },
    silentMs: SILENT_MS,
    verdict: "unproved",
  },
  { what: "its process is gone and its pipeline is not", pids: [90], verdict: "orphans" },
  {
    what: "we have its kernel lock, and a process has its pid",
    lives: true,
    here: { flock: "8:131" },
    verdict: "dead",
  },
  {
    what: "this process has its kernel lock, but a tagged process is running",
    here: { flock: "8:131" },
    pids: [90],
    verdict: "orphans",
  },
  {
    what: "this process has the kernel lock of another file, and its process is running",
    lives: true,
    here: { flock: "8:132" },
    verdict: "alive",
  },
  {
    what: "neither has a kernel lock, and its process is running",
    lives: true,
    record: { flock: null },
    verdict: "alive",
  },
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
  { what: "its record is incomplete, and its process is running", torn: true, lives: true, verdict: "alive" },
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
  const witness: LivenessProbe = {
    processLives: (pid, startTicks) => seen.lives === true && pid === holder.pid && startTicks === holder.startTicks,
    pipelineProcesses: async () => (seen.hidden ? undefined : (seen.pids ?? [])),
    heartbeatAgeMs: async () => seen.silentMs ?? 0,
  };
  const token = renderToken(holder, "ff");
  const judged = await checkLiveness(token, torn ? undefined : holder, { ...here, ...place }, witness);
  expect(judged.kind).toBe(verdict);
});

test.each(["EROFS", "EACCES", "EPERM"])(
  "on a file system that refuses a new file with %s, the age of a heartbeat is unknown",
  async (code) => {
    const refuse = async () => {
      throw Object.assign(new Error(code), { code });
    };
    const place = { files: { ...diskLockFs, create: refuse }, directory: "/nowhere", nonce: "ff" };
    expect(await silentMs(place, renderToken(record, "ff"))).toBeUndefined();
  },
);

test("a holder whose heartbeat cannot be dated is not proved dead", async () => {
  const witness: LivenessProbe = {
    processLives: () => false,
    pipelineProcesses: async () => [],
    heartbeatAgeMs: async () => undefined,
  };
  const before = { ...record, bootId: "b0" };
  for (const read of [before, undefined]) {
    expect(await checkLiveness(renderToken(before, "ff"), read, here, witness)).toEqual({ kind: "unproved" });
  }
});

test("orphans are named by their pids", async () => {
  const witness: LivenessProbe = {
    processLives: () => false,
    pipelineProcesses: async () => [90, 91],
    heartbeatAgeMs: async () => 0,
  };
  expect(await checkLiveness(renderToken(record, "ff"), record, here, witness)).toEqual({
    kind: "orphans",
    pids: [90, 91],
  });
});
