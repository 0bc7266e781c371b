import { expect, test, vi } from "vitest";
import { runMain } from "../../../src/cli/run-command.ts";
import { HOUR_MS } from "../../../src/time-units.ts";
import { isRunning, pipelineProcesses } from "../../support/processes.ts";
import { anEntry, looseLocks, PAIR_WORDS, sandbox } from "../../support/sandbox.ts";
import { pidIn, watchTimer } from "../../support/wait.ts";

const LIMIT_MS = 6 * HOUR_MS;
const entry = anEntry({ policies: { timeoutMs: LIMIT_MS } });

test("a pipeline that reaches its timeout is stopped with all of its processes, and the run ends as timed-out", async () => {
  const timeout = watchTimer(LIMIT_MS);
  const { host, install, file, records } = sandbox(`
    trap 'echo "stopped by SIGTERM"; kill $!; exit 1' TERM
    sleep 600 & echo $! > $HOME/child; wait`);
  install([entry]);
  const running = runMain([...PAIR_WORDS, "--scheduled"], host, { locks: looseLocks() });
  const child = await pidIn(file("child"));
  const { expire } = await timeout();
  expect(isRunning(child)).toBe(true);
  expire();
  expect(await running).toBe(124);
  expect(isRunning(child)).toBe(false);
  expect(pipelineProcesses(process.pid)).toEqual([]);
  expect(host.err()).toContain("microserv_1 → redshift timed out (limit 6 h) after 0 s\n");
  expect(host.err()).toContain("  | stopped by SIGTERM\n");
  expect(await records()).toMatchObject([{ outcome: "timed-out", exitCode: 124, detail: "timed out (limit 6 h)" }]);
});

test("a pipeline that ignores SIGTERM at its timeout is killed after the grace periods", async () => {
  const timeout = watchTimer(LIMIT_MS);
  const { host, install, file, records } = sandbox(`
    trap '' TERM
    echo $$ > $HOME/leader
    while :; do sleep 0.1; done`);
  install([entry]);
  const timing = { graceMs: 1, killGraceMs: 1 };
  const running = runMain(PAIR_WORDS, host, { locks: looseLocks(), timing });
  const leader = await pidIn(file("leader"));
  (await timeout()).expire();
  expect(await running).toBe(124);
  expect(isRunning(leader)).toBe(false);
  expect(await records()).toMatchObject([{ outcome: "timed-out", exitCode: 124 }]);
});

test("a pipeline that ends before its timeout is not affected by it", async () => {
  const timeout = watchTimer(LIMIT_MS);
  const cleared = vi.spyOn(globalThis, "clearTimeout");
  const { host, install, records } = sandbox("exit 3");
  install([entry]);
  expect(await runMain(PAIR_WORDS, host, { locks: looseLocks() })).toBe(3);
  expect(cleared).toHaveBeenCalledWith((await timeout()).timer);
  expect(await records()).toMatchObject([{ outcome: "failed", exitCode: 3 }]);
});

test("a stop before the timeout counts as a stop", async () => {
  const { host, install, file, records } = sandbox("echo $$ > $HOME/leader; exec sleep 600");
  install([entry]);
  const running = runMain(PAIR_WORDS, host, { locks: looseLocks() });
  await pidIn(file("leader"));
  host.signals.emit("SIGINT");
  expect(await running).toBe(130);
  expect(await records()).toMatchObject([{ outcome: "stopped", exitCode: 130 }]);
});
