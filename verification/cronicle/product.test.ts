import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { runToEnd } from "../rig/child.ts";
import { STAND_IN } from "../rig/product.ts";
import { waitFor } from "../rig/wait.ts";
import { describeOnCronicle } from "./installed.ts";
import { type CronicleProduct, cronicleProduct } from "./product.ts";

/** Not in the lifetime of a test. */
const RARELY = "0 4 29 2 *";
const MINUTE_MS = 60_000;
const THEIRS = {
  id: "theirs",
  title: "theirs",
  enabled: 1,
  category: "general",
  plugin: "shellplug",
  target: "allgrp",
};

describeOnCronicle("through our own commands", (installed) => {
  test("what is installed is shown before, changed, mended and taken away, and nothing else", async () => {
    const product = await cronicleProduct(installed);
    const { server, sandbox, on } = product;
    for (const tap of ["users", "old"]) sandbox.addTap(tap);
    await server.call("create_event", { ...THEIRS, timing: false, params: { script: "true" } });
    product.writeSchedule({ orders: "0 4 * * *", users: "*/5 * * * *", old: RARELY });
    const events = ["orders", "users", "old"].map((tap) => `  + event pipelinewise: ${tap} → dwh\n`).join("");

    expect(await on("validate")).toMatchObject({ code: 0, out: expect.stringContaining("fine: 3 pipelines") });
    const before = await on("diff");
    expect(before).toMatchObject({ code: 1, err: "" });
    expect(before.out).toContain(`Cronicle: 4 created\n  + category Pipelines\n${events}`);
    expect(await on("install")).toMatchObject({ code: 0, err: expect.stringContaining("installed pipelinewise on") });
    expect(await on("diff")).toMatchObject({ code: 0, out: expect.stringContaining("Cronicle: 3 unchanged\n") });

    const place = ["--node", process.execPath, "--program", process.cwd(), "--config-dir", sandbox.config];
    const exported = JSON.parse((await on("export", ...place)).out);
    expect(exported.events.map(({ title }: { title: string }) => title)).toEqual(
      ["orders", "users", "old"].map((tap) => `pipelinewise: ${tap} → dwh`),
    );

    await server.call("update_event", { id: await product.eventOf("orders"), enabled: 0 });
    product.writeSchedule({ orders: "0 4 * * *", users: "0 5 * * *" });
    const drift = await on("diff");
    expect(drift).toMatchObject({ code: 1 });
    expect(drift.out).toContain(`Cronicle: 2 changed, 1 removed
  ~ event pipelinewise: orders → dwh
      enabled: no, then yes
  ~ event pipelinewise: users → dwh
      notes:
      - */5 * * * * UTC: every 5 minutes
      + 0 5 * * * UTC: at 05:00 every day
      times: minutes 0,5,10,15,20,25,30,35,40,45,50,55, then minutes 0, hours 5
  - event pipelinewise: old → dwh
`);
    expect(await on("install")).toMatchObject({ code: 0 });
    expect(await on("diff")).toMatchObject({ code: 0, out: expect.stringContaining("Cronicle: 2 unchanged\n") });

    expect(await on("uninstall")).toMatchObject({ code: 0, out: expect.stringContaining("Cronicle: 2 removed\n") });
    const { rows } = await server.call("get_schedule", { offset: 0, limit: 100 });
    expect(rows).toEqual([expect.objectContaining({ id: "theirs", title: "theirs" })]);
  });

  test("the five pipelines of the example are five events", async () => {
    const { sandbox, write, on } = await cronicleProduct(installed);
    await sandbox.run("import", "--dir", join(STAND_IN, "project"));
    write(readFileSync("examples/schedule.yml", "utf8"));
    const { code, out } = await on("install");
    expect(code).toBe(0);
    for (const number of [1, 2, 3, 4, 5])
      expect(out).toContain(`  + event pipelinewise: microserv_${number} → redshift\n`);
    expect(await on("diff")).toMatchObject({ code: 0, out: expect.stringContaining("Cronicle: 5 unchanged\n") });
  });

  test("ids and notes are taken, however long and odd they may be", async () => {
    const { sandbox, write, on } = await cronicleProduct(installed);
    const long = `A.b-c_${"x".repeat(122)}`;
    for (const tap of [long, "0", "_"]) sandbox.addTap(tap);
    write(`name: ${"a-b_".repeat(16)}
pipelines:
  - {tap: ${long}, target: dwh, cron: "0 4 1 * 5", note: "a <b>bold</b> & 'c' \\"d\\" → ü 100% $HOME \`id\` \\\\n"}
  - {tap: "0", target: dwh, cron: "0 4 * * *", note: "<"}
  - {tap: "_", target: dwh, cron: "0 4 * * *", command: sync_tables, id: a-b}
`);
    expect(await on("install")).toMatchObject({ code: 0 });
    expect(await on("diff")).toMatchObject({ code: 0, out: expect.stringContaining("Cronicle: 4 unchanged\n") });
  });

  test("a due minute: a success, a failure, a skip that is seen, and cron beside it", async () => {
    const product = await cronicleProduct(installed);
    const { sandbox } = product;
    sandbox.tell({ hang: true });
    sandbox.addTap("fine");
    sandbox.addTap("ill", { exit: 3, lines: ["an ERROR of the source"] });
    sandbox.addTap("both", { seconds: 4 });
    product.writeSchedule({ orders: "* * * * *", fine: "* * * * *", ill: "* * * * *", both: "* * * * *" });
    expect(await product.on("install")).toMatchObject({ code: 0 });
    const line = await product.cronLine("both");

    const atWork = await product.runNow("orders");
    await isAtWork(product);
    const minute = await nextMinute();
    const env = { HOME: sandbox.folder, LOGNAME: "root", SHELL: "/bin/sh", PATH: "/usr/bin:/bin" };
    const byCron = await runToEnd(["/bin/sh", "-c", line], { env });

    // cron shows a run as it shows a skip: by saying nothing.
    expect(byCron).toEqual({ code: 0, signal: null, stdout: "", stderr: "" });
    expect(await product.jobAt("fine", minute)).toMatchObject({ code: 0, log: expect.stringContaining("SUCCESS") });
    const ill = await product.jobAt("ill", minute);
    expect(ill).toMatchObject({ code: 1, log: expect.stringContaining("an ERROR of the source") });
    const skip = await product.jobAt("orders", minute);
    expect(skip).toMatchObject({ code: 0 });
    expect(skip.log).toMatch(/^skipped \(overlap\): orders → dwh is locked by host \S+, pid \d+, since [^\n]*\n$/);
    const both = await product.jobAt("both", minute);
    expect(both).toMatchObject({ code: 0 });

    const slot = new Date(minute * 1000).toISOString();
    const rows = (await product.history()).filter(({ startedAt }) => startedAt.slice(0, 16) === slot.slice(0, 16));
    const of = (tap: string) => rows.filter((row) => row.tap === tap);
    expect(of("fine")).toMatchObject([{ outcome: "succeeded", slot }]);
    expect(of("ill")).toMatchObject([{ outcome: "failed", slot }]);
    expect(of("orders")).toMatchObject([{ outcome: "skipped", reason: "overlap", slot }]);
    const [one, other] = of("both").sort((a, b) => a.outcome.localeCompare(b.outcome));
    expect([one, other]).toMatchObject([
      { outcome: "skipped", reason: "slot-done" },
      { outcome: "succeeded", slot },
    ]);
    const skipped = /^skipped \(slot-done\): both → dwh was already started for /;
    const status = /^ {4}Status {2}: SUCCESS$/m;
    expect([skipped, status].filter((one) => one.test(both.log))).toHaveLength(1);

    // A start by hand is waited for by somebody: it fails where it cannot be.
    const refused = await product.endOf(await product.runNow("orders"));
    expect(refused).toMatchObject({
      code: 75,
      description: expect.stringContaining("skipped (overlap): orders → dwh"),
    });
    const byHand = await product.endOf(await product.runNow("fine"));
    expect(byHand).toMatchObject({ code: 0, log: expect.stringContaining("SUCCESS") });
    expect((await product.history())[0]).toMatchObject({ tap: "fine", outcome: "succeeded", scheduled: false });
    await product.server.call("abort_job", { id: atWork });
    await product.endOf(atWork);
  });

  test.each([
    { what: "one that hears SIGTERM", deaf: false },
    { what: "one that does not", deaf: true },
  ])("an aborted job, and one that takes too long, end their whole pipeline: $what", async ({ deaf }) => {
    const product = await cronicleProduct(installed);
    const { sandbox, server } = product;
    product.writeSchedule({ orders: RARELY }, deaf ? writeDeaf(sandbox.folder) : undefined);
    expect(await product.on("install")).toMatchObject({ code: 0 });
    sandbox.tell({ hang: true });
    const quiet = new Set(sandbox.living());
    const left = () => sandbox.living().filter((pid) => !quiet.has(pid));

    const aborted = await product.runNow("orders");
    // Cronicle's own, the wrapper, and three of the pipeline.
    await waitFor("a whole pipeline at work", 30_000, () => left().length >= 5 || undefined);
    await server.call("abort_job", { id: aborted });
    const end = await product.endOf(aborted);
    expect(end.description).toContain("Manually aborted");
    expect(end.log).toContain("pipelinewise-sched: orders → dwh was stopped by SIGTERM");
    expect(end.log).not.toContain("killing harder");
    expect(left()).toEqual([]);

    await server.call("update_event", { id: await product.eventOf("orders"), timeout: 1 });
    const late = await product.endOf(await product.runNow("orders"));
    expect(late.description).toContain("Exceeded maximum run time");
    expect(late.log).not.toContain("killing harder");
    expect(left()).toEqual([]);
    expect((await product.history()).map(({ outcome }) => outcome)).toEqual(["stopped", "stopped"]);
    expect(await product.on("diff")).toMatchObject({ code: 1, out: expect.stringContaining("timeout: 1, then none") });
  });
});

/** A PipelineWise that does not end when it is told to, nor does what it started. @returns its path */
function writeDeaf(folder: string): string {
  const path = join(folder, "deaf");
  const forever = "while :; do sleep 0.2; done";
  writeFileSync(path, `#!/bin/sh\ntrap '' TERM\n(${forever}) &\n${forever}\n`, { mode: 0o755 });
  return path;
}

/** Waits until the connectors of orders → dwh are at work. */
const isAtWork = ({ sandbox }: CronicleProduct): Promise<unknown> =>
  waitFor("orders → dwh to be at work", 30_000, () => sandbox.logText(".running").includes("begins") || undefined);

/** Waits for the next full minute. @returns it in epoch seconds */
async function nextMinute(): Promise<number> {
  // What is installed in this minute counts from this minute: the one after is whole.
  const minute = Math.ceil((Date.now() + 1_000) / MINUTE_MS) * MINUTE_MS;
  await sleep(minute - Date.now());
  return minute / 1000;
}
