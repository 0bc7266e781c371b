import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { runToEnd } from "../../test/support/run-program.ts";
import { waitFor } from "../../test/support/wait.ts";
import { STAND_IN } from "../rig/product.ts";
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
  test("an install is previewed, changed, repaired and removed, and changes nothing else", async () => {
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

    // Cronicle's pages are for people: what they set there is theirs, and notes are no mark.
    const theirs = {
      enabled: 0,
      timeout: 3600,
      retries: 1,
      catch_up: 1,
      max_children: 2,
      notify_fail: "dba@shop.test",
    };
    const edited = { id: await product.eventOf("orders"), ...theirs, notes: "Ask Ada first." };
    await server.call("update_event", edited);
    product.writeSchedule({ orders: "0 4 * * *", users: "0 5 * * *" });
    const drift = await on("diff");
    expect(drift).toMatchObject({ code: 1, err: expect.stringContaining("orders → dwh is disabled in Cronicle") });
    expect(drift.out).toContain(`Cronicle: 2 changed, 1 removed
  ~ event pipelinewise: orders → dwh
      notes:
      - Ask Ada first.
      + 0 4 * * * UTC: at 04:00 every day
      + Installed by pipelinewise-sched from ${sandbox.directory}/schedule.yml. An install overwrites the title, the times, the script and these notes.
  ~ event pipelinewise: users → dwh
      notes:
      - */5 * * * * UTC: every 5 minutes
      + 0 5 * * * UTC: at 05:00 every day
`);
    expect(drift.out).toContain(`      times: minutes 0,5,10,15,20,25,30,35,40,45,50,55, then minutes 0, hours 5
  - event pipelinewise: old → dwh
`);
    expect(await on("install")).toMatchObject({ code: 0 });
    expect(await on("diff")).toMatchObject({ code: 0, out: expect.stringContaining("Cronicle: 2 unchanged\n") });
    const { rows: kept } = await server.call("get_schedule", { offset: 0, limit: 100 });
    expect(kept).toContainEqual(expect.objectContaining({ id: edited.id, ...theirs }));

    await server.call("update_event", { ...edited, title: "Orders" });
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

  test("the event of tend can be run, and writes the metrics file", async () => {
    const { server, sandbox, write, on, endOf } = await cronicleProduct(installed);
    const metrics = join(sandbox.directory, "pipelines.prom");
    write(`metrics: {file: ${metrics}}\npipelines: [{tap: orders, target: dwh, cron: "${RARELY}"}]\n`);
    expect(await on("install")).toMatchObject({ code: 0 });
    const { rows } = await server.call("get_schedule", { offset: 0, limit: 100 });
    const events = rows as readonly { readonly id: string; readonly title: string }[];
    const { ids } = await server.call("run_event", {
      id: events.find(({ title }) => title === "pipelinewise: tend")?.id,
    });
    expect(await endOf(String(ids))).toMatchObject({ code: 0, log: "" });
    expect(readFileSync(metrics, "utf8")).toContain('pipelinewise_sched_build_info{schedule="pipelinewise"');
    expect(await on("uninstall")).toMatchObject({ code: 0, out: expect.stringContaining("Cronicle: 2 removed\n") });
  });

  test("a due minute: a success, a failure, a skip that is seen, and cron beside it", async () => {
    const product = await cronicleProduct(installed);
    const { sandbox } = product;
    sandbox.tell({ hang: true });
    sandbox.addTap("fine");
    sandbox.addTap("ill", { exit: 3, lines: ["an ERROR of the source"] });
    sandbox.addTap("both", { seconds: 4 });
    sandbox.addTap("next");
    const lines = ["orders", "fine", "ill", "both"].map((tap) => `  - {tap: ${tap}, target: dwh, cron: "* * * * *"}\n`);
    lines.push("  - {tap: next, target: dwh, after: {tap: fine, target: dwh}}\n");
    product.write(`timezone: UTC\npipelines:\n${lines.join("")}`);
    expect(await product.on("install")).toMatchObject({ code: 0 });
    await product.server.call("update_event", { id: await product.eventOf("ill"), retries: 1 });
    const line = await product.cronLine("both");

    const atWork = await product.runNow("orders");
    await isAtWork(product);
    const minute = await nextMinute();
    const env = { HOME: sandbox.directory, LOGNAME: "root", SHELL: "/bin/sh", PATH: "/usr/bin:/bin" };
    const byCron = await runToEnd(["/bin/sh", "-c", line], { env });

    // cron shows a run as it shows a skip: by saying nothing.
    expect(byCron).toEqual({ code: 0, signal: null, stdout: "", stderr: "" });
    expect(await product.jobAt("fine", minute)).toMatchObject({ code: 0, log: expect.stringContaining("SUCCESS") });
    const ill = await product.jobAt("ill", minute);
    expect(ill).toMatchObject({ code: 1, log: expect.stringContaining("an ERROR of the source") });
    const skip = await product.jobAt("orders", minute);
    expect(skip).toMatchObject({ code: 0, label: "skipped (overlap)" });
    expect(skip.log).toMatch(/^skipped \(overlap\): orders → dwh is locked by host \S+, pid \d+, since [^\n]*\n$/);
    const both = await product.jobAt("both", minute);
    expect(both).toMatchObject({ code: 0 });

    const slot = new Date(minute * 1000).toISOString();
    const rows = (await product.history()).filter(({ startedAt }) => startedAt.slice(0, 16) === slot.slice(0, 16));
    const of = (tap: string) => rows.filter((row) => row.tap === tap);
    expect(of("fine")).toMatchObject([{ outcome: "succeeded", slot }]);
    // The entry after it runs in the same job, and has no event.
    const followers = (await product.history()).filter(({ tap }) => tap === "next");
    expect(followers.find(({ triggeredBy }) => triggeredBy === of("fine")[0]?.id)?.outcome).toBe("succeeded");
    await expect(product.eventOf("next")).rejects.toThrow("0 events of next");
    expect(of("ill")).toMatchObject([1, 2].map(() => ({ outcome: "failed", slot })));
    expect(of("orders")).toMatchObject([{ outcome: "skipped", reason: "overlap", slot }]);
    const [one, other] = of("both").sort((a, b) => a.outcome.localeCompare(b.outcome));
    expect([one, other]).toMatchObject([
      { outcome: "skipped", reason: "slot-done" },
      { outcome: "succeeded", slot },
    ]);
    const skipped = /^skipped \(slot-done\): both → dwh was already started for /;
    const status = /^ {4}Status {2}: SUCCESS$/m;
    expect([skipped, status].filter((one) => one.test(both.log))).toHaveLength(1);
    expect(both.label).toBe(skipped.test(both.log) ? "skipped (slot-done)" : undefined);

    // A start by hand is waited for by somebody: it fails where it cannot be.
    const refused = await product.endOf(await product.runNow("orders"));
    expect(refused).toMatchObject({
      code: 75,
      description: expect.stringContaining("skipped (overlap): orders → dwh"),
    });
    const byHand = await product.endOf(await product.runNow("fine"));
    expect(byHand).toMatchObject({ code: 0, log: expect.stringContaining("SUCCESS") });
    const ofHand = (await product.history()).filter(({ tap, scheduled }) => tap === "fine" && scheduled === false);
    expect(ofHand).toMatchObject([{ outcome: "succeeded" }]);
    await product.server.call("abort_job", { id: atWork });
    await product.endOf(atWork);
  });

  test.each([
    { what: "one that hears SIGTERM", deaf: false },
    { what: "one that does not", deaf: true },
  ])("an aborted job, and one that takes too long, end their whole pipeline: $what", async ({ deaf }) => {
    const product = await cronicleProduct(installed);
    const { sandbox, server } = product;
    product.writeSchedule({ orders: RARELY }, deaf ? writeDeaf(sandbox.directory) : undefined);
    expect(await product.on("install")).toMatchObject({ code: 0 });
    sandbox.tell({ hang: true });
    const quiet = new Set(sandbox.living());
    const left = () => sandbox.living().filter((pid) => !quiet.has(pid));

    const aborted = await product.runNow("orders");
    // Cronicle's own, the wrapper, and three of the pipeline.
    await waitFor("the whole pipeline is running", 30_000, () => left().length >= 5 || undefined);
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
    // The timeout belongs to Cronicle's users.
    expect(await product.on("diff")).toMatchObject({ code: 0, out: "Cronicle: 1 unchanged\n" });
  });
});

/** Writes a PipelineWise that ignores SIGTERM, like its child. @returns its path */
function writeDeaf(directory: string): string {
  const path = join(directory, "deaf");
  const forever = "while :; do sleep 0.2; done";
  writeFileSync(path, `#!/bin/sh\ntrap '' TERM\n(${forever}) &\n${forever}\n`, { mode: 0o755 });
  return path;
}

/** Waits until the connectors of orders → dwh are running. */
const isAtWork = ({ sandbox }: CronicleProduct): Promise<unknown> =>
  waitFor("orders → dwh is running", 30_000, () => sandbox.logText(".running").includes("begins") || undefined);

/** Waits for the next full minute. @returns it in epoch seconds */
async function nextMinute(): Promise<number> {
  // An install counts from its own minute, so the minute after the next one is the first complete one.
  const minute = Math.ceil((Date.now() + 1_000) / MINUTE_MS) * MINUTE_MS;
  await sleep(minute - Date.now());
  return minute / 1000;
}
