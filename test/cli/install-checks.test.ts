import { chmodSync, mkdirSync, readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type FakeMachine, fakeMachine } from "../support/fake-machine.ts";

const entry = (more: string): string => `pipelines: [{tap: orders, target: redshift, cron: "0 3 * * *"${more}}]\n`;

const putEntry = (more: string) => (machine: FakeMachine) => machine.put("schedule.yml", entry(more));
const putCall = (call: string) => (machine: FakeMachine) =>
  machine.put("schedule.yml", `${entry("")}pipelinewise: ${call}\n`);
const putConfig = (text: string) => (machine: FakeMachine) => machine.put(".pipelinewise/config.json", text);
const putTarget = (id: string, tap: string) => putConfig(JSON.stringify({ targets: [{ id, taps: [{ id: tap }] }] }));
const pipelinewise = ({ home }: FakeMachine): string => join(home, "bin/pipelinewise");

interface Refusal {
  readonly reason: string;
  readonly message: string;
  readonly prepare?: (machine: FakeMachine) => unknown;
  readonly options?: Parameters<typeof fakeMachine>[0];
}

const REFUSALS: readonly Refusal[] = [
  {
    reason: "a mistyped target",
    message:
      "pipelines[0].target: ~/.pipelinewise/config.json does not contain the target redshift; did you mean redshft?",
    prepare: putTarget("redshft", "orders"),
  },
  {
    reason: "a mistyped tap",
    message:
      "pipelines[0].tap: ~/.pipelinewise/config.json does not contain, for the target redshift, the tap orders; did you mean order?",
    prepare: putTarget("redshift", "order"),
  },
  {
    reason: "a target without a list of taps",
    message: "does not contain, for the target redshift, the tap orders\n    Correct the id",
    prepare: putConfig('{"targets": [null, 3, {"id": "redshift", "taps": 7}]}'),
  },
  {
    reason: "a torn config.json",
    message: "PipelineWise's configuration ~/.pipelinewise/config.json cannot be read: ",
    prepare: putConfig("{"),
  },
  {
    reason: "a config.json without targets",
    message: "config.json cannot be read: it contains no list of targets",
    prepare: putConfig("[]"),
  },
  {
    reason: "a missing PipelineWise",
    message: 'the command "pipelinewise" was not found; searched PATH: ~/bin',
    prepare: (machine) => rmSync(pipelinewise(machine)),
  },
  {
    reason: "a hook whose program is missing",
    message: 'pipelines[0].hooks.after_success: the command "dbt" was not found; searched PATH: ~/bin',
    prepare: putEntry(", hooks: {after_success: [dbt, run]}"),
  },
  {
    reason: "a hook with a relative path",
    message:
      'pipelines[0].hooks.before: the command "./check" is neither an absolute path nor the name of a program\n' +
      "    Write an absolute path in the schedule (hooks.before), or the name of a program on the PATH.",
    prepare: (machine) => {
      machine.put("check", "");
      chmodSync(join(machine.home, "check"), 0o700);
      putEntry(", hooks: {before: [./check]}")(machine);
    },
  },
  {
    reason: "a hook whose program is not executable",
    message: "pipelines[0].hooks.before: ~/notes is not executable",
    prepare: (machine) => {
      machine.put("notes", "");
      machine.put("schedule.yml", entry(`, hooks: {before: [${machine.home}/notes]}`));
    },
  },
  {
    reason: "a PipelineWise without permission to run it",
    message: "~/bin/pipelinewise is not executable",
    prepare: (machine) => chmodSync(pipelinewise(machine), 0o600),
  },
  {
    reason: "a command that PipelineWise does not know",
    message:
      "pipelines[0].command: orders → redshift (fast_sync): ~/bin/pipelinewise knows neither fast_sync nor sync_tables",
    prepare: putEntry(", command: fast_sync"),
  },
  {
    reason: "a blank in the config directory",
    message: 'the path of the config directory, "~/my conf", is not safe in a crontab line',
    prepare: (machine) => {
      mkdirSync(join(machine.home, "my conf"));
      putCall("{config_dir: my conf}")(machine);
    },
  },
  {
    reason: "a config directory that is a file",
    message: "pipelinewise.config_dir: the config directory ~/schedule.yml is not a directory",
    prepare: putCall("{config_dir: schedule.yml}"),
  },
  {
    reason: "a blank in Node's path",
    message: 'the path of Node, "/my node", is not safe in a crontab line',
    options: { node: "/my node" },
  },
  {
    reason: "this program in npx's directory",
    message: "/root/.npm/_npx/1/bin is in npx's temporary directory",
    options: { program: "/root/.npm/_npx/1/bin" },
  },
  {
    reason: "a crontab line that is too long",
    message: "pipelines[0]: the crontab line of orders → redshift has 1",
    prepare: (machine) => {
      const long = Array.from({ length: 5 }, (_, index) => `${index}`.repeat(200)).join("/");
      mkdirSync(join(machine.home, long), { recursive: true });
      putCall(`{config_dir: ${long}}`)(machine);
    },
  },
];

describe.each(REFUSALS)("$reason", ({ message, prepare, options }) => {
  test("is an error of validate, and install refuses it and writes nothing", async () => {
    const machine = fakeMachine(options);
    putEntry("")(machine);
    prepare?.(machine);
    expect(await machine.run("validate")).toMatchObject({ code: 65, out: expect.stringContaining(message) });
    const { code, err } = await machine.run("install");
    // A position and a key stand before the message, except where there is no config directory to check.
    expect([code, err]).toEqual([expect.any(Number), expect.stringContaining(message.replace(/^\S+config_dir: /, ""))]);
    expect(code).not.toBe(0);
    expect([machine.stored(), machine.crontab.text()]).toEqual([[], undefined]);
  });
});

describe.each([
  {
    what: "a metrics file in a directory that does not exist",
    file: "missing/x.prom",
    message: "metrics.file: cannot write the metrics file ~/missing/x.prom: ~/missing does not exist",
  },
  {
    what: "a metrics file in a directory that is a file",
    file: "schedule.yml/x.prom",
    message: "metrics.file: cannot write the metrics file ~/schedule.yml/x.prom: ~/schedule.yml is not a directory",
  },
  {
    what: "a metrics file that is a directory",
    file: "made.prom",
    message: "metrics.file: cannot write the metrics file ~/made.prom: it is a directory",
  },
  {
    what: "a metrics file with foreign content",
    file: "notes.prom",
    message: "metrics.file: cannot write the metrics file ~/notes.prom: the file exists and was not written by",
  },
])("$what", ({ file, message }) => {
  test("is a warning of validate and install, and the schedule is installed", async () => {
    const machine = fakeMachine();
    mkdirSync(join(machine.home, "made.prom"));
    machine.put("notes.prom", "# my notes\n");
    machine.put("schedule.yml", `${entry("")}metrics: {file: ${file}}\n`);
    expect(await machine.run("validate")).toMatchObject({ code: 0, out: expect.stringContaining(message) });
    expect(await machine.run("install")).toMatchObject({ code: 0, err: expect.stringContaining(message) });
    expect(machine.crontab.text()).toContain(" tend ");
  });
});

test("a metrics file that can be written has no warning, and its path is stored as an absolute one", async () => {
  const machine = fakeMachine();
  machine.put("schedule.yml", `${entry("")}metrics: {file: x.prom}\n`);
  expect(await machine.run("validate", "--strict")).toMatchObject({ code: 0 });
  expect(await machine.run("install")).toMatchObject({ code: 0 });
  const stored = readFileSync(join(machine.home, ".pipelinewise/.sched/schedules/pipelinewise.json"), "utf8");
  expect(JSON.parse(stored)).toMatchObject({ metrics: { file: join(machine.home, "x.prom") } });
  machine.put("schedule.yml", `${entry("")}metrics: {file: y.prom}\n`);
  expect(await machine.run("diff")).toMatchObject({ code: 1, out: expect.stringContaining("~ metrics file") });
  machine.put("schedule.yml", entry(""));
  expect(await machine.run("install")).toMatchObject({ code: 0 });
  expect(machine.crontab.text()).not.toContain(" tend ");
});

test("install shows all reasons at once, each with its position", async () => {
  const machine = fakeMachine({ node: "/my node" });
  machine.put("schedule.yml", entry("").replace("orders", "ordres"));
  const { code, err } = await machine.run("install");
  expect(code).toBe(65);
  expect(err).toMatchInlineSnapshot(`
    "pipelinewise-sched: schedule.yml cannot be installed: 2 errors
    schedule.yml:1:1  the path of Node, "/my node", is not safe in a crontab line
        Only A-Z a-z 0-9 _ . / : = @ , + - mean the same in every cron and shell. Run pipelinewise-sched with a Node that is installed at such a path.
    schedule.yml:1:19  pipelines[0].tap: ~/.pipelinewise/config.json does not contain, for the target redshift, the tap ordres; did you mean orders?
        Correct the id, or add it to the PipelineWise project and run \`pipelinewise import\`.
    "
  `);
});

test("the missing program of a hook is reported once at each place that names it, also in `defaults`", async () => {
  const machine = fakeMachine();
  machine.put(
    "schedule.yml",
    `defaults: {hooks: {before: [dbt, run]}}
pipelines:
- {tap: orders, target: redshift, cron: "@daily"}
- {tap: stock, target: redshift, cron: "@daily", hooks: {before: [dbt]}}
- {tap: third, target: redshift, cron: "@daily"}
`,
  );
  const { code, out } = await machine.run("validate", "--json");
  const { problems } = JSON.parse(out);
  const places = problems.map(({ path, line, column }: Record<string, unknown>) => [path, line, column]);
  expect([code, places]).toEqual([
    65,
    [
      ["defaults.hooks.before", 1, 28],
      ["pipelines[1].hooks.before", 4, 66],
    ],
  ]);
});

test("--compile-only needs no command that cron can start", async () => {
  const machine = fakeMachine({ node: "/my node" });
  expect(await machine.run("install", "--compile-only")).toMatchObject({ code: 0 });
});

test("validate warns about a path that an update of Node removes", async () => {
  const machine = fakeMachine({ node: "/opt/node-22.1.0/bin/node" });
  const { code, out } = await machine.run("validate");
  expect([code, out]).toEqual([0, expect.stringContaining("contains a version (node-22.1.0)")]);
});

test("validate and install warn about two entries of one pipeline that are due in the same minute", async () => {
  const machine = fakeMachine();
  const pair = "tap: orders, target: redshift";
  machine.put(
    "schedule.yml",
    `pipelines:\n  - {${pair}, cron: "0 * * * *", id: hourly}\n  - {${pair}, cron: "0 3 * * 0", id: weekly}\n`,
  );
  const warning =
    /schedule\.yml:3:\d+ {2}warning: pipelines\[1\]\.cron: due in the same minute as orders → redshift \(hourly\) \(/;
  expect((await machine.run("validate")).out).toMatch(warning);
  expect(await machine.run("install")).toMatchObject({ code: 0, err: expect.stringMatching(warning) });
});

test("a missing config.json is a warning of validate", async () => {
  const machine = fakeMachine();
  rmSync(join(machine.configDir, "config.json"));
  const { code, out } = await machine.run("validate");
  expect(code).toBe(0);
  expect(out).toContain("warning: taps and targets could not be checked: ~/.pipelinewise/config.json does not exist\n");
});

test("validate only warns about a machine without a config directory, also with --strict", async () => {
  const machine = fakeMachine({ node: "/my node" });
  rmSync(machine.configDir, { recursive: true });
  rmSync(pipelinewise(machine));
  const { code, out, err } = await machine.run("validate", "--strict");
  expect([code, out]).toEqual([0, 'schedule.yml: fine: 2 pipelines, schedule "pipelinewise"\n']);
  const refusal = "warning: `install` would refuse on this machine: ";
  expect(err).toContain(`${refusal}the config directory ~/.pipelinewise does not exist\n`);
  expect(err).toContain(`${refusal}the command "pipelinewise" was not found; searched PATH: `);
  expect(err).toContain(`${refusal}the path of Node, "/my node", is not safe in a crontab line\n`);
});
