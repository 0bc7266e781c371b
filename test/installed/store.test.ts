import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { digestOf } from "../../src/installed/compile.ts";
import { encodeStored } from "../../src/installed/decode.ts";
import type { StoredInstall, StoredSchedule } from "../../src/installed/schedule.ts";
import { listScheduleHosts, listScheduleNames, listStored, readStored } from "../../src/installed/store.ts";
import { openStateDirectory } from "../../src/storage/directory.ts";
import { installFile, type StatePaths, scheduleFile, schedulesDir } from "../../src/storage/paths.ts";
import { tempDirectory } from "../support/host.ts";

const uid = process.getuid?.() ?? 0;
const HOST = { name: "here", uid, root: "/" };

const MEANING: StoredSchedule = {
  format: 1,
  name: "warehouse",
  source: { path: "/s.yml", digest: "d" },
  configDir: "/share",
  env: { REGION: "eu" },
  envFile: "/env",
  entries: [
    {
      tap: "orders",
      target: "redshift",
      command: "run_tap",
      id: undefined,
      crons: ["0 * * * *"],
      timezone: undefined,
      note: "n",
      args: [],
    },
    {
      tap: "orders",
      target: "redshift",
      command: "sync_tables",
      id: "weekly",
      crons: ["@weekly"],
      timezone: "UTC",
      note: undefined,
      args: ["--tables", "a.b"],
    },
  ],
};

const OURS: StoredInstall = {
  format: 1,
  name: "warehouse",
  host: "here",
  user: "etl",
  installedAt: "2026-11-23T12:00:00.000Z",
  meaningDigest: digestOf(encodeStored(MEANING)),
  command: ["/bin/pipelinewise", "--debug"],
  node: "/usr/bin/node",
  program: "/opt/x",
  pipelinewiseHome: undefined,
  machineZone: "UTC",
  lines: ["0 * * * * x"],
  compileOnly: true,
  on: { systemd: { place: { scope: "system", folder: "/etc/systemd/system" }, digest: "d" } },
};

async function store(
  storedSchedule = encodeStored(MEANING),
  ours: string | undefined = encodeStored(OURS),
): Promise<StatePaths> {
  const { paths } = await openStateDirectory(tempDirectory(), uid);
  mkdirSync(schedulesDir(paths), { mode: 0o700 });
  writeFileSync(scheduleFile(paths, "warehouse"), storedSchedule, { mode: 0o600 });
  if (ours !== undefined) writeFileSync(installFile(paths, "warehouse", "here"), ours, { mode: 0o600 });
  return paths;
}

describe("reads back what was written:", () => {
  test("the stored schedule and this host's part", async () => {
    const paths = await store();
    expect(await readStored(paths, "warehouse", HOST)).toEqual({
      storedSchedule: MEANING,
      scheduleText: encodeStored(MEANING),
      host: OURS,
    });
    expect(await readStored(paths, "warehouse", { ...HOST, name: "there" })).toMatchObject({
      storedSchedule: MEANING,
      host: undefined,
    });
  });

  test("nothing, where nothing is installed", async () => {
    const { paths } = await openStateDirectory(tempDirectory(), uid);
    expect([
      await readStored(paths, "warehouse", HOST),
      await listStored(paths, HOST),
      await listScheduleHosts(paths, "warehouse"),
    ]).toEqual([undefined, [], []]);
  });

  test("all schedules and hosts by their names, whatever else lies there", async () => {
    const paths = await store();
    writeFileSync(scheduleFile(paths, "a"), encodeStored({ ...MEANING, name: "a" }), { mode: 0o600 });
    for (const other of [
      "warehouse.json.here-1.tmp",
      "warehouse.json.here-1.old",
      "a.there.example.org.json",
      "README",
    ]) {
      writeFileSync(join(schedulesDir(paths), other), "x");
    }
    expect(await listScheduleNames(paths)).toEqual(["a", "warehouse"]);
    expect((await listStored(paths, HOST)).map(({ storedSchedule }) => storedSchedule.name)).toEqual([
      "a",
      "warehouse",
    ]);
    expect(await listScheduleHosts(paths, "a")).toEqual(["there.example.org"]);
    expect(await listScheduleHosts(paths, "warehouse")).toEqual(["here"]);
  });
});

describe("refuses a garbled file, naming it, what is wrong and what to do:", () => {
  const entry = MEANING.entries[0];
  test.each([
    ["", "JSON"],
    ['{"format": 1', "JSON"],
    ["[]", "the file is not an object"],
    [JSON.stringify({ ...MEANING, format: 2 }), "its format is 2, but this version only reads format 1"],
    [JSON.stringify({ ...MEANING, name: "other" }), 'it contains the schedule "other"'],
    [JSON.stringify({ ...MEANING, configDir: "x" }), "configDir is not an absolute path"],
    [JSON.stringify({ ...MEANING, env: { A: 1 } }), "env.A is not a string"],
    [JSON.stringify({ ...MEANING, entries: {} }), "entries is not a list"],
    [
      JSON.stringify({ ...MEANING, entries: [{ ...entry, command: "rm" }] }),
      "entries[0].command is not one of run_tap",
    ],
    [JSON.stringify({ ...MEANING, entries: [entry, { ...entry, tap: "-x" }] }), "entries[1].tap is not a safe word"],
    [JSON.stringify({ ...MEANING, entries: [{ ...entry, args: [1] }] }), "entries[0].args[0] is not a string"],
  ])("%j", async (text, message) => {
    const paths = await store(text);
    await expect(readStored(paths, "warehouse", HOST)).rejects.toMatchObject({
      exitCode: 74,
      message: expect.stringMatching(/warehouse\.json is not a stored schedule that this version can read: /),
      hint: expect.stringContaining("pipelinewise-sched install"),
    });
    await expect(readStored(paths, "warehouse", HOST)).rejects.toThrow(message);
  });

  test.each([
    [{ ...OURS, host: "there" }, 'it belongs to the host "there"'],
    [{ ...OURS, command: ["pipelinewise"] }, "command[0] is not an absolute path"],
    [{ ...OURS, command: [] }, "command[0] is not a string"],
    [{ ...OURS, lines: undefined }, "lines is not a list"],
  ])("this host's part: %j", async (ours, message) => {
    await expect(readStored(await store(undefined, JSON.stringify(ours)), "warehouse", HOST)).rejects.toThrow(message);
  });
});

describe("refuses a file that names commands and", () => {
  test.each([0o620, 0o602, 0o666])("can be written by others: %o", async (mode) => {
    for (const file of [scheduleFile, (paths: StatePaths) => installFile(paths, "warehouse", "here")]) {
      const paths = await store();
      chmodSync(file(paths, "warehouse"), mode);
      await expect(readStored(paths, "warehouse", HOST)).rejects.toThrow("can be written by others");
    }
  });

  test("is a link, or lies in a directory that is one", async () => {
    const paths = await store();
    symlinkSync(scheduleFile(paths, "warehouse"), scheduleFile(paths, "linked"));
    await expect(readStored(paths, "linked", HOST)).rejects.toThrow("it is a symbolic link");
    const second = (await openStateDirectory(tempDirectory(), uid)).paths;
    symlinkSync(schedulesDir(paths), schedulesDir(second));
    await expect(readStored(second, "warehouse", HOST)).rejects.toThrow("links are refused inside .sched");
  });

  test.skipIf(uid !== 0)("belongs to a stranger", async () => {
    const paths = await store();
    chownSync(installFile(paths, "warehouse", "here"), 1234, 1234);
    await expect(readStored(paths, "warehouse", HOST)).rejects.toThrow(
      "belongs to user 1234, so its commands are not run for you",
    );
  });
});
