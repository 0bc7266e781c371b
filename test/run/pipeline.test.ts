import { mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { lockOf } from "../../src/pipeline-id.ts";
import { openRunLog } from "../../src/run/process/output.ts";
import { stayWithPipeline } from "../../src/run/process/pipeline.ts";
import { startPipeline } from "../../src/run/process/spawn.ts";
import { takeStopSignals } from "../../src/run/process/stop-signals.ts";
import { looseLocks, sandbox } from "./sandbox.ts";

test("a share that refuses the log in the end is told of, and how the pipeline ended is another matter", async () => {
  const { host, paths, program, file } = sandbox("exit 0");
  const path = file(".pipelinewise/.sched/run.log");
  mkdirSync(dirname(path), { mode: 0o700 });
  const log = await openRunLog(paths, path, host.uid);
  onTestFinished(() => log.file.close());
  const pipeline = await startPipeline({
    ...{ words: [program], env: {}, cwd: "/", stdin: undefined, output: log.file.fd, setpriv: undefined },
  });
  const entry = { tap: "microserv_1", target: "redshift", command: "run_tap" } as const;
  const attempt = await looseLocks().acquire(paths, lockOf(entry), {
    ...{ host: host.name, pid: host.pid, uid: host.uid, runId: "r1", startedAt: host.now() },
  });
  if (attempt.kind === "held") throw new Error("held");
  const said: string[] = [];
  const note = (text: string) => void said.push(text);
  const stay = {
    plan: { paths, entry, manners: { scheduled: true, passThrough: false, skipExitCode: 0, tellMissed: false } },
    host,
    lock: attempt.lock,
    notes: { info: note, warn: note, error: note, flush: async () => {}, close: async () => {} },
    signals: takeStopSignals(host.signals),
    timing: { graceMs: 20, killGraceMs: 20 },
  };
  const refused = { path, file: { ...log.file, close: () => Promise.reject(new Error("EDQUOT: told by a test")) } };
  expect(await stayWithPipeline(stay, { pipeline, log: refused })).toEqual({ code: 0, cause: undefined });
  expect(said).toEqual(["started", `the log ${path} may be incomplete`]);
  expect(host.err()).toContain(`the log ${path} may be incomplete: EDQUOT`);
});
