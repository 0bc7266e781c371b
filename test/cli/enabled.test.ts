import { describe, expect, test } from "vitest";
import { fakeMachine } from "../support/fake-machine.ts";

const DISABLED = `pipelines:
  - {tap: orders, target: redshift, cron: "*/5 * * * *", enabled: false}
  - {tap: stock, target: redshift, cron: "*/5 * * * *", enabled: true}
`;
const ENABLED = DISABLED.replace("false", "true");
const START = ["run", "--scheduled", "--output", "--slot", "2026-11-23T12:00:00Z", "--target", "redshift", "--tap"];
const DETAIL =
  "is paused by `enabled: false` in the schedule file; to resume: remove that key, then install the schedule again";

/** A machine on which this schedule file is installed. */
async function installed(text: string) {
  const one = fakeMachine({ hasPrograms: true });
  one.put("schedule.yml", text);
  expect(await one.run("install")).toMatchObject({ code: 0 });
  return one;
}

/** The taps and times of a preview. */
async function previewed(one: ReturnType<typeof fakeMachine>, ...words: string[]) {
  const { out } = await one.run("preview", "--json", ...words);
  return JSON.parse(out).runs.map((run: { tap: string; at: string }) => `${run.tap} ${run.at.slice(8, 16)}`);
}

describe("an entry with `enabled: false`", () => {
  test("stays in the crontab, and each of its starts is skipped as paused", async () => {
    const one = await installed(DISABLED);
    expect(one.crontab.text()).toContain("--tap orders ");
    expect(await one.run(...START, "orders")).toEqual({
      code: 0,
      out: `skipped (paused): orders → redshift ${DETAIL}\n`,
      err: "",
    });
    expect(await one.run(...START, "stock")).toMatchObject({ code: 0, out: "", err: "" });
    expect(await one.run("run", "--tap", "orders", "--target", "redshift")).toMatchObject({
      code: 75,
      err: `skipped (paused): orders → redshift ${DETAIL}\n`,
    });
    const { runs } = JSON.parse((await one.run("history", "--json", "--tap", "orders")).out);
    expect(runs).toMatchObject([
      { outcome: "skipped", reason: "paused", slot: null },
      { outcome: "skipped", reason: "paused", slot: "2026-11-23T12:00:00.000Z" },
    ]);
  });

  test("runs again after an install without it, which changes no line of the crontab and says what changed", async () => {
    const one = await installed(DISABLED);
    const before = one.crontab.text();
    one.put("schedule.yml", ENABLED);
    expect((await one.run("diff")).out).toContain("~ orders → redshift: run policies\n");
    expect(await one.run("install")).toMatchObject({ code: 0 });
    expect(one.crontab.text()).toBe(before);
    expect(await one.run(...START, "orders")).toMatchObject({ code: 0, out: "", err: "" });
  });

  test("is not resumed by the command `resume`, and a pause is named beside it", async () => {
    const one = await installed(DISABLED);
    const pair = ["--tap", "orders", "--target", "redshift"];
    expect(await one.run("resume", ...pair)).toMatchObject({ code: 0, out: "orders → redshift is not paused\n" });
    await one.run("pause", ...pair);
    expect((await one.run(...START, "orders")).out).toMatch(
      /^skipped \(paused\): orders → redshift is paused by \S+ on host testhost .*; it is paused by `enabled: false` /,
    );
  });

  test("has no next run in status, which says why", async () => {
    const one = await installed(DISABLED);
    const { out } = await one.run("status");
    expect(out).toMatch(/^orders .* cron +paused \(enabled: false\) *$/m);
    const { pipelines } = JSON.parse((await one.run("status", "--json")).out);
    expect(pipelines).toMatchObject([
      { tap: "orders", nextRunAt: null, disabledInFile: true, pauses: [] },
      { tap: "stock", disabledInFile: false, pauses: [] },
    ]);
  });

  test("is left out of the preview, which says so", async () => {
    const one = await installed(DISABLED);
    const note = "Left out, because of `enabled: false`: orders → redshift.\n";
    expect(await previewed(one, "--count", "2")).toEqual(["stock 23T12:05", "stock 23T12:10"]);
    expect((await one.run("preview", "--json")).err).toContain(note);
    const { out } = await one.run("preview", "--count", "1");
    expect(out).toContain(note);
    expect(out).not.toMatch(/^2026.*orders/m);
    expect((await one.run("preview", "--by", "pipeline", "--tap", "orders")).out).toContain("no run in this period");
  });
});

describe("the preview", () => {
  const PAUSE = ["pause", "--tap", "orders", "--target", "redshift"];

  test("leaves out the starts of a paused pipeline until the end of the pause, and says so", async () => {
    const one = await installed(ENABLED);
    await one.run(...PAUSE, "--until", "2026-11-23T12:10Z", "--reason", "release");
    const window = ["--from", "2026-11-23T12:00Z", "--to", "2026-11-23T12:15Z"];
    // Before the pause began, and from its end on.
    const expected = ["orders 23T12:00", "stock 23T12:00", "stock 23T12:05", "orders 23T12:10", "stock 23T12:10"];
    expect(await previewed(one, ...window)).toEqual(expected);
    expect((await one.run("preview", ...window)).out).toMatch(
      /^Left out, because of a pause: orders → redshift by \S+ on host testhost since 2026-11-23 12:00:0\dZ until 2026-11-23 12:10:00Z \(release\)\.$/m,
    );
    expect(await previewed(one, "--tap", "orders", "--count", "2")).toEqual(["orders 23T12:10", "orders 23T12:15"]);
    expect((await one.run("preview", "--tap", "stock")).out).not.toContain("Left out");
    expect((await one.run("preview", "--daemon", "busybox", ...window)).out).toContain(
      "In this period busybox starts every pipeline at the same times as debian.",
    );
  });

  test("shows no start of a pipeline that is paused without an end", async () => {
    const one = await installed(ENABLED);
    await one.run("pause", "--all");
    await one.run(...PAUSE, "--for", "1h");
    expect(await previewed(one, "--count", "3")).toEqual([]);
    const { out } = await one.run("preview");
    expect(out).toContain("Left out, because of a pause: all pipelines by ");
    expect(out).toContain("No pipeline runs in this period.");
    await one.run("resume", "--all");
    expect(await previewed(one, "--tap", "orders", "--count", "1")).toEqual(["orders 23T13:05"]);
    await one.run("resume", ...PAUSE.slice(1));
    expect(await previewed(one, "--tap", "orders", "--count", "1")).toEqual(["orders 23T12:05"]);
  });

  test("warns about a pause file that cannot be read", async () => {
    const one = await installed(ENABLED);
    await one.run(...PAUSE);
    one.put(".pipelinewise/.sched/pauses/redshift/orders.json", "");
    expect((await one.run("preview")).err).toContain(
      "warning: starts are blocked: ~/.pipelinewise/.sched/pauses/redshift/orders.json is garbled, so it is unknown whether orders → redshift may start. ",
    );
  });
});
