import { describe, expect, test } from "vitest";
import { fakeMachine } from "../support/fake-machine.ts";

const SCHEDULE = `cronicle: {url: "http://localhost:3012", key: "\${env:CRONICLE_KEY}"}
timezone: UTC
pipelines:
  - {tap: orders, target: redshift, cron: "0 3 * * *"}
  - {tap: stock, target: redshift, after: {tap: orders, target: redshift}, note: Never in a crontab}
  - {tap: third, target: redshift, cron: "0 5 * * 0", after: [{tap: orders, target: redshift}, {tap: stock, target: redshift}]}
`;

function machine() {
  const box = fakeMachine();
  box.put("schedule.yml", SCHEDULE);
  return box;
}

describe("entries that run after other pipelines", () => {
  test("validate accepts one without cron", async () => {
    expect(await machine().run("validate")).toMatchObject({
      code: 0,
      out: expect.stringContaining('schedule.yml: fine: 3 pipelines, schedule "pipelinewise"'),
    });
  });

  test("install gives cron only the entries that have times, and stores the order", async () => {
    const box = machine();
    expect(await box.run("install")).toMatchObject({ code: 0 });
    const lines = box.crontab.text()?.split("\n") ?? [];
    expect(lines.filter((line) => line.includes("--tap")).map((line) => /--tap (\w+)/.exec(line)?.[1])).toEqual([
      "orders",
      "third",
    ]);
    expect(box.crontab.text()).not.toContain("Never in a crontab");
    const stored = JSON.parse(box.text(".pipelinewise/.sched/schedules/pipelinewise.json") ?? "");
    expect(stored.entries[1]).toMatchObject({ crons: [], after: [{ tap: "orders", target: "redshift" }] });
    expect((await box.run("install")).err).toContain("nothing to change");
  });

  test.each(["airflow", "cronicle", "systemd"])("%s gets only the entries that have times", async (on) => {
    const { code, out } = await machine().run("export", "--on", on);
    expect(code).toBe(0);
    expect(out).toContain("orders");
    expect(out).toContain("third");
    expect(out).not.toContain("stock");
  });

  test("preview lists them under their predecessor", async () => {
    const { out } = await machine().run("preview", "--count", "1");
    expect(out).toMatchInlineSnapshot(`
      "The next runs from 2026-11-23 12:00Z, 1 of each pipeline.
      Local times are in UTC, as set in the schedule.
      Cron on this machine: Debian cron.

      TIME IN UTC        FROM NOW        PIPELINE           NOTE
      2026-11-24 03:00Z  in 15 h         orders → redshift  at 03:00 every day
                                         └ stock → redshift
                                           └ third → redshift  (also after orders → redshift)
      2026-11-29 05:00Z  in 5 d 17 h     third → redshift   at 05:00 on Sunday
      "
    `);
  });

  test("preview --by pipeline lists them too", async () => {
    const { out } = await machine().run("preview", "--by", "pipeline", "--count", "1");
    expect(out).toMatchInlineSnapshot(`
      "The next runs from 2026-11-23 12:00Z, 1 of each pipeline.
      Local times are in UTC, as set in the schedule.
      Cron on this machine: Debian cron.

      orders → redshift
      at 03:00 every day  (0 3 * * *, UTC)
        └ stock → redshift
          └ third → redshift  (also after orders → redshift)
        2026-11-24 03:00Z  in 15 h

      stock → redshift: Never in a crontab
      after orders → redshift
        └ third → redshift  (also after orders → redshift)

      third → redshift
      at 05:00 on Sunday  (0 5 * * 0, UTC)
      after orders → redshift and stock → redshift
        2026-11-29 05:00Z  in 5 d 17 h
      "
    `);
  });

  test("status shows the pipelines after which an entry runs", async () => {
    const box = machine();
    await box.run("install");
    const { out } = await box.run("status");
    expect(out).toContain("after orders → redshift");
    expect(out).toContain("0 5 * * 0 UTC; after orders → redshift and stock → redshift");
    const { pipelines } = JSON.parse((await box.run("status", "--json")).out);
    expect(pipelines[1]).toMatchObject({ crons: [], after: [{ tap: "orders", target: "redshift" }], nextRunAt: null });
  });
});
