import { describe, expect, test } from "vitest";
import { sameZone } from "../../src/cron/same-zone.ts";
import { type CurrentState, type DesiredState, planStored } from "../../src/install/plan.ts";
import { statePaths } from "../../src/storage/paths.ts";
import { schedule } from "../support/schedule.ts";

const NOTHING: CurrentState = {
  scheduleText: undefined,
  storedSchedule: undefined,
  installText: undefined,
  host: undefined,

  former: undefined,
};

const CRON = { name: "cron", candidates: [], stored: { lines: ["0 * * * * x"] } };
const SYSTEMD = {
  name: "systemd",
  candidates: ["redshift/tap_1/run_tap"],
  stored: { place: { folder: "/units" }, written: {} },
};
const COMPILE_ONLY = { ...CRON, stored: undefined };

const wanted = (changes: Partial<DesiredState> = {}): DesiredState => ({
  schedule: schedule(),
  paths: statePaths("/home/etl/.pipelinewise"),
  envFile: undefined,
  metricsFile: undefined,
  resolved: {
    host: "h",
    user: "etl",
    command: ["/bin/pipelinewise"],
    node: "/usr/bin/node",
    program: "/opt/x",
    pipelinewiseHome: undefined,
    machineZone: "Etc/UTC",
  },
  zoneData: { data: "2025b", localtime: "link /zoneinfo/Etc/UTC" },
  at: new Date("2026-11-23T12:00:00Z"),
  scheduler: CRON,
  ...changes,
});

/** A planned install, and the state after it. */
function planned(found: CurrentState, changes: Partial<DesiredState> = {}) {
  const plan = planStored(found, wanted(changes));
  const [scheduleText = "", installText = ""] = plan.files.map(({ after }) => after);
  const [storedSchedule, host] = [JSON.parse(scheduleText), JSON.parse(installText)];
  const isSame = plan.files.every(({ before, after }) => before === after);
  return {
    ...plan,
    host,
    isSame,
    found: { scheduleText, storedSchedule, installText, host, former: undefined },
  };
}

describe("time zones", () => {
  test("are stored with their offsets and with the entries that may start early", () => {
    const scheduler = { ...CRON, candidates: ["redshift/tap_0/run_tap"] };
    const { host } = planned(NOTHING, { schedule: schedule("Europe/London"), scheduler });
    expect(host).toMatchObject({
      machineZone: "Etc/UTC",
      loose: ["redshift/tap_0/run_tap"],
      zones: { data: "2025b", until: "2027-12-28T12:00:00.000Z", localtime: "link /zoneinfo/Etc/UTC" },
    });
    expect(host.zones.tables["Europe/London"].slice(-3)).toEqual([
      [Date.parse("2027-03-28T01:00Z"), 0],
      [Date.parse("2027-10-31T01:00Z"), 60],
      [Date.parse("2027-12-28T12:00Z"), 0],
    ]);
  });

  test("keep their stored offsets until these are about to expire or their data change", () => {
    const zone = { schedule: schedule("Europe/London") };
    const { found } = planned(NOTHING, zone);
    const again = (changes: Partial<DesiredState>) => planned(found, { ...zone, ...changes });
    expect(again({ at: new Date("2027-10-28T12:00:00Z") }).isSame).toBe(true);
    const late = again({ at: new Date("2027-10-30T12:00:00Z") });
    expect(late.isSame).toBe(false);
    expect(late.notes).toEqual(["~ the date until which the lines are valid"]);
    const newer = again({ zoneData: { data: "2026a", localtime: "link /zoneinfo/Etc/UTC" } });
    expect(newer.notes).toEqual(["~ the daylight-saving rules of its time zones"]);
  });

  test("with an unknown name equal only themselves", () => {
    expect([
      sameZone("Mars/Base", "UTC"),
      sameZone("Mars/Base", "Mars/Base"),
      sameZone("Europe/Kyiv", "Europe/Kiev"),
    ]).toEqual([false, true, true]);
  });
});

test("a host file that would differ only in its time stays as it is", () => {
  const { found } = planned(NOTHING);
  const at = new Date("2026-11-24T12:00:00Z");
  expect(planned(found, { at }).isSame).toBe(true);
  const moved = planned(found, { at, resolved: { ...wanted().resolved, node: "/opt/node" } });
  expect(moved.host).toMatchObject({ installedAt: "2026-11-24T12:00:00.000Z", node: "/opt/node" });
});

describe("a second scheduler of the same schedule", () => {
  const two = { schedule: schedule(undefined, 2) };
  const onCron = { ...two, scheduler: { ...CRON, candidates: ["redshift/tap_0/run_tap"] } };
  const onSystemd = { ...two, scheduler: SYSTEMD };

  test("stores its place and the entries that it may start early", () => {
    const { host, notes } = planned(NOTHING, onSystemd);
    expect(host).toMatchObject({ lines: [], loose: SYSTEMD.candidates, on: { systemd: SYSTEMD.stored } });
    expect(notes).toContain("+ on systemd");
  });

  test("leaves what is stored of the first one, in both orders", () => {
    const cron = planned(NOTHING, onCron);
    const both = planned(cron.found, onSystemd);
    const loose = ["redshift/tap_0/run_tap", "redshift/tap_1/run_tap"];
    expect(both.host).toMatchObject({ lines: CRON.stored.lines, loose });
    expect(both.host.meaningDigest).toBe(cron.host.meaningDigest);
    const again = planned(both.found, { ...two, scheduler: CRON });
    expect(again.host.on).toEqual(both.host.on);
    expect(again.host.loose).toEqual(loose);
    const systemd = planned(NOTHING, onSystemd);
    expect(planned(systemd.found, onCron).host).toMatchObject({ lines: CRON.stored.lines, loose });
  });

  test("forgets the early starts of a scheduler that is installed again alone", () => {
    const cron = planned(NOTHING, onCron);
    expect(planned(cron.found, { ...two, scheduler: CRON }).host.loose).toEqual([]);
  });

  test("keeps the crontab's lines marked as outdated if they would be others now", () => {
    const cron = planned(NOTHING);
    const more = planned(cron.found, { ...two, scheduler: SYSTEMD });
    expect(more.host.meaningDigest).toBe(cron.host.meaningDigest);
    // Installed again without a change: the lines are as outdated as before.
    expect(planned(more.found, { ...two, scheduler: SYSTEMD }).host.meaningDigest).toBe(cron.host.meaningDigest);
    const moved = planned(cron.found, {
      scheduler: SYSTEMD,
      resolved: { ...wanted().resolved, node: "/opt/node" },
      envFile: "/env",
    });
    expect(moved.host.meaningDigest).toBe(cron.host.meaningDigest);
  });

  test("marks the crontab's lines as current if they would be the same now", () => {
    const cron = planned(NOTHING);
    const same = planned(cron.found, { scheduler: SYSTEMD, envFile: "/env" });
    expect(same.host.meaningDigest).not.toBe(cron.host.meaningDigest);
    expect(same.host.lines).toEqual(cron.host.lines);
  });
});

test("--compile-only is refused while the crontab has lines of the schedule, and remembered otherwise", () => {
  const cron = planned(NOTHING);
  expect(() => planStored(cron.found, wanted({ scheduler: COMPILE_ONLY }))).toThrow(
    "is already in this machine's crontab",
  );
  const only = planned(NOTHING, { scheduler: COMPILE_ONLY });
  expect(only.host).toMatchObject({ compileOnly: true, lines: [] });
  expect(planned(only.found, { scheduler: SYSTEMD }).host.compileOnly).toBe(true);
});
