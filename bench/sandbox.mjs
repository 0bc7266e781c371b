// A config directory of its own with one installed schedule, for measuring: never the user's.
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";

/** @param program what stands for `pipelinewise`: the text of a shell script */
export function makeSandbox(program) {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "pws-bench-")));
  const config = join(home, ".pipelinewise");
  const schedules = join(config, ".sched", "schedules");
  mkdirSync(schedules, { recursive: true, mode: 0o700 });
  chmodSync(config, 0o700);
  const pipelinewise = join(home, "pipelinewise");
  writeFileSync(pipelinewise, program, { mode: 0o755 });
  const entry = (tap) => ({ tap, target: "redshift", command: "run_tap", crons: ["*/5 * * * *"], args: [] });
  const meaning = {
    format: 1,
    name: "pipelinewise",
    source: { path: join(home, "schedule.yml"), digest: "0".repeat(64) },
    configDir: config,
    env: {},
    entries: ["microserv_1", "microserv_2", "microserv_3", "microserv_4", "microserv_5"].map(entry),
  };
  const host = process.env.PIPELINEWISE_SCHED_HOST ?? hostname();
  const installed = {
    format: 1,
    name: "pipelinewise",
    host,
    user: "bench",
    installedAt: "2026-01-01T00:00:00.000Z",
    meaningDigest: "0".repeat(64),
    command: [pipelinewise],
    node: process.execPath,
    program: "/opt/pipelinewise-sched",
    machineZone: "UTC",
    lines: [],
  };
  writeFileSync(join(schedules, "pipelinewise.json"), JSON.stringify(meaning), { mode: 0o600 });
  writeFileSync(join(schedules, `pipelinewise.${host}.json`), JSON.stringify(installed), { mode: 0o600 });
  const tellMemory = join(home, "tell-memory.cjs");
  writeFileSync(
    tellMemory,
    'process.on("exit", () => require("node:fs").writeSync(2, "peak=" + process.resourceUsage().maxRSS + "\\n"));',
  );
  const { NODE_EXTRA_CA_CERTS: _left, NODE_COMPILE_CACHE: _out, ...env } = process.env;
  return {
    pipelinewise,
    tellMemory,
    env: { ...env, HOME: home, PIPELINEWISE_CONFIG_DIRECTORY: config },
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}
