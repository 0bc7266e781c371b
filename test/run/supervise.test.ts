import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openEntryStore } from "../../src/run/pipeline-store.ts";
import { openRunLog } from "../../src/run/process/output.ts";
import { spawnPipeline } from "../../src/run/process/spawn.ts";
import { takeStopSignals } from "../../src/run/process/stop-signals.ts";
import { runPipelineProcess } from "../../src/run/process/supervise.ts";
import { watchStopRequests } from "../../src/run/process/watch-stop-requests.ts";
import { looseLocks, sandbox } from "../support/sandbox.ts";

test("a file system that refuses the run log at its end is reported, and does not change the outcome", async () => {
  const { host, paths, program, file } = sandbox("exit 0");
  const path = file(".pipelinewise/.sched/run.log");
  mkdirSync(dirname(path), { mode: 0o700 });
  const output = await openRunLog(paths, path, host.uid);
  onTestFinished(() => output.file.close());
  const process = await spawnPipeline({
    ...{ argv: [program], env: {}, stdin: undefined, output: output.file.fd, setpriv: undefined },
  });
  const entry = { tap: "microserv_1", target: "redshift", command: "run_tap" } as const;
  const store = openEntryStore(entry, { paths, host, locks: looseLocks() });
  const attempt = await store.lock.acquire({
    ...{ host: host.name, pid: host.pid, uid: host.uid, runId: "r1", startedAt: host.now(), limitations: [] },
  });
  if (attempt.kind === "held") throw new Error("held");
  const said: string[] = [];
  const write = (text: string) => void said.push(text);
  const log = { info: write, warn: write, error: write, flush: async () => {}, close: async () => {} };
  const requests = watchStopRequests(store.requests(attempt.lock.token), host, { everyMs: 10_000, log });
  onTestFinished(() => requests.close());
  const run = {
    plan: {
      ...{ entry, paths, argv: [program], environment: { values: {}, directory: "/" }, policies: {} },
      output: { scheduled: true, passThrough: false, skipExitCode: 0, recordMissed: false },
    },
    host,
    store,
    lock: attempt.lock,
    log,
    requests,
    signals: takeStopSignals(host),
    timing: { graceMs: 20, killGraceMs: 20 },
  };
  const refused = { path, file: { ...output.file, close: () => Promise.reject(new Error("EDQUOT: told by a test")) } };
  expect(await runPipelineProcess(run, { process, log: refused, environment: [] })).toEqual({
    ...{ code: 0, cause: undefined, processEndedAt: host.now() },
  });
  expect(said).toEqual(["started", `the log ${path} may be incomplete`]);
  expect(host.err()).toContain(`the log ${path} may be incomplete: EDQUOT`);
});
