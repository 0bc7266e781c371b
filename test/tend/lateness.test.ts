import { existsSync, mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { AlertRule } from "../../src/alert-rules.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { readStored } from "../../src/installed/store.ts";
import type { Policies } from "../../src/policies.ts";
import { TEND_PARTS, tend } from "../../src/tend/tend.ts";
import { HOUR_MS } from "../../src/time-units.ts";
import { startSink } from "../alerts/sink.ts";
import { anEntry, PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { until } from "../support/wait.ts";

const RULE: AlertRule = {
  when: ["failed", "late", "overdue", "recovered"],
  receiver: { kind: "webhook", url: `\${env:HOOK}` },
};
const FRESH = { freshWithinMs: 2 * HOUR_MS };

/** A machine whose clock the test sets, with a receiver. Its pipeline fails while the file `broken` exists. */
async function machine(policies: Policies, { script = "[ ! -e $HOME/broken ]", rule = {} as Partial<AlertRule> } = {}) {
  const sink = await startSink();
  let time = "12:00:00";
  const box = sandbox(script, { now: () => new Date(`2026-11-23T${time}Z`) });
  const host = { ...box.host, env: { ...box.host.env, HOOK: sink.url }, program: "/nonexistent" };
  box.install([anEntry({ policies, since: "2026-11-23T09:00:00.000Z" })], { alerts: [{ ...RULE, ...rule }] });
  const parts = TEND_PARTS.filter(({ name }) => name === "late pipelines" || name === "alerts");
  return {
    ...box,
    host,
    run: () => runMain(PAIR_WORDS, host),
    async tendAt(next: string) {
      time = next;
      const installed = await readStored(box.paths, "pipelinewise", host);
      if (installed?.host === undefined) throw new Error("nothing is installed");
      const { storedSchedule: schedule, host: install } = installed;
      await tend({ host, paths: box.paths, schedule, install, at: host.now() }, { parts });
    },
    setTime(next: string) {
      time = next;
    },
    alerts: () => sink.messages().flatMap((message) => message.alerts),
    kinds: () => sink.messages().map(({ alerts }) => alerts.map(({ kind }) => kind).join(" ")),
  };
}

describe("tend reports a pipeline that is late", () => {
  test("once, and the success after it", async () => {
    const box = await machine(FRESH);
    await box.tendAt("10:55:00");
    expect(box.kinds()).toEqual([]);
    for (const time of ["11:05:00", "11:10:00"]) await box.tendAt(time);
    expect(box.kinds()).toEqual(["late"]);
    expect(box.alerts()).toMatchObject([
      {
        tap: "microserv_1",
        since: "2026-11-23T11:00:00.000Z",
        run: null,
        detail: "it has never succeeded, and must succeed within 2 h",
      },
    ]);
    expect(await box.run()).toBe(0);
    for (const time of ["11:15:00", "11:20:00"]) await box.tendAt(time);
    expect(box.kinds()).toEqual(["late", "recovered"]);
    await box.tendAt("14:00:00");
    expect(box.kinds()).toEqual(["late", "recovered", "late"]);
  });

  test("beside its failures, and one recovery closes both", async () => {
    const box = await machine(FRESH);
    writeFileSync(box.file("broken"), "");
    expect(await box.run()).toBe(1);
    await box.tendAt("12:05:00");
    expect(await box.run()).toBe(1);
    await box.tendAt("12:10:00");
    expect(box.kinds()).toEqual(["late failed"]);
    writeFileSync(box.program, "#!/bin/sh\n");
    expect(await box.run()).toBe(0);
    await box.tendAt("12:15:00");
    expect(box.kinds()).toEqual(["late failed", "recovered"]);
    expect(box.alerts().at(-1)).toMatchObject({ since: "2026-11-23T11:00:00.000Z" });
  });

  test("until somebody runs it without this program", async () => {
    const box = await machine(FRESH);
    await box.tendAt("12:05:00");
    const logs = join(box.paths.configDir, "redshift", "microserv_1", "log");
    mkdirSync(logs, { recursive: true });
    writeFileSync(join(logs, "redshift-microserv_1-20261123_120600.singer.log.success"), "");
    for (const time of ["12:10:00", "12:15:00"]) await box.tendAt(time);
    expect(box.kinds()).toEqual(["late", "recovered"]);
  });

  test.each<[name: string, policies: Policies, rule: Partial<AlertRule>]>([
    ["an entry that the schedule file pauses", { ...FRESH, enabled: false }, {}],
    ["an entry without alerts", { ...FRESH, alerts: false }, {}],
    ["an entry of another rule", FRESH, { taps: ["other"] }],
    ["an entry whose rule lists other events", FRESH, { when: ["failed", "overdue"] }],
  ])("but not %s", async (_, policies, rule) => {
    const box = await machine(policies, { rule });
    await box.tendAt("12:05:00");
    expect(box.kinds()).toEqual([]);
  });

  test("and goes on after an entry that cannot be checked", async () => {
    const box = await machine(FRESH);
    box.install([anEntry({ tap: "locked", policies: FRESH }), anEntry({ policies: FRESH })], { alerts: [RULE] });
    mkdirSync(join(box.paths.configDir, "redshift", "locked"), { recursive: true });
    symlinkSync("log", join(box.paths.configDir, "redshift", "locked", "log"));
    await box.tendAt("12:05:00");
    expect(box.alerts().map(({ tap }) => tap)).toEqual(["microserv_1"]);
    expect(box.host.err()).toContain("cannot check whether locked → redshift is late");
  });
});

test("tend reports a run that is overdue once, and its success", async () => {
  const script = 'touch "$HOME/started"; while [ ! -e "$HOME/go" ]; do sleep 0.1; done';
  const box = await machine({ runningLongerThanMs: HOUR_MS }, { script });
  const running = box.run();
  await until("the pipeline is running", () => existsSync(box.file("started")));
  await box.tendAt("12:55:00");
  expect(box.kinds()).toEqual([]);
  for (const time of ["13:05:00", "13:10:00"]) await box.tendAt(time);
  expect(box.kinds()).toEqual(["overdue"]);
  expect(box.alerts()).toMatchObject([
    {
      since: "2026-11-23T12:00:00.000Z",
      run: { host: "testhost", endedAt: null },
      detail: "it has been running since 2026-11-23 12:00:00Z, for longer than 1 h",
    },
  ]);
  writeFileSync(box.file("go"), "");
  expect(await running).toBe(0);
  await box.tendAt("13:15:00");
  expect(box.kinds()).toEqual(["overdue", "recovered"]);
});
