import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test, vi } from "vitest";
import { main } from "../../src/cli/main.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { fakeMachine } from "../support/fake-machine.ts";
import { isRunning } from "../support/processes.ts";
import { anEntry, PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { freezeTimers, pidInFrozen, until } from "../support/wait.ts";

const NEW = "usage: pipelinewise [-h] {init,run_tap,fast_sync,sync_tables,\n   run_data_diff_checks}";
const OLD = "usage: pipelinewise [-h] {init,run_tap,sync_tables,partial_sync_table}";

/** A machine whose PipelineWise prints this help. */
function machine(help: string, entry: string) {
  const made = fakeMachine();
  const script = `#!/bin/sh\n[ "$1" = --help ] || exit 3\ncat <<'END'\n${help}\nEND\n`;
  made.put("bin/pipelinewise", script);
  chmodSync(join(made.home, "bin/pipelinewise"), 0o755);
  made.put("schedule.yml", `pipelines:\n  - {tap: orders, target: redshift, cron: "0 3 * * 0", ${entry}}\n`);
  const stored = () => JSON.parse(made.text(".pipelinewise/.sched/schedules/pipelinewise.testhost.json") ?? "{}");
  return { ...made, stored };
}

describe("install asks PipelineWise which name of fast_sync it knows", () => {
  test.each([
    ["fast_sync", NEW, "fast_sync"],
    ["sync_tables", NEW, "fast_sync"],
    ["fast_sync", OLD, "sync_tables"],
  ])("%s", async (command, help, known) => {
    const { run, stored } = machine(help, `command: ${command}`);
    expect(await run("install")).toMatchObject({ code: 0 });
    expect(stored()).toMatchObject({ fastSync: known });
  });

  test("and fails with the entry that needs a command that it does not know", async () => {
    const { run, stored } = machine("usage: other [-h]", "command: fast_sync");
    const { code, err } = await run("install");
    expect(code).toBe(65);
    expect(err).toContain(
      "schedule.yml:2:65  pipelines[0].command: orders → redshift (fast_sync): ~/bin/pipelinewise knows neither fast_sync nor sync_tables",
    );
    expect(stored()).toEqual({});
  });

  test("and fails if it is too old for data-diff checks", async () => {
    const { run } = machine(OLD, "command: run_data_diff_checks");
    const { code, err } = await run("install");
    expect(code).toBe(65);
    expect(err).toContain(
      "~/bin/pipelinewise does not know run_data_diff_checks\n    Update PipelineWise to 0.78 or later",
    );
  });

  test("and reports the reason if PipelineWise gives no answer", async () => {
    const made = machine("", "command: fast_sync");
    made.put("bin/pipelinewise", "#!/bin/sh\necho 'no docker here' >&2; exit 1\n");
    const { code, err } = await made.run("install");
    expect(code).toBe(65);
    expect(err).toContain("~/bin/pipelinewise --help failed: no docker here");
  });

  test("and stops it with its whole process group if it hangs", async () => {
    freezeTimers();
    const made = machine("", "command: fast_sync");
    made.put("bin/pipelinewise", '#!/bin/sh\nsleep 600 &\necho $! >"$HOME/child"\nwait\n');
    const install = made.run("install");
    const child = await pidInFrozen(join(made.home, "child"));
    vi.advanceTimersByTime(60_000);
    const { code, err } = await install;
    expect(code).toBe(65);
    expect(err).toContain("`~/bin/pipelinewise --help` did not answer within 60 seconds, so it was stopped");
    vi.useRealTimers();
    await until("its child has ended", () => !isRunning(child));
  });

  test("but not for a schedule without such an entry", async () => {
    const made = machine("", "note: plain");
    made.put("bin/pipelinewise", "#!/bin/sh\nexit 1\n");
    expect(await made.run("install")).toMatchObject({ code: 0 });
  });
});

test("a run that cannot ask PipelineWise neither shows nor records the values of its env_file", async () => {
  const box = sandbox('echo "no host at $DOCKER_ADDRESS" >&2; exit 1');
  const envFile = box.file("env");
  writeFileSync(envFile, "DOCKER_ADDRESS=hunter2.example\n", { mode: 0o600 });
  box.install([anEntry({ command: "fast_sync" })], { envFile });
  expect(await runMain([...PAIR_WORDS, "--scheduled", "--command", "fast_sync"], box.host)).toBe(74);
  expect(box.host.err()).toContain("failed: no host at ***");
  expect(await main(["status", "--json"], box.host)).toBe(0);
  expect(box.host.out()).toContain("failed: no host at ***");
  expect(box.host.out() + box.host.err()).not.toContain("hunter2");
});

test("a run by hand asks PipelineWise for the name when nothing is installed", async () => {
  const { host } = sandbox(`if [ "$1" = --help ]; then echo "${OLD}"; else echo "$*"; fi`);
  expect(await runMain([...PAIR_WORDS, "--command", "fast_sync"], host)).toBe(0);
  expect(host.out()).toBe("sync_tables --tap microserv_1 --target redshift\n");
});
