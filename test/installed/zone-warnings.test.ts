import { describe, expect, test } from "vitest";
import { zoneNotices } from "../../src/installed/zone-warnings.ts";
import { recordZones } from "../../src/installed/zones.ts";

const INSTALLED = new Date("2026-11-23T12:00:00Z");
const entry = (timezone?: string) => ({
  tap: "a",
  target: "b",
  command: "run_tap" as const,
  crons: ["30 9 * * *"],
  timezone,
  args: [],
});
const meaning = (timezone?: string) => ({
  name: "warehouse",
  source: { path: "/s.yml", digest: "0" },
  entries: [entry(timezone)],
});
const zones = recordZones(["Europe/London", "UTC"], { at: INSTALLED, data: "2025b", localtime: "ENOENT" });
const host = { machineZone: "UTC", zones, lines: ["0 * * * * x"] };
const at = (time: string, changes = {}) => ({ now: new Date(time), data: "2025b", machineZone: "Etc/UTC", ...changes });
const SOON = "2026-12-01T00:00Z";

describe("what no longer holds of an install's time zones", () => {
  test("is nothing while the machine and the data are what they were", () => {
    expect(zoneNotices(meaning("Europe/London"), host, at(SOON))).toEqual([]);
  });

  test("says when the lines near their end, and when they are past it", () => {
    expect(zoneNotices(meaning("Europe/London"), host, at("2027-11-28T12:00Z"))).toEqual([]);
    expect(zoneNotices(meaning("Europe/London"), host, at("2027-11-28T12:01Z"))).toEqual([
      "the lines of warehouse for other time zones are valid until 2027-12-28: pipelinewise-sched install /s.yml",
    ]);
    expect(zoneNotices(meaning("Europe/London"), host, at("2027-12-28T12:00Z"))).toEqual([
      "the lines of warehouse for other time zones were valid until 2027-12-28; runs may be missed after a later clock change: pipelinewise-sched install /s.yml",
    ]);
  });

  test.each([[undefined], ["Etc/Zulu"]])("plain lines (%s) need no foresight", (timezone) => {
    expect(zoneNotices(meaning(timezone), host, at("2030-01-01T00:00Z", { data: "2030a" }))).toEqual([]);
  });

  test("says when the machine has moved", () => {
    expect(zoneNotices(meaning(), host, at(SOON, { machineZone: "Europe/Berlin" }))).toEqual([
      "this machine's time zone is now Europe/Berlin; it was UTC when the schedule warehouse was installed; crontab lines of pipelines with their own timezone fire at the wrong times: pipelinewise-sched install /s.yml",
    ]);
  });

  test("where only another scheduler starts it, no lines come to an end, and the remedy names it", () => {
    const on = { systemd: { place: {}, digest: "0" } };
    const elsewhere = { ...host, lines: [], on };
    expect(zoneNotices(meaning("Europe/London"), elsewhere, at("2027-12-28T12:00Z"))).toEqual([]);
    expect(zoneNotices(meaning(), elsewhere, at(SOON, { machineZone: "Europe/Berlin" }))).toEqual([
      "this machine's time zone is now Europe/Berlin; it was UTC when the schedule warehouse was installed; on systemd, pipelines without their own timezone still use the old zone: pipelinewise-sched install /s.yml --on systemd",
    ]);
  });

  test("newer zone data cause a warning only if they contain other clock changes", () => {
    const newer = at(SOON, { data: "2026z" });
    expect(zoneNotices(meaning("Europe/London"), host, newer)).toEqual([]);
    const old = { ...zones, tables: { ...zones.tables, "Europe/London": [[Date.parse(zones.until), 60] as const] } };
    expect(zoneNotices(meaning("Europe/London"), { ...host, zones: old }, newer)).toEqual([
      "daylight-saving rules for Europe/London have changed since warehouse was installed (tz data 2025b, now 2026z): pipelinewise-sched install /s.yml",
    ]);
  });

  test("is nothing to say of an install that kept nothing", () => {
    expect(zoneNotices(meaning("Europe/London"), { machineZone: "UTC", lines: [] }, at("2030-01-01T00:00Z"))).toEqual(
      [],
    );
  });
});
