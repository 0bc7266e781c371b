import { describe, expect, test } from "vitest";
import { type FakeMachine, fakeMachine } from "../support/fake-machine.ts";

const CRONICLE = `cronicle: {url: "http://localhost:3012", key: "\${env:KEY}", target: all}\n`;

const schedule = (times: string): string => `${CRONICLE}pipelines:\n  - {tap: orders, target: redshift, ${times}}\n`;

/** The arguments of the scheduled command that `export` writes for this machine's worker, for a start at noon. */
async function exportedWords(one: FakeMachine, on: string): Promise<readonly string[]> {
  const words = ["--node", "/n", "--program", "/p", "--config-dir", one.configDir, "--machine-zone", "UTC"];
  const { code, out } = await one.run("export", "--on", on, ...words);
  expect(code).toBe(0);
  const text = out.replaceAll("~", one.home);
  const digest = /--times[\s",]+([0-9a-f]{8})/.exec(text)?.[1];
  expect(digest).toBeDefined();
  const start = ["--scheduled", "--config-dir", one.configDir, "--tap", "orders", "--target", "redshift"];
  const slot = on === "airflow" || on === "cronicle" ? ["--slot", "2026-11-23T12:00:00Z"] : [];
  return [...start, ...slot, "--times", digest ?? "", "--skip-exit-code", "99"];
}

describe.each(["airflow", "cronicle", "cron", "systemd"])("a start by a command that was exported for %s", (on) => {
  const OLD = 'cron: "0 12 * * *"';

  test("runs where the stored schedule has the same times", async () => {
    const one = fakeMachine();
    one.put("schedule.yml", schedule(OLD));
    await one.run("install", "--compile-only");
    expect(await one.run("run", ...(await exportedWords(one, on)))).toMatchObject({ code: 0, err: "" });
  });

  test.each([
    ["times", 'cron: "0 13 * * *"', "0 12 * * * (UTC, the machine's zone)"],
    ["time zone", `${OLD}, timezone: Asia/Tokyo`, "0 12 * * * (UTC, the machine's zone)"],
  ])("fails where the stored schedule has another %s, and leaves the crontab alone", async (_, fresh, told) => {
    const one = fakeMachine();
    one.put("schedule.yml", schedule(OLD));
    await one.run("install", "--compile-only");
    one.put("schedule.yml", schedule(fresh));
    const { code, err } = await one.run("run", ...(await exportedWords(one, on)));
    expect([code, err]).toEqual([
      66,
      expect.stringContaining(
        `the scheduler has other times for orders → redshift than the schedule that is stored on host testhost: ${told}\n`,
      ),
    ]);
    const again = "pipelinewise-sched install --compile-only --config-dir ~/.pipelinewise ~/schedule.yml";
    expect(err.replaceAll("'", "")).toContain(`store the new schedule on this host: ${again}.`);
    expect((await one.run("history", "--json")).out).not.toContain("not-due");
    await one.run("install", "--compile-only");
    expect(one.crontab.text()).toBeUndefined();
    expect(await one.run("run", ...(await exportedWords(one, on)))).not.toMatchObject({ code: 66 });
  });

  test("is told to store the schedule, not to add it to the crontab, where nothing is stored", async () => {
    const one = fakeMachine();
    one.put("schedule.yml", schedule(OLD));
    expect(await one.run("run", ...(await exportedWords(one, on)))).toMatchObject({
      code: 66,
      err: expect.stringContaining("pipelinewise-sched install --compile-only --config-dir"),
    });
  });
});

test("Airflow's start fails where the worker's machine has another zone and the entry has none", async () => {
  const one = fakeMachine();
  one.put("schedule.yml", schedule('cron: "0 12 * * *"'));
  await one.run("install", "--compile-only");
  const words = ["--node", "/n", "--program", "/p", "--config-dir", one.configDir];
  const digestIn = async (zone: string): Promise<string | undefined> =>
    /--times[\s",]+([0-9a-f]{8})/.exec(
      (await one.run("export", "--on", "airflow", ...words, "--machine-zone", zone)).out,
    )?.[1];
  const [utc, alias, tokyo] = [await digestIn("UTC"), await digestIn("Etc/UTC"), await digestIn("Asia/Tokyo")];
  expect(alias).toBe(utc);
  expect(tokyo).not.toBe(utc);
});
