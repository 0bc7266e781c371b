// A config directory of its own with one installed schedule, for measuring: never the user's.
import { chmodSync, mkdirSync, mkdtempSync, readlinkSync, realpathSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";

/** As src/system/localtime.ts has it. */
function localtimeMark() {
  try {
    return `link ${readlinkSync("/etc/localtime")}`;
  } catch (error) {
    return error.code;
  }
}

/**
 * @param program shell script that replaces `pipelinewise`
 * @param more fields of the stored schedule, and more taps
 */
export function makeSandbox(program, { taps = [], ...more } = {}) {
  const home = realpathSync(mkdtempSync(join(tmpdir(), "pws-bench-")));
  const config = join(home, ".pipelinewise");
  const schedules = join(config, ".sched", "schedules");
  mkdirSync(schedules, { recursive: true, mode: 0o700 });
  chmodSync(config, 0o700);
  const pipelinewise = join(home, "pipelinewise");
  writeFileSync(pipelinewise, program, { mode: 0o755 });
  const entry = (tap) => ({
    tap,
    target: "redshift",
    command: "run_tap",
    crons: ["* * * * *"],
    args: [],
  });
  // Of another zone, started by a candidate line: nothing is due for hours.
  const hour = (new Date().getUTCHours() + 6) % 24;
  const candidate = {
    ...entry("microserv_3"),
    crons: [`30 ${hour} * * *`],
    timezone: "Europe/London",
    since: new Date().toISOString(),
  };
  const meaning = {
    format: 1,
    name: "pipelinewise",
    source: { path: join(home, "schedule.yml"), digest: "0".repeat(64) },
    configDir: config,
    env: {},
    entries: [
      entry("microserv_1"),
      entry("microserv_2"),
      candidate,
      entry("microserv_4"),
      entry("microserv_5"),
      ...taps.map(entry),
    ],
    ...more,
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
    zones: {
      data: process.versions.tz,
      until: new Date(Date.now() + 400 * 86_400_000).toISOString(),
      localtime: localtimeMark(),
      tables: { "Europe/London": [[Date.now() + 400 * 86_400_000, 0]], UTC: [[Date.now() + 400 * 86_400_000, 0]] },
    },
    loose: ["redshift/microserv_3/run_tap"],
    lines: [],
  };
  writeFileSync(join(schedules, "pipelinewise.json"), JSON.stringify(meaning), { mode: 0o600 });
  writeFileSync(join(schedules, `pipelinewise.${host}.json`), JSON.stringify(installed), { mode: 0o600 });
  const tellMemory = join(home, "tell-memory.cjs");
  writeFileSync(
    tellMemory,
    'process.on("exit", () => require("node:fs").writeSync(2, "peak=" + process.resourceUsage().maxRSS + "\\n"));',
  );
  // As cron has it: without a terminal's TERM, and without what makes node slower or faster than it is there.
  const { NODE_EXTRA_CA_CERTS: _left, NODE_COMPILE_CACHE: _out, TERM: _terminal, ...env } = process.env;
  return {
    pipelinewise,
    tellMemory,
    /** Makes a tap's slot due again: without it the second start of a minute would be a skip of another kind. */
    forgetSlot(tap) {
      const directory = join(config, ".sched", "slots", "redshift", tap);
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      const slot = new Date(Date.now() - 600_000).toISOString();
      writeFileSync(join(directory, "run_tap.json"), JSON.stringify({ slot, host, run: "before" }), { mode: 0o600 });
    },
    env: {
      ...env,
      HOME: home,
      PIPELINEWISE_CONFIG_DIRECTORY: config,
    },
    remove: () => rmSync(home, { recursive: true, force: true }),
  };
}
