import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { fakeMachine } from "../support/fake-machine.ts";

const WORDS = ["--node", "/usr/bin/node", "--program", "/usr/local/bin/pipelinewise-sched"];

test("examples/crontab is what the schedule there renders", async () => {
  const machine = fakeMachine();
  const { code, out, err } = await machine.run("export", resolve("examples/schedule.yml"), ...WORDS);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toBe(readFileSync("examples/crontab", "utf8"));
});

test("needs nothing of the machine it runs on: no crontab, no PipelineWise, no config directory", async () => {
  const machine = fakeMachine({ env: { PATH: "/nowhere", HOME: "" } });
  expect(await machine.run("export", ...WORDS)).toMatchObject({ code: 0, err: "" });
  expect([machine.stored(), machine.crontab.calls()]).toEqual([[], []]);
});

test("writes the file crontab into a directory, made if need be", async () => {
  const machine = fakeMachine();
  const { out } = await machine.run("export", ...WORDS);
  expect(await machine.run("export", ...WORDS, "--output", "out/there")).toEqual({
    code: 0,
    out: "",
    err: "wrote ~/out/there/crontab\n",
  });
  expect(machine.text("out/there/crontab")).toBe(out);
  expect(await machine.run("export", ...WORDS, "--output", "out/there")).toMatchObject({ code: 0 });
});

describe.each(["cron", "airflow", "cronicle", "systemd"])("the files for %s", (scheduler) => {
  const exporting = async () => {
    const machine = fakeMachine();
    machine.put(
      "schedule.yml",
      `${machine.text("schedule.yml")}cronicle: {url: "http://h:3012", key: "\${file:k}", target: h}\n`,
    );
    const words = ["export", "--on", scheduler, "--config-dir", "/pw", ...WORDS, "--output", "out"];
    expect(await machine.run(...words)).toMatchObject({ code: 0 });
    const [name = "", last = ""] = [readdirSync(`${machine.home}/out`)[0], readdirSync(`${machine.home}/out`).at(-1)];
    return { machine, again: () => machine.run(...words), name, last };
  };

  test("replace those of an earlier export", async () => {
    const { machine, again, name } = await exporting();
    machine.put(`out/${name}`, `${machine.text(`out/${name}`)}\n`);
    expect(await again()).toMatchObject({ code: 0 });
    expect(machine.text(`out/${name}`)).not.toMatch(/\n\n$/);
  });

  test("replace no file of somebody else, and then none is written", async () => {
    const { machine, again, name, last } = await exporting();
    machine.put(`out/${last}`, "theirs\n");
    if (name !== last) rmSync(`${machine.home}/out/${name}`);
    expect(await again()).toEqual({
      code: 74,
      out: "",
      err: expect.stringContaining(`out/${last} was not written by pipelinewise-sched export, so it is not replaced`),
    });
    expect(machine.text(`out/${last}`)).toBe("theirs\n");
    if (name !== last) expect(machine.text(`out/${name}`)).toBeUndefined();
  });

  test.each([
    ["a link", (path: string, victim: string) => symlinkSync(victim, path)],
    ["a broken link", (path: string) => symlinkSync("nowhere", path)],
    ["a FIFO", (path: string) => execFileSync("mkfifo", [path])],
    ["a directory", (path: string) => mkdirSync(path)],
  ])("replace no %s", async (_, make) => {
    const { machine, again, name } = await exporting();
    renameSync(`${machine.home}/out/${name}`, `${machine.home}/victim`);
    const before = machine.text("victim");
    make(`${machine.home}/out/${name}`, `${machine.home}/victim`);
    expect(await again()).toMatchObject({
      code: 74,
      err: expect.stringContaining(`out/${name} is not a regular file, so it is not replaced`),
    });
    expect(machine.text("victim")).toBe(before);
    expect(existsSync(`${machine.home}/out/nowhere`)).toBe(false);
  });
});

describe("the config directory on the other machine", () => {
  test.each([
    ["the flag", ["--config-dir", "/share/pw"], "", "--config-dir /share/pw "],
    ["the schedule's", [], "pipelinewise: {config_dir: /share/pw/}\n", "--config-dir /share/pw "],
    ["the default", [], "pipelinewise: {config_dir: ~/.pipelinewise}\n", "run --scheduled --tap"],
  ])("%s", async (_, words, head, part) => {
    const machine = fakeMachine();
    machine.put("schedule.yml", head + machine.text("schedule.yml"));
    expect((await machine.run("export", ...WORDS, ...words)).out).toContain(part);
  });

  test.each(["airflow", "systemd"])("need not exist here, also without --node and --program: %s", async (on) => {
    const { code, out } = await fakeMachine().run("export", "--on", on, "--config-dir", "/nowhere/pw");
    expect(code).toBe(0);
    expect(out).toContain("/nowhere/pw");
  });

  test("is refused if it contains a control character", async () => {
    expect(await fakeMachine().run("export", ...WORDS, "--config-dir", "/a\n* * * * * x")).toMatchObject({
      code: 64,
      out: "",
      err: expect.stringContaining("the path of the config directory contains the control character U+000A"),
    });
  });

  test("is refused where it would mean another directory there", async () => {
    expect(await fakeMachine().run("export", ...WORDS, "--config-dir", "here")).toMatchObject({
      code: 64,
      err: expect.stringContaining("may be a different directory on another machine"),
    });
  });
});

test.each([
  [["--node", "node", "--program", "/x"], "--node node is not an absolute path"],
  [["--node", "/a b/node", "--program", "/x"], 'the path of Node, "/a b/node", is not safe in a crontab line'],
])("refuses %j", async (words, message) => {
  expect(await fakeMachine().run("export", ...words)).toMatchObject({
    code: 64,
    out: "",
    err: expect.stringContaining(message),
  });
});

describe("without --node and --program", () => {
  const OWN =
    /^the commands use this machine's paths: Node (\S+), program (\S+); for another machine add --node and --program$/m;

  test("the commands contain this machine's paths, and stderr says so", async () => {
    const { code, out, err } = await fakeMachine().run("export");
    expect(code).toBe(0);
    const [, node = "?", program = "?"] = OWN.exec(err) ?? [];
    expect(out).toContain(` ${node} ${program} run --scheduled `);
  });

  test("a scheduler that needs the config directory gets this machine's", async () => {
    const machine = fakeMachine();
    const { code, out, err } = await machine.run("export", "--on", "airflow");
    expect(code).toBe(0);
    expect(err).not.toMatch(OWN);
    expect(out).toContain('"command": [\n            "pipelinewise-sched",\n            "run",\n');
    expect(out).toContain("--config-dir");
    expect(out).toContain("~/.pipelinewise");
  });

  test("only the missing path is this machine's", async () => {
    const { out, err } = await fakeMachine().run("export", "--node", "/opt/node");
    expect(err).toMatch(/^the commands use this machine's paths: program \S+;/m);
    expect(out).toContain(" /opt/node ");
  });
});

describe("zones", () => {
  const zoned = () => {
    const machine = fakeMachine();
    machine.put("schedule.yml", 'pipelines: [{tap: a, target: b, cron: "30 9 * * *", timezone: Europe/London}]\n');
    return machine;
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

  test("an unknown machine zone is refused with similar names", async () => {
    expect(await zoned().run("export", ...WORDS, "--machine-zone", "Europe/Londn")).toMatchObject({
      code: 64,
      err: expect.stringMatching(
        /--machine-zone: "Europe\/Londn" is not a known time zone\n {2}Similar names: Europe\/London/,
      ),
    });
  });

  test("are not asked for where the schedule names none", async () => {
    const here = (await fakeMachine().run("export", ...WORDS)).out;
    expect((await fakeMachine().run("export", ...WORDS, "--machine-zone", "Asia/Tokyo")).out).toBe(here);
    expect(here).not.toContain("zone");
  });
});
