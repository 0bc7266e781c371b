import { chmodSync, chownSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { digestOf } from "../../src/installed/compile.ts";
import { encodeCompiled } from "../../src/installed/decode.ts";
import type { CompiledSchedule, HostSchedule } from "../../src/installed/schedule.ts";
import { listCompiled, listScheduleHosts, listScheduleNames, readCompiled } from "../../src/installed/store.ts";
import { openStateFolder } from "../../src/storage/directory.ts";
import { hostFile, meaningFile, type StatePaths, schedulesDir } from "../../src/storage/paths.ts";
import { tempFolder } from "../support/host.ts";

const uid = process.getuid?.() ?? 0;
const HOST = { name: "here", uid };

const MEANING: CompiledSchedule = {
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

const OURS: HostSchedule = {
  format: 1,
  name: "warehouse",
  host: "here",
  user: "etl",
  installedAt: "2026-11-23T12:00:00.000Z",
  meaningDigest: digestOf(encodeCompiled(MEANING)),
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
  meaning = encodeCompiled(MEANING),
  ours: string | undefined = encodeCompiled(OURS),
): Promise<StatePaths> {
  const { paths } = await openStateFolder(tempFolder(), uid);
  mkdirSync(schedulesDir(paths), { mode: 0o700 });
  writeFileSync(meaningFile(paths, "warehouse"), meaning, { mode: 0o600 });
  if (ours !== undefined) writeFileSync(hostFile(paths, "warehouse", "here"), ours, { mode: 0o600 });
  return paths;
}

describe("reads back what was written:", () => {
  test("the meaning and this host's part", async () => {
    const paths = await store();
    expect(await readCompiled(paths, "warehouse", HOST)).toEqual({
      meaning: MEANING,
      meaningText: encodeCompiled(MEANING),
      host: OURS,
    });
    expect(await readCompiled(paths, "warehouse", { ...HOST, name: "there" })).toMatchObject({
      meaning: MEANING,
      host: undefined,
    });
  });

  test("nothing, where nothing is installed", async () => {
    const { paths } = await openStateFolder(tempFolder(), uid);
    expect([
      await readCompiled(paths, "warehouse", HOST),
      await listCompiled(paths, HOST),
      await listScheduleHosts(paths, "warehouse"),
    ]).toEqual([undefined, [], []]);
  });

  test("all schedules and hosts by their names, whatever else lies there", async () => {
    const paths = await store();
    writeFileSync(meaningFile(paths, "a"), encodeCompiled({ ...MEANING, name: "a" }), { mode: 0o600 });
    for (const other of [
      "warehouse.json.here-1.tmp",
      "warehouse.json.here-1.old",
      "a.there.example.org.json",
      "README",
    ]) {
      writeFileSync(join(schedulesDir(paths), other), "x");
    }
    expect(await listScheduleNames(paths)).toEqual(["a", "warehouse"]);
    expect((await listCompiled(paths, HOST)).map(({ meaning }) => meaning.name)).toEqual(["a", "warehouse"]);
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
    await expect(readCompiled(paths, "warehouse", HOST)).rejects.toMatchObject({
      exitCode: 74,
      message: expect.stringMatching(/warehouse\.json is not a stored schedule that this version can read: /),
      hint: expect.stringContaining("pipelinewise-sched install"),
    });
    await expect(readCompiled(paths, "warehouse", HOST)).rejects.toThrow(message);
  });

  test.each([
    [{ ...OURS, host: "there" }, 'it belongs to the host "there"'],
    [{ ...OURS, command: ["pipelinewise"] }, "command[0] is not an absolute path"],
    [{ ...OURS, command: [] }, "command[0] is not a string"],
    [{ ...OURS, lines: undefined }, "lines is not a list"],
  ])("this host's part: %j", async (ours, message) => {
    await expect(readCompiled(await store(undefined, JSON.stringify(ours)), "warehouse", HOST)).rejects.toThrow(
      message,
    );
  });
});

describe("refuses a file that names commands and", () => {
  test.each([0o620, 0o602, 0o666])("can be written by others: %o", async (mode) => {
    for (const file of [meaningFile, (paths: StatePaths) => hostFile(paths, "warehouse", "here")]) {
      const paths = await store();
      chmodSync(file(paths, "warehouse"), mode);
      await expect(readCompiled(paths, "warehouse", HOST)).rejects.toThrow("can be written by others");
    }
  });

  test("is a link, or lies in a folder that is one", async () => {
    const paths = await store();
    symlinkSync(meaningFile(paths, "warehouse"), meaningFile(paths, "linked"));
    await expect(readCompiled(paths, "linked", HOST)).rejects.toThrow("it is a symbolic link");
    const second = (await openStateFolder(tempFolder(), uid)).paths;
    symlinkSync(schedulesDir(paths), schedulesDir(second));
    await expect(readCompiled(second, "warehouse", HOST)).rejects.toThrow("links are refused inside .sched");
  });

  test.skipIf(uid !== 0)("belongs to a stranger", async () => {
    const paths = await store();
    chownSync(hostFile(paths, "warehouse", "here"), 1234, 1234);
    await expect(readCompiled(paths, "warehouse", HOST)).rejects.toThrow(
      "belongs to user 1234, so its commands are not run for you",
    );
  });
});
