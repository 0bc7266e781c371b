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
      err: expect.stringContaining("may be a different directory on another machine"),
    });
  });
});

test.each([
  [["--node", "node", "--program", "/x"], "--node node is not an absolute path"],
  [["--node", "/a b/node", "--program", "/x"], 'the path of Node, "/a b/node", is not safe in a crontab line'],
  [["--node", "/x"], "--program"],
])("refuses %j", async (words, message) => {
  expect(await installWorld().run("export", ...words)).toMatchObject({
    code: 64,
    out: "",
    err: expect.stringContaining(message),
  });
});

describe("zones", () => {
  const zoned = () => {
    const world = installWorld();
    world.put("schedule.yml", 'pipelines: [{tap: a, target: b, cron: "30 9 * * *", timezone: Europe/London}]\n');
    return world;
  };
  const lines = (out: string) => out.split("\n").filter((line) => /^[*\d]/.test(line));

  test("are met by candidate lines for this machine's zone, and the header says so", async () => {
    const { out } = await zoned().run("export", ...WORDS);
    expect(out).toContain(
      "# The lines are for a machine in the time zone UTC. For another one, use export --machine-zone ZONE.\n# They are valid until 2027-12-28. Export them again before that date.\n",
    );
    expect(out).toContain(
      "# 30 9 * * * Europe/London: at 09:30 every day; candidate line: the run checks whether it is due\n",
    );
    expect(lines(out)).toEqual([expect.stringMatching(/^30 \*\/23,8,9 \* \* \* \/usr/)]);
  });

  test("are those of --machine-zone where it is given", async () => {
    const { out } = await zoned().run("export", ...WORDS, "--machine-zone", "Asia/Kolkata");
    expect(out).toContain("for a machine in the time zone Asia/Kolkata.");
    expect(lines(out)).toEqual([expect.stringMatching(/^0 \*\/23,14,15 \* \* \* /)]);
    expect(lines((await zoned().run("export", ...WORDS, "--machine-zone", "Europe/London")).out)).toEqual([
      expect.stringMatching(/^30 9 \* \* \* /),
    ]);
  });

  test("that nobody knows are refused with the nearest", async () => {
    expect(await zoned().run("export", ...WORDS, "--machine-zone", "Europe/Londn")).toMatchObject({
      code: 64,
      err: expect.stringMatching(/no time zone is called Europe\/Londn\n {2}Did you mean Europe\/London/),
    });
  });

  test("are not asked for where the schedule names none", async () => {
    const here = (await installWorld().run("export", ...WORDS)).out;
    expect((await installWorld().run("export", ...WORDS, "--machine-zone", "Asia/Tokyo")).out).toBe(here);
    expect(here).not.toContain("zone");
  });
});
