import { mkdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { installWorld } from "../support/install-world.ts";

const WORDS = ["--node", "/usr/bin/node", "--program", "/usr/local/bin/pipelinewise-sched"];

test("examples/crontab is what the schedule there renders", async () => {
  const world = installWorld();
  const { code, out, err } = await world.run("export", resolve("examples/schedule.yml"), ...WORDS);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toBe(readFileSync("examples/crontab", "utf8"));
});

test("needs nothing of the machine it runs on: no crontab, no PipelineWise, no config directory", async () => {
  const world = installWorld({ env: { PATH: "/nowhere", HOME: "" } });
  expect(await world.run("export", ...WORDS)).toMatchObject({ code: 0, err: "" });
  expect([world.stored(), world.crontab.calls()]).toEqual([[], []]);
});

test("writes the file crontab into a folder, made if need be", async () => {
  const world = installWorld();
  const { out } = await world.run("export", ...WORDS);
  expect(await world.run("export", ...WORDS, "--output", "out/there")).toEqual({
    code: 0,
    out: "",
    err: "wrote ~/out/there/crontab\n",
  });
  expect(world.text("out/there/crontab")).toBe(out);
  mkdirSync(`${world.home}/second/crontab`, { recursive: true });
  expect((await world.run("export", ...WORDS, "--output", "second")).code).toBe(74);
});

describe("the config directory on the other machine", () => {
  test.each([
    ["the flag", ["--config-dir", "/share/pw"], "", "--config-dir /share/pw "],
    ["the schedule's", [], "pipelinewise: {config_dir: /share/pw/}\n", "--config-dir /share/pw "],
    ["the default", [], "pipelinewise: {config_dir: ~/.pipelinewise}\n", "run --scheduled --tap"],
  ])("%s", async (_, words, head, part) => {
    const world = installWorld();
    world.put("schedule.yml", head + world.text("schedule.yml"));
    expect((await world.run("export", ...WORDS, ...words)).out).toContain(part);
  });

  test("is refused where it would mean another folder there", async () => {
    expect(await installWorld().run("export", ...WORDS, "--config-dir", "here")).toMatchObject({
      code: 64,
      err: expect.stringContaining("means another folder on another machine"),
    });
  });
});

test.each([
  [["--node", "node", "--program", "/x"], "--node node is not an absolute path"],
  [["--node", "/a b/node", "--program", "/x"], 'the path of Node, "/a b/node", cannot stand in a crontab line'],
  [["--node", "/x"], "--program"],
])("refuses %j", async (words, message) => {
  expect(await installWorld().run("export", ...words)).toMatchObject({
    code: 64,
    out: "",
    err: expect.stringContaining(message),
  });
});

test("names the zone that the other machine must be in, and refuses several", async () => {
  const world = installWorld();
  world.put("schedule.yml", 'timezone: Europe/London\npipelines: [{tap: a, target: b, cron: "0 * * * *"}]\n');
  expect((await world.run("export", ...WORDS)).out).toContain(
    "# The times are those of a machine in the zone Europe/London.\n",
  );
  world.put(
    "schedule.yml",
    'pipelines:\n  - {tap: a, target: b, cron: "0 * * * *", timezone: Asia/Tokyo}\n  - {tap: c, target: b, cron: "0 * * * *"}\n',
  );
  expect(await world.run("export", ...WORDS)).toMatchObject({
    code: 65,
    err: expect.stringContaining("Asia/Tokyo, the machine's own"),
  });
});
