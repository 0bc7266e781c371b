import { expect, test } from "vitest";
import { cronComplaints, cronStarts } from "./rig/cron-log.ts";
import { startPrivateCron } from "./rig/private-cron.ts";
import { runStepped } from "./rig/run-stepped.ts";
import { describeOnRealCron } from "./rig/suite.ts";

describeOnRealCron("the rig", () => {
  test("hands on the daemon's own starts, to the minute, from the first instant to before the last", async () => {
    const starts = await runStepped({
      from: new Date("2026-11-23T12:00:00Z"),
      to: new Date("2026-11-23T13:00:00Z"),
      zone: "Etc/UTC",
      tab: "*/20 * * * * /bin/true a\n0 * * * * /bin/true b\n",
    });
    expect(starts).toEqual([
      { at: "2026-11-23T12:00Z", command: "/bin/true a" },
      { at: "2026-11-23T12:00Z", command: "/bin/true b" },
      { at: "2026-11-23T12:20Z", command: "/bin/true a" },
      { at: "2026-11-23T12:40Z", command: "/bin/true a" },
    ]);
  });

  test("gives the daemon another machine zone, and the daemon's starts match Debian's for London's spring night", async () => {
    const starts = await runStepped({
      from: new Date("2026-03-29T00:00:00Z"),
      to: new Date("2026-03-29T02:00:00Z"),
      zone: "Europe/London",
      tab: "15,45 1 * * * /bin/true fixed\n*/15 1 * * * /bin/true wildcard\n30 * * * * /bin/true hourly\n",
    });
    expect(starts).toEqual([
      { at: "2026-03-29T00:30Z", command: "/bin/true hourly" },
      { at: "2026-03-29T01:00Z", command: "/bin/true fixed" },
      { at: "2026-03-29T01:00Z", command: "/bin/true fixed" },
      { at: "2026-03-29T01:30Z", command: "/bin/true hourly" },
    ]);
  });

  test("sees a crontab that the daemon ignores", async () => {
    const machine = await startPrivateCron();
    try {
      await machine.setCrontab("* * * * * /bin/true\n");
      const spool = "/var/spool/cron/crontabs/root";
      await machine.run(["sh", "-c", `echo '99 * * * * /bin/true' >> ${spool}`]);
      const log = await machine.step(new Date("2026-11-23T12:00:00Z"), new Date("2026-11-23T12:05:00Z"));
      expect(cronStarts(log)).toEqual([]);
      expect(cronComplaints(log).join("\n")).toContain("bad minute");
    } finally {
      await machine.stop();
    }
  });
});
