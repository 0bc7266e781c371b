import { expect, test } from "vitest";
import { fakeMachine } from "../support/fake-machine.ts";

const ANY = ["--compile-only", "--any-host", "--on", "airflow"];
const START = ["run", "--scheduled", "--tap", "orders", "--target", "redshift", "--slot", "2026-11-23T12:00:00Z"];
const FILES = ["schedules/pipelinewise.@any.json", "schedules/pipelinewise.json"];

/** The stored schedules and installs. */
const schedules = (stored: readonly string[]) => stored.filter((path) => /^schedules\/.*json$/.test(path));

test("a schedule that is compiled for any host runs on hosts whose names nobody knew", async () => {
  const one = fakeMachine();
  const { code, out, err } = await one.runOn("builder", "install", ...ANY);
  expect([code, out, err]).toEqual([
    0,
    expect.stringContaining("+ installed on any host\n"),
    expect.stringContaining("stored for any host: pipelinewise: 2 pipelines"),
  ]);
  expect(one.crontab.text()).toBeUndefined();
  expect((await one.runOn("builder-2", "install", ...ANY)).err).toContain("nothing to change");
  for (const host of ["worker-7f9c-x2", "worker-7f9c-k8", "@any"]) {
    const later = host === "worker-7f9c-x2" ? START : [...START, "--rerun"];
    expect(await one.runOn(host, ...later)).toMatchObject({ code: 0, err: "" });
  }
  expect(schedules(one.stored())).toEqual(FILES);
  const { runs } = JSON.parse((await one.runOn("worker-3", "history", "--json")).out);
  expect(runs.map((run: { outcome: string }) => run.outcome)).toEqual(["succeeded", "succeeded", "succeeded"]);
  expect((await one.runOn("worker-4", "status")).err).not.toContain("is not installed on host");
});

test("a change is compiled once for all hosts", async () => {
  const one = fakeMachine();
  await one.runOn("builder", "install", ...ANY);
  one.put("schedule.yml", 'pipelines: [{tap: stock, target: redshift, cron: "0 12 * * *"}]\n');
  await one.runOn("builder-2", "install", ...ANY);
  expect(await one.runOn("worker-9", ...START)).toMatchObject({
    code: 66,
    err: expect.stringContaining("orders → redshift is not in the installed schedule pipelinewise"),
  });
  expect(await one.runOn("worker-9", ...START.map((word) => (word === "orders" ? "stock" : word)))).toMatchObject({
    code: 0,
  });
});

test("a host with a stored install of its own uses that one", async () => {
  const one = fakeMachine();
  await one.runOn("builder", "install", ...ANY);
  await one.runOn("etl", "install");
  expect(schedules(one.stored())).toEqual([FILES[0], "schedules/pipelinewise.etl.json", FILES[1]]);
  expect(await one.runOn("etl", "uninstall")).toMatchObject({ code: 0 });
  expect(schedules(one.stored())).toEqual(FILES);
});

test("uninstall on any host removes it", async () => {
  const one = fakeMachine();
  await one.runOn("builder", "install", ...ANY);
  expect(await one.runOn("worker-1", "uninstall")).toMatchObject({ code: 0 });
  expect(schedules(one.stored())).toEqual([]);
});

test("--any-host is refused where a scheduler would be set up on this host", async () => {
  expect(await fakeMachine().run("install", "--any-host")).toMatchObject({
    code: 64,
    err: expect.stringContaining("--any-host needs --compile-only"),
  });
});

test("a start on a host without a stored install names the option", async () => {
  const one = fakeMachine();
  await one.runOn("builder", "install", "--compile-only");
  expect(await one.runOn("worker-1", ...START)).toMatchObject({
    code: 66,
    err: expect.stringContaining("Where host names change, add --any-host."),
  });
});
