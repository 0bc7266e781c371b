import { describe, expect, test } from "vitest";
import { parseCron } from "../../src/cron/expression.ts";
import { sameZone } from "../../src/cron/same-zone.ts";
import { type Found, planInstall, type Wanted } from "../../src/install/plan.ts";
import type { Schedule } from "../../src/schedule/schedule.ts";
import { statePaths } from "../../src/storage/paths.ts";

const NOTHING: Found = {
  crontab: "",
  meaningText: undefined,
  meaning: undefined,
  hostText: undefined,
  host: undefined,
  others: [],
};

const schedule = (timezone?: string, count = 1): Schedule => ({
  name: "pipelinewise",
  source: { path: "/s.yml", bytes: Buffer.from("") },
  pipelinewise: { command: ["pipelinewise"], env: {} },
  pipelines: Array.from({ length: count }, (_, index) => ({
    tap: `tap_${index}`,
    target: "redshift",
    command: "run_tap" as const,
    crons: [parseCron("0 * * * *")],
    args: [],
    timezone,
    place: { line: 2, column: 3 },
  })),
});

const wanted = (changes: Partial<Wanted> = {}): Wanted => ({
  schedule: schedule(),
  paths: statePaths("/home/etl/.pipelinewise"),
  defaultConfigDir: "/home/etl/.pipelinewise",
  envFile: undefined,
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
  replace: false,
  ...changes,
});

const lineOf = (found: Found, changes: Partial<Wanted> = {}): string =>
  planInstall(found, wanted(changes)).crontab?.after.split("\n").at(-3) ?? "";

describe("the config directory", () => {
  test("is left out of the lines where a run under cron finds it by itself", () => {
    expect(lineOf(NOTHING)).toBe("0 * * * * /usr/bin/node /opt/x run --scheduled --tap tap_0 --target redshift");
  });

  test.each([
    ["it is another", { defaultConfigDir: "/root/.pipelinewise" }, ""],
    ["the default is unknown", { defaultConfigDir: undefined }, ""],
    ["the crontab gives its jobs another home", {}, "HOME=/tmp\n"],
    ["the crontab names one to its jobs", {}, ' "PIPELINEWISE_CONFIG_DIRECTORY" = /x\n'],
  ])("stands in them where %s", (_, changes, crontab) => {
    expect(lineOf({ ...NOTHING, crontab }, changes)).toContain(
      "run --scheduled --config-dir /home/etl/.pipelinewise --tap",
    );
  });
});

describe("zones", () => {
  test.each([["UTC"], ["Etc/UTC"], ["Etc/Zulu"], [undefined]])("%s is the machine's", (timezone) => {
    expect(planInstall(NOTHING, wanted({ schedule: schedule(timezone) })).crontab?.after).toContain("tap_0");
  });

  test("another one has candidate lines, its own time in words above, and what the run needs is stored", () => {
    const plan = planInstall(NOTHING, wanted({ schedule: schedule("Europe/London") }));
    expect(plan.crontab?.after.split("\n").slice(1, -2)).toEqual([
      "# 0 * * * * Europe/London: every hour; candidate line: the run checks whether it is due",
      "0 * * * * /usr/bin/node /opt/x run --scheduled --tap tap_0 --target redshift",
    ]);
    const stored = JSON.parse(plan.files[1]?.after ?? "");
    expect(stored).toMatchObject({
      machineZone: "Etc/UTC",
      loose: ["redshift/tap_0/run_tap"],
      zones: { data: "2025b", until: "2027-12-28T12:00:00.000Z", localtime: "link /zoneinfo/Etc/UTC" },
    });
    expect(stored.zones.tables["Europe/London"].slice(-3)).toEqual([
      [Date.parse("2027-03-28T01:00Z"), 0],
      [Date.parse("2027-10-31T01:00Z"), 60],
      [Date.parse("2027-12-28T12:00Z"), 0],
    ]);
  });

  test("one whose clocks show the machine's time for as long as the lines hold keeps plain lines", () => {
    const plan = planInstall(NOTHING, wanted({ schedule: schedule("Africa/Abidjan") }));
    expect(plan.crontab?.after).not.toContain("candidate");
    expect(JSON.parse(plan.files[1]?.after ?? "")).toMatchObject({ loose: [] });
  });

  test("an install that changes nothing else keeps what is known of them, until that nears its end", () => {
    const first = planInstall(NOTHING, wanted({ schedule: schedule("Europe/London") }));
    const [meaningText, hostText] = first.files.map(({ after }) => after ?? "");
    const found: Found = {
      ...NOTHING,
      crontab: first.crontab?.after ?? "",
      meaningText,
      meaning: JSON.parse(meaningText ?? ""),
      hostText,
      host: JSON.parse(hostText ?? ""),
    };
    const again = (changes: Partial<Wanted>) =>
      planInstall(found, wanted({ schedule: schedule("Europe/London"), ...changes }));
    const isSame = ({ files }: ReturnType<typeof again>) => files.every(({ before, after }) => before === after);
    expect(isSame(again({ at: new Date("2027-10-28T12:00:00Z") }))).toBe(true);
    const late = again({ at: new Date("2027-10-30T12:00:00Z") });
    expect(isSame(late)).toBe(false);
    expect(late.notes).toEqual(["~ the date until which the lines are valid"]);
    const newer = again({ zoneData: { data: "2026a", localtime: "link /zoneinfo/Etc/UTC" } });
    expect(newer.notes).toEqual(["~ the daylight-saving rules of its time zones"]);
  });

  test("an unknown name is no zone's", () => {
    expect([
      sameZone("Mars/Base", "UTC"),
      sameZone("Mars/Base", "Mars/Base"),
      sameZone("Europe/Kyiv", "Europe/Kiev"),
    ]).toEqual([false, true, true]);
  });
});

test("a crontab of more lines than cron reads is refused", () => {
  const crontab = "#\n".repeat(9998);
  expect(() => planInstall({ ...NOTHING, crontab }, wanted())).toThrow(
    "the crontab would have 10001 lines; cron accepts at most 10000",
  );
  expect(planInstall({ ...NOTHING, crontab: crontab.slice(2) }, wanted()).crontab?.after).toContain("tap_0");
});

test("five hundred pipelines are planned in the order of the file", () => {
  const plan = planInstall(NOTHING, wanted({ schedule: schedule(undefined, 500) }));
  expect(plan.crontab?.after.match(/tap_\d+/g)).toEqual(Array.from({ length: 500 }, (_, index) => `tap_${index}`));
});

test("a host file that would say nothing new but the hour stays as it is", () => {
  const first = planInstall(NOTHING, wanted());
  const [meaning, host] = first.files.map(({ after }) => after ?? "");
  const found: Found = {
    ...NOTHING,
    crontab: first.crontab?.after ?? "",
    meaningText: meaning,
    meaning: JSON.parse(meaning ?? ""),
    hostText: host,
    host: JSON.parse(host ?? ""),
  };
  const later = { at: new Date("2026-11-24T12:00:00Z") };
  expect(planInstall(found, wanted(later)).files.every(({ before, after }) => before === after)).toBe(true);
  const moved = wanted({ ...later, resolved: { ...wanted().resolved, node: "/opt/node" } });
  expect(JSON.parse(planInstall(found, moved).files[1]?.after ?? "")).toMatchObject({
    installedAt: "2026-11-24T12:00:00.000Z",
    node: "/opt/node",
  });
});

describe("another scheduler beside the crontab", () => {
  const systemd = { name: "systemd", place: { folder: "/units" }, loose: ["redshift/tap_1/run_tap"] };
  const two = { schedule: schedule("Europe/London", 2) };
  const planned = (found: Found, changes: Partial<Wanted>) => {
    const { files, ...plan } = planInstall(found, wanted(changes));
    const [meaningText, hostText] = files.map(({ after }) => after ?? "");
    const [meaning, host] = [JSON.parse(meaningText ?? ""), JSON.parse(hostText ?? "")];
    return { ...plan, host, found: { ...NOTHING, crontab: undefined, meaningText, meaning, hostText, host } };
  };

  test("has what is loose there, and nothing that only candidate lines would make so", () => {
    const { host, crontab, notes } = planned({ ...NOTHING, crontab: undefined }, { ...two, elsewhere: systemd });
    expect(crontab).toBeUndefined();
    expect(host).toMatchObject({ lines: [], loose: systemd.loose, on: { systemd: { place: systemd.place } } });
    expect(notes).toContain("+ on systemd");
  });

  test("leaves the lines as they are, and what they start loosely; cron's install leaves the other's", () => {
    const cron = planned(NOTHING, two);
    expect(cron.host.loose).toHaveLength(2);
    const both = planned(cron.found, { ...two, elsewhere: systemd });
    expect(both.host).toMatchObject({ lines: cron.host.lines, loose: cron.host.loose });
    expect(both.host.meaningDigest).toBe(cron.host.meaningDigest);
    const own = { schedule: schedule("Etc/UTC", 2) };
    const again = planned({ ...both.found, crontab: cron.crontab?.after }, own);
    expect(again.host.on).toEqual(both.host.on);
    expect(again.host.loose).toEqual(cron.host.loose);
  });

  test("lines that would be others now go on telling that they are older", () => {
    const cron = planned(NOTHING, {});
    const elsewhere = planned(cron.found, { schedule: schedule(undefined, 2), elsewhere: systemd });
    expect(elsewhere.host.meaningDigest).toBe(cron.host.meaningDigest);
    const same = planned(cron.found, { elsewhere: systemd, envFile: "/env" });
    expect(same.host.meaningDigest).not.toBe(cron.host.meaningDigest);
    expect(same.host.lines).toEqual(cron.host.lines);
  });

  test("--compile-only is refused while lines stand in the crontab, and remembered where none do", () => {
    const cron = planned(NOTHING, {});
    expect(() => planInstall({ ...cron.found, crontab: undefined }, wanted())).toThrow(
      "is already in this machine's crontab",
    );
    const only = planned({ ...NOTHING, crontab: undefined }, {});
    expect(only.host.compileOnly).toBe(true);
    expect(planned(only.found, { elsewhere: systemd }).host.compileOnly).toBe(true);
  });
});
