import { describe, expect, test } from "vitest";
import { lintSharedMinutes } from "../../src/schedule/lint-shared-minutes.ts";
import { parseSchedule } from "../../src/schedule/parse.ts";

const OPTIONS = { machineZone: "UTC", now: new Date("2026-11-23T12:00:00Z") };

/** The warnings about these entries of one pipeline. */
function lint(entries: readonly string[], options = OPTIONS) {
  const text = `pipelines:\n${entries.map((keys) => `  - {tap: orders, target: dwh, ${keys}}\n`).join("")}`;
  const { schedule, diagnostics } = parseSchedule(text, { file: "s.yml", path: "/s.yml", bytes: Buffer.from("") });
  expect(diagnostics).toEqual([]);
  return lintSharedMinutes(schedule?.pipelines ?? [], options);
}

const FREQUENT = 'cron: "*/5 * * * *", id: often';
const WEEKLY = 'cron: "0 3 * * 0", id: weekly';
const DATES = "2026-11-29 03:00Z, 2026-12-06 03:00Z, 2026-12-13 03:00Z, …";

describe("two entries of one pipeline that are due in the same minute", () => {
  test("give a warning at the rarer one, with the dates and what happens", () => {
    const expected = (index: number) => [
      {
        path: ["pipelines", index, "cron"],
        severity: "warning",
        message: `due in the same minute as orders → dwh (often) (${DATES}): if orders → dwh (often) starts first, this entry is skipped (overlap)`,
        hint: "Choose a minute at which the other entry is not due, or let this one wait: `on_overlap: {wait: 1h}`.",
      },
    ];
    expect(lint([FREQUENT, WEEKLY])).toEqual(expected(1));
    expect(lint([WEEKLY, FREQUENT])).toEqual(expected(0));
  });

  test.each([
    ["the rarer one waits", [FREQUENT, `${WEEKLY}, on_overlap: {wait: 5m}`]],
    ["the rarer one is a sync, which waits by default", [FREQUENT, `${WEEKLY}, command: fast_sync`]],
    ["the rarer one replaces", [FREQUENT, `${WEEKLY}, on_overlap: replace`]],
    ["one of them is disabled", [FREQUENT, `${WEEKLY}, enabled: false`]],
    ["they have different locks", [FREQUENT, `${WEEKLY}, command: run_data_diff_checks`]],
    ["they are due in different minutes", [FREQUENT, 'cron: "1 3 * * 0", id: weekly']],
    ["their time zones differ", ['cron: "0 3 * * *", id: often', `${WEEKLY}, timezone: Asia/Kathmandu`]],
  ])("give no warning if %s", (_, entries) => {
    expect(lint(entries)).toEqual([]);
  });

  test("give a warning if the frequent one replaces, also if the rarer one waits", () => {
    const [warning, ...others] = lint([`${FREQUENT}, on_overlap: replace`, `${WEEKLY}, on_overlap: {wait: 5m}`]);
    expect(others).toEqual([]);
    expect(warning?.message).toBe(
      `due in the same minute as orders → dwh (often) (${DATES}): if this entry starts first, orders → dwh (often) stops its run (on_overlap: replace)`,
    );
  });

  test("are found in different time zones and a year ahead", () => {
    const [warning] = lint(['cron: "0 0 1 1 *", timezone: Europe/Paris, id: yearly', FREQUENT]);
    expect(warning?.message).toContain("(2026-12-31 23:00Z): ");
  });

  test("give one warning for each two entries", () => {
    const paths = lint([FREQUENT, WEEKLY, 'cron: "0 * * * *", id: hourly']).map(({ path }) => path[1]);
    expect(paths.sort()).toEqual([1, 1, 2]);
  });
});
