import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findRefusal } from "../../src/run/records/refused.ts";
import { DIALECTS, type Dialect } from "./dialect.ts";
import type { Behaviour, NewSandbox, Sandbox } from "./sandbox.ts";

const PIPELINE = { tap: "orders", target: "dwh" };
const PARTIAL_SYNC = ["partial_sync_table", "--table", "public.orders", "--column", "id", "--start_value", "1"];
const LOG_LINE = /^time=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d logger_name=\S+ log_level=[A-Z]+ message=/;

export function outcomeFacts(newSandbox: NewSandbox, dialect: Dialect): void {
  test("a success ends with 0, its summary, a .success log and no pidfile", async () => {
    const sandbox = newSandbox();
    const before = sandbox.state();
    const { code, stdout, stderr } = await sandbox.runTap();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout.split("\n")[0]).toMatch(LOG_LINE);
    expect(stdout).toMatch(/TAP RUN SUMMARY\n-+\n {4}Status {2}: SUCCESS\n {4}Runtime : \d:\d\d:\d\d\.\d{6}\n-+\n/);
    expect(sandbox.logNames()).toEqual(["dwh-orders-<stamp>.singer.log.success"]);
    expect(sandbox.logText(".success")).toContain("    Status  : SUCCESS\n    Runtime : ");
    expect(existsSync(sandbox.pidfile)).toBe(false);
    expect(JSON.parse(sandbox.state()).bookmarks["public-orders"].replication_key_value).toBe(110);
    expect(readFileSync(join(sandbox.tapDirectory, "state.json.bak"), "utf8")).toBe(before);
    expect(targetConfigs(sandbox)).toEqual([]);
  });

  test("the stamp in a log's name is UTC", async () => {
    const sandbox = newSandbox();
    const from = Date.now();
    await sandbox.runTap();
    const [name = ""] = readdirSync(join(sandbox.tapDirectory, "log"));
    const at = Date.parse(name.replace(/.*-(....)(..)(..)_(..)(..)(..)\..*/, "$1-$2-$3T$4:$5:$6Z"));
    expect(at).toBeGreaterThan(from - 1000);
    expect(at).toBeLessThanOrEqual(Date.now());
  });

  test("what connectors say reaches the console only with --extra_log", async () => {
    const sandbox = newSandbox({ lines: ["hello from the tap"] });
    const quiet = await sandbox.runTap();
    const loud = await sandbox.run("run_tap", "--tap", "orders", "--target", "dwh", "--extra_log");
    expect(quiet.stdout).not.toContain("hello from the tap");
    expect(sandbox.logText(".success")).toContain("hello from the tap");
    expect(loud.stdout).toContain("hello from the tap");
  });

  test.each([["run_tap"], ...DIALECTS[dialect].fastSync.map((name) => [name]), PARTIAL_SYNC])(
    "%s beside a run is refused with 1 and one ERROR line on stdout",
    async (...command) => {
      const sandbox = newSandbox({ hang: true });
      const first = await sandbox.startBusy();
      const { code, stdout, stderr } = await sandbox.run(...command, "--tap", "orders", "--target", "dwh");
      expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
      expect(lastLine(stdout)).toMatch(/ log_level=ERROR message=Another instance of the tap is already running\.$/);
      expect(findRefusal(1, stdout, PIPELINE)).toMatchObject({ kind: "skip", reason: "external" });
      expect(stdout).not.toContain("TAP RUN SUMMARY");
      expect(readFileSync(sandbox.pidfile, "utf8")).toBe(String(first.pid));
      expect(sandbox.logNames()).toEqual(["dwh-orders-<stamp>.singer.log.running"]);
    },
  );

  test("a tap that is not enabled is refused with 1, by its name and not its id", async () => {
    const sandbox = newSandbox();
    sandbox.disable("orders");
    const { code, stdout, stderr } = await sandbox.runTap();
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(lastLine(stdout)).toMatch(/ log_level=INFO message=Tap The orders tap is not enabled\.$/);
    expect(findRefusal(1, stdout, PIPELINE)).toMatchObject({ kind: "skip", reason: "disabled" });
    expect(sandbox.logNames()).toEqual([]);
  });

  test.each([
    ["tap", ["--tap", "nope", "--target", "dwh"], "Exception: Cannot find nope tap in dwh target"],
    ["target", ["--tap", "orders", "--target", "nope"], "Exception: Cannot find nope target"],
  ])("an unknown %s is a traceback on stderr and 1", async (_, words, message) => {
    const { code, stderr } = await newSandbox().run("run_tap", ...words);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^Traceback \(most recent call last\):\n/);
    expect(lastLine(stderr)).toBe(message);
    const [, tap = "", , target = ""] = words;
    expect(findRefusal(1, stderr, { tap, target })).toMatchObject({ kind: "unknown" });
  });

  test("without --target it says so in a line without prefix, with 1", async () => {
    expect(await newSandbox().run("run_tap", "--tap", "orders")).toMatchObject({
      code: 1,
      stdout: "You must specify a destination name using the argument --target\n",
      stderr: "",
    });
  });

  test.each([
    ["an unknown option", ["run_tap", "--nope"], "pipelinewise: error: unrecognized arguments: --nope"],
    ["an unknown command", ["nope"], /^pipelinewise: error: argument command: invalid choice: 'nope' \(choose from /],
    ["no command", [], "pipelinewise: error: the following arguments are required: command"],
    ["an option without value", ["run_tap", "--tap"], "pipelinewise: error: argument --tap: expected one argument"],
  ])("%s is argparse's usage on stderr and 2", async (_, words, message) => {
    const { code, stdout, stderr } = await newSandbox().run(...words);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toMatch(/^usage: pipelinewise \[-h\] /);
    expect(lastLine(stderr)).toMatch(message);
  });

  test.each<[string, Behaviour, number]>([
    ["that ends with 3", { exit: 3, lines: ["an ERROR of the source"] }, 3],
    ["that is killed", { kill: true, lines: ["an ERROR of the source"] }, 137],
  ])("a tap %s fails the run: 1, all on stdout, a .failed log", async (_, behaviour, connectorCode) => {
    const sandbox = newSandbox(behaviour);
    const { code, stdout, stderr } = await sandbox.runTap();
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(stdout).toContain(
      ` log_level=ERROR message=Command failed. Return code: ${connectorCode}\nError(s) found:\nan ERROR of the source\n`,
    );
    expect(stdout).toMatch(/\nFull log: \S+\/dwh-orders-\d{8}_\d{6}\.singer\.log\.failed\nTraceback /);
    expect(stdout).toContain("    Status  : FAILED\n");
    expect(sandbox.logNames()).toEqual(["dwh-orders-<stamp>.singer.log.failed"]);
    expect(sandbox.logText(".failed")).toContain("    Status  : FAILED\n");
    expect(existsSync(sandbox.pidfile)).toBe(false);
  });

  test("a connector that is not there (a wrong PIPELINEWISE_HOME) is return code 127, the reason in the log only", async () => {
    const sandbox = newSandbox();
    sandbox.removeConnectors();
    const { code, stdout, stderr } = await sandbox.runTap();
    expect({ code, stderr }).toEqual({ code: 1, stderr: "" });
    expect(stdout).toContain(" log_level=ERROR message=Command failed. Return code: 127\n");
    expect(stdout).not.toContain("No such file");
    expect(sandbox.logText(".failed")).toContain("No such file or directory");
  });
}

const lastLine = (text: string): string => text.trimEnd().split("\n").at(-1) ?? "";

/** The target's configuration with its password, as it lies in `tmp/` while a run goes. */
function targetConfigs({ config }: Sandbox): string[] {
  const tmp = join(config, "tmp");
  return existsSync(tmp) ? readdirSync(tmp).filter((name) => name.startsWith("target_config_")) : [];
}
