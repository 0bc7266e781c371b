import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseCron } from "../src/cron/expression.ts";
import { CHANGE_CRONS, CHANGE_NIGHTS, type ChangeNight } from "./rig/clock-changes.ts";
import { type CronStart, minute } from "./rig/cron-log.ts";
import { STEPPED_DAEMONS, TIMER_GENERATORS } from "./rig/daemons.ts";
import { judge, startsOfLines } from "./rig/judge.ts";
import { cannotReadTimers } from "./rig/needs.ts";
import type { PrivateCron } from "./rig/private-cron.ts";
import { schedWell, testMachine } from "./rig/product.ts";
import { stepThrough } from "./rig/run-stepped.ts";
import { describeOn } from "./rig/suite.ts";
import { elapses, makeTimers } from "./rig/timers.ts";

/** No line says to every daemon "a Sunday that is also an odd day", or "every 60 minutes". */
const LOOSE = ["30 1-2 */2 * 0", "*/60 2 * * *"];

for (const daemon of STEPPED_DAEMONS) {
  describeOn(daemon, "when the clocks change", () => {
    test.each(CHANGE_NIGHTS)("starts what the preview says: $zone $change", async (night) => {
      const { machine, file, tab } = await machineOf(night);
      const starts = await stepThrough(machine, { ...night, tab, daemon });
      expectForeseen(starts, await preview(machine, file, { night, daemon: daemon.kind }), night);
      // After a gap the other daemons start several missed runs in one minute, as often as this program predicts.
      if (daemon.kind !== "busybox")
        expect(starts.map(describe)).toEqual(startsOfLines(tab, night).map(describe).sort());
    });
  });
}

for (const generator of TIMER_GENERATORS) {
  describeOn({ ...generator, lacking: cannotReadTimers() }, "when the clocks change", () => {
    test.each(CHANGE_NIGHTS)("its timers elapse when the preview says: $zone $change", async (night) => {
      const { machine, file, tab } = await machineOf(night);
      const starts: CronStart[] = [];
      for (const { line, calendar } of await makeTimers(machine, tab, generator)) {
        for (const at of await elapses(calendar, night)) starts.push({ at, command: line });
      }
      expectForeseen(starts, await preview(machine, file, { night, daemon: "systemd" }), night);
    });
  });
}

const describe = ({ at, command }: CronStart): string => `${at} ${command}`;

/** A machine in the zone, a schedule of the jobs, and the lines that stand for it; their command does nothing. */
async function machineOf({ zone }: ChangeNight) {
  const machine = await testMachine(zone);
  const file = join(machine.directory, "schedule.yml");
  const lines = CHANGE_CRONS.map((cron, at) => `  - {tap: job_${at}, target: warehouse, cron: "${cron}"}\n`);
  writeFileSync(file, `pipelines:\n${lines.join("")}`);
  const tab = await schedWell(machine, ["export", file, "--node", "/bin/true", "--program", "/bin/true"]);
  return { machine, file, tab };
}

type Runs = readonly { readonly tap: string; readonly at: string }[];

async function preview(
  machine: PrivateCron,
  file: string,
  { night: { from, to }, daemon }: { readonly night: ChangeNight; readonly daemon: string },
): Promise<Runs> {
  const span = ["--from", from.toISOString(), "--to", to.toISOString()];
  const answer = await schedWell(machine, ["preview", file, "--daemon", daemon, ...span, "--json"]);
  return (JSON.parse(answer) as { readonly runs: Runs }).runs;
}

/** Every run of the preview was started, to the minute; what was started besides, runs turn away. */
function expectForeseen(starts: readonly CronStart[], runs: Runs, watch: ChangeNight): void {
  const jobs = CHANGE_CRONS.map((cron, job) => {
    const foreseen = runs.filter(({ tap }) => tap === `job_${job}`).map(({ at }) => minute(new Date(at)));
    const seen = starts.filter(({ command }) => command.includes(` --tap job_${job} `)).map(({ at }) => at);
    return { cron, foreseen, verdict: judge(seen, { foreseen, cron: parseCron(cron), watch }) };
  });
  expect(jobs.map(({ cron, verdict }) => ({ cron, starts: verdict.starts }))).toEqual(
    jobs.map(({ cron, foreseen }) => ({ cron, starts: foreseen })),
  );
  const loose = jobs.filter(({ verdict }) => verdict.surplus.length > 0).map(({ cron }) => cron);
  expect(loose.filter((cron) => !LOOSE.includes(cron))).toEqual([]);
  expect(starts.length).toBeGreaterThan(400);
}
