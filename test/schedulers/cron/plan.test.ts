import { describe, expect, test } from "vitest";
import { horizonFrom } from "../../../src/installed/zones.ts";
import { planCrontab, type WantedLines } from "../../../src/schedulers/cron/plan.ts";
import { mayFireEarly } from "../../../src/schedulers/cron/render.ts";
import { schedule } from "../../support/schedule.ts";
import { takeOver } from "../place.ts";

const FRAME = { machineZone: "Etc/UTC", horizon: horizonFrom(new Date("2026-11-23T12:00:00Z")) };

const wanted = (changes: Partial<WantedLines> = {}): WantedLines => ({
  schedule: schedule(),
  call: {
    node: "/usr/bin/node",
    program: "/opt/x",
    schedule: "pipelinewise",
    configDir: "/home/etl/.pipelinewise",
  },
  defaultConfigDir: "/home/etl/.pipelinewise",
  frame: FRAME,
  takeOver: takeOver(schedule()),
  ...changes,
});

describe("the config directory", () => {
  test("is left out of the lines if a run under cron finds it by itself", () => {
    expect(planCrontab("", wanted()).lines).toEqual([
      "0 * * * * /usr/bin/node /opt/x run --scheduled --tap tap_0 --target redshift",
    ]);
  });

  test.each([
    ["it is not the default", { defaultConfigDir: "/root/.pipelinewise" }, ""],
    ["the default is unknown", { defaultConfigDir: undefined }, ""],
    ["the crontab sets another home", {}, "HOME=/tmp\n"],
    ["the crontab sets another config directory", {}, ' "PIPELINEWISE_CONFIG_DIRECTORY" = /x\n'],
  ])("is part of the lines if %s", (_, changes, crontab) => {
    expect(planCrontab(crontab, wanted(changes)).lines[0]).toContain(
      "run --scheduled --config-dir /home/etl/.pipelinewise --tap",
    );
  });
});

describe("the time zone", () => {
  test.each([["UTC"], ["Etc/UTC"], ["Etc/Zulu"], [undefined]])("%s is the machine's own", (timezone) => {
    const own = schedule(timezone);
    expect(planCrontab("", wanted({ schedule: own })).lines[0]).toContain("tap_0");
    expect(own.pipelines.filter((pipeline) => mayFireEarly(pipeline, FRAME))).toEqual([]);
  });

  test("of another region gets candidate lines below a comment with the expression", () => {
    const london = schedule("Europe/London");
    expect(
      planCrontab("", wanted({ schedule: london }))
        .after.split("\n")
        .slice(1, -2),
    ).toEqual([
      "# 0 * * * * Europe/London: every hour; candidate line: the run checks whether it is due",
      "0 * * * * /usr/bin/node /opt/x run --scheduled --tap tap_0 --target redshift",
    ]);
    expect(london.pipelines.filter((pipeline) => mayFireEarly(pipeline, FRAME))).toHaveLength(1);
  });

  test("that shows the machine's time for as long as the lines are valid gets plain lines", () => {
    expect(planCrontab("", wanted({ schedule: schedule("Africa/Abidjan") })).after).not.toContain("candidate");
  });
});

test("a crontab with more lines than cron reads is refused", () => {
  const crontab = "#\n".repeat(9998);
  expect(() => planCrontab(crontab, wanted())).toThrow(
    "the crontab would have 10001 lines; cron accepts at most 10000",
  );
  expect(planCrontab(crontab.slice(2), wanted()).after).toContain("tap_0");
});

test("five hundred pipelines are planned in the order of the file", () => {
  const { after } = planCrontab("", wanted({ schedule: schedule(undefined, 500) }));
  expect(after.match(/tap_\d+/g)).toEqual(Array.from({ length: 500 }, (_, index) => `tap_${index}`));
});
