import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { NewSandbox, Sandbox } from "./sandbox.ts";

const HEADER =
  "Tap ID    Tap Type      Target ID    Target Type      Enabled    Status    Last Sync            Last Sync Result";

export function statusFacts(newSandbox: NewSandbox): void {
  test("status prints a log line, eight columns by width, and a count", async () => {
    const sandbox = newSandbox();
    sandbox.addTap("bills");
    sandbox.disable("bills");
    await sandbox.runTap();
    const { code, stdout, stderr } = await sandbox.run("status");
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(
      stdout.replace(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d/, "2026-11-23T10:50:48").replace(/^time=.*? log/, "time=… log"),
    ).toBe(`time=… logger_name=pipelinewise log_level=INFO message=Profiling mode not enabled
${HEADER}
--------  ------------  -----------  ---------------  ---------  --------  -------------------  ------------------
orders    tap-postgres  dwh          target-postgres  True       ready     2026-11-23T10:50:48  success
bills     tap-postgres  dwh          target-postgres  False      ready                          unknown
2 pipeline(s)
`);
  });

  test("status of a config directory that is not there is an empty table and 0", async () => {
    const sandbox = newSandbox();
    rmSync(sandbox.config, { recursive: true });
    const { code, stdout } = await sandbox.run("status");
    expect(code).toBe(0);
    expect(stdout).toMatch(/\n0 pipeline\(s\)\n$/);
  });

  test("a .running log left behind is 'running' for ever, even after a success", async () => {
    const sandbox = newSandbox();
    putLog(sandbox, "20261123_105048.singer.log.running");
    await sandbox.runTap();
    expect(await statusRow(sandbox)).toMatch(/ running {3}\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d {2}success$/);
  });

  test("a .terminated log is not looked at: status shows the run before", async () => {
    const sandbox = newSandbox();
    putLog(sandbox, "20261123_105048.singer.log.failed");
    putLog(sandbox, "20261123_115048.singer.log.terminated");
    expect(await statusRow(sandbox)).toMatch(/ ready {5}2026-11-23T10:50:48 {2}failed$/);
  });

  test("import builds the config directory, enables every tap and deletes those that are gone", async () => {
    const sandbox = newSandbox();
    rmSync(sandbox.config, { recursive: true });
    const project = writeProject(sandbox);
    const first = await sandbox.run("import", "--dir", project);
    expect(first.code).toBe(0);
    expect(first.stdout).toMatch(/Taps imported successfully {5}: 2\n/);
    const config = JSON.parse(readFileSync(join(sandbox.config, "config.json"), "utf8"));
    expect(config.targets).toMatchObject([{ id: "dwh", type: "target-postgres", status: "ready" }]);
    expect(
      config.targets[0].taps.map(({ id, enabled }: { id: string; enabled: boolean }) => [id, enabled]).sort(),
    ).toEqual([
      ["bills", true],
      ["orders", true],
    ]);
    for (const file of ["config", "inheritable_config", "properties", "selection", "transformation"])
      expect(existsSync(join(sandbox.config, "dwh", "bills", `${file}.json`)), file).toBe(true);
    expect((await sandbox.runTap("bills")).code).toBe(0);

    sandbox.disable("orders");
    rmSync(join(project, "tap_bills.yml"));
    const second = await sandbox.run("import", "--dir", project);
    expect(second.stdout).toMatch(/Taps deleted {19}: 1\n/);
    expect(existsSync(join(sandbox.config, "dwh", "bills"))).toBe(false);
    expect(await statusRow(sandbox)).toMatch(/ True {7}ready /);
  });
}

function putLog(sandbox: Sandbox, name: string): void {
  const directory = join(sandbox.tapDirectory, "log");
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, `dwh-orders-${name}`), "");
}

async function statusRow(sandbox: Sandbox): Promise<string> {
  const { stdout } = await sandbox.run("status");
  return stdout.split("\n").find((line) => line.startsWith("orders ")) ?? "";
}

/**
 * A project directory as PipelineWise's users write it. bills, the one to be deleted, is not a tap-postgres: of those
 * PipelineWise would drop the replication slot in the real source.
 */
function writeProject(sandbox: Sandbox): string {
  const project = join(sandbox.directory, "project");
  mkdirSync(project);
  writeFileSync(
    join(project, "target_dwh.yml"),
    `---
id: "dwh"            # a comment
name: "The warehouse"
type: "target-postgres"
db_conn:
  host: "127.0.0.1"
  port: 5432
  user: "loader"
  password: "s3cret # not a comment"
  dbname: "warehouse"
`,
  );
  writeFileSync(join(project, "tap_orders.yml"), tapYaml("orders", "tap-postgres", "orders"));
  writeFileSync(join(project, "tap_bills.yml"), tapYaml("bills", "tap-jira", "public-orders"));
  return project;
}

const tapYaml = (id: string, type: string, table: string): string => `---
id: "${id}"
name: "The ${id} tap"
type: "${type}"
owner: "somebody@example.com"
target: "dwh"
db_conn:
  host: "127.0.0.1"
  stand_in:
    rows: 3
schemas:
  - source_schema: "public"
    target_schema: "${id}"
    tables:
      - table_name: "${table}"
        replication_method: "INCREMENTAL"
        replication_key: "id"
`;
