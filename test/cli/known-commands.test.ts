import { chmodSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runMain } from "../../src/cli/run-command.ts";
import { PAIR_WORDS, sandbox } from "../run/sandbox.ts";
import { installWorld } from "../support/install-world.ts";

const NEW = "usage: pipelinewise [-h] {init,run_tap,fast_sync,sync_tables,\n   run_data_diff_checks}";
const OLD = "usage: pipelinewise [-h] {init,run_tap,sync_tables,partial_sync_table}";

/** A machine whose PipelineWise prints this help. */
function world(help: string, entry: string) {
  const made = installWorld();
  const script = `#!/bin/sh\n[ "$1" = --help ] || exit 3\ncat <<'END'\n${help}\nEND\n`;
  made.put("bin/pipelinewise", script);
  chmodSync(join(made.home, "bin/pipelinewise"), 0o755);
  made.put("schedule.yml", `pipelines:\n  - {tap: orders, target: redshift, cron: "0 3 * * 0", ${entry}}\n`);
  const stored = () => JSON.parse(made.text(".pipelinewise/.sched/schedules/pipelinewise.testhost.json") ?? "{}");
  return { ...made, stored };
}

describe("install asks PipelineWise which name of a fast sync it knows", () => {
  test.each([
    ["fast_sync", NEW, "fast_sync"],
    ["sync_tables", NEW, "fast_sync"],
    ["fast_sync", OLD, "sync_tables"],
  ])("%s", async (command, help, known) => {
    const { run, stored } = world(help, `command: ${command}`);
    expect(await run("install")).toMatchObject({ code: 0 });
    expect(stored()).toMatchObject({ fastSync: known });
  });

  test("and tells where the schedule needs one that it does not know", async () => {
    const { run, stored } = world("usage: other [-h]", "command: fast_sync");
    const { code, err } = await run("install");
    expect(code).toBe(65);
    expect(err).toContain(
      "~/schedule.yml:2:5  orders → redshift (fast_sync): ~/bin/pipelinewise knows neither fast_sync nor sync_tables",
    );
    expect(stored()).toEqual({});
  });

  test("and tells that it is too old for data-diff checks", async () => {
    const { run } = world(OLD, "command: run_data_diff_checks");
    const { code, err } = await run("install");
    expect(code).toBe(65);
    expect(err).toContain(
      "~/bin/pipelinewise does not know run_data_diff_checks\n  Update PipelineWise to 0.78 or later",
    );
  });

  test("and tells why it gave no answer", async () => {
    const made = world("", "command: fast_sync");
    made.put("bin/pipelinewise", "#!/bin/sh\necho 'no docker here' >&2; exit 1\n");
    const { code, err } = await made.run("install");
    expect(code).toBe(74);
    expect(err).toContain("~/bin/pipelinewise --help failed: no docker here");
  });

  test("but asks nothing for a schedule without such an entry", async () => {
    const made = world("", "note: plain");
    made.put("bin/pipelinewise", "#!/bin/sh\nexit 1\n");
    expect(await made.run("install")).toMatchObject({ code: 0 });
  });
});

test("a run by hand asks PipelineWise for the name when nothing is installed", async () => {
  const { host } = sandbox(`if [ "$1" = --help ]; then echo "${OLD}"; else echo "$*"; fi`);
  expect(await runMain([...PAIR_WORDS, "--command", "fast_sync"], host)).toBe(0);
  expect(host.out()).toBe("sync_tables --tap microserv_1 --target redshift\n");
});
