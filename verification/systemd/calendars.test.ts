import { copyFileSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { parseCron } from "../../src/cron/expression.ts";
import { zoneClock } from "../../src/cron/zone-clock.ts";
import { loadSchedule } from "../../src/schedule/load.ts";
import type { Pipeline } from "../../src/schedule/schedule.ts";
import { findDue } from "../../src/slots/due.ts";
import { testHost } from "../../test/support/host.ts";
import { runToEnd } from "../../test/support/run-program.ts";
import { minute } from "../rig/cron-log.ts";
import { cannotReadTimers } from "../rig/needs.ts";
import { describeOn } from "../rig/suite.ts";
import { elapses } from "../rig/timers.ts";
import { NASTY } from "./nasty.ts";

const MACHINE_ZONE = "Europe/Berlin";
const DAY = 86_400_000;
/** Every clock change in the year from the export, by zone; and for all a month's end, which is another day in UTC. */
const NIGHTS: readonly (readonly [at: string, zones?: readonly string[]])[] = [
  ["2027-01-31T18:00Z"],
  ["2027-03-14T07:00Z", ["America/New_York"]],
  ["2027-03-28T01:00Z", ["Europe/London", MACHINE_ZONE]],
  ["2027-04-03T15:00Z", ["Australia/Lord_Howe"]],
  ["2027-10-02T15:30Z", ["Australia/Lord_Howe"]],
  ["2027-10-31T01:00Z", ["Europe/London", MACHINE_ZONE]],
  ["2027-11-07T06:00Z", ["America/New_York"]],
];

/** A machine with the schedule. */
function machine() {
  const host = testHost();
  const zoneFile = `/usr/share/zoneinfo/${MACHINE_ZONE}`;
  for (const path of ["etc/localtime", zoneFile]) mkdirSync(dirname(join(host.home, path)), { recursive: true });
  copyFileSync(zoneFile, join(host.home, zoneFile));
  symlinkSync(zoneFile, join(host.home, "etc/localtime"));
  writeFileSync(join(host.home, "schedule.yml"), NASTY);
  const run = async (...words: string[]): Promise<string> => {
    const before = host.out().length;
    const code = await main(words, host);
    if (code !== 0) throw new Error(`${words.join(" ")} ended with ${code}: ${host.err()}`);
    return host.out().slice(before);
  };
  return { host, run };
}

/** The result of a scheduler's starts of a pipeline: the due check of the run at each start. */
function accepted(pipeline: Pipeline, starts: readonly string[], from: number): readonly string[] {
  const clock = zoneClock(pipeline.timezone ?? MACHINE_ZONE);
  const crons = pipeline.crons.map(({ text }) => parseCron(text));
  let handled: number | undefined;
  return starts.flatMap((start) => {
    const due = findDue({ crons, clock, since: from, handled, now: Date.parse(start) });
    if (due.kind !== "due") return [];
    handled = due.slot;
    return [`${start} for ${minute(new Date(due.slot))}`];
  });
}

describeOn({ name: "systemd", present: true, lacking: cannotReadTimers() }, "the calendars of timers", () => {
  test("are the preview, to the minute, over every clock change", async () => {
    const { host, run } = machine();
    await run(
      "export",
      "--on",
      "systemd",
      "--node",
      "/n",
      "--program",
      "/p",
      "--config-dir",
      "/c",
      "--output",
      "units",
    );
    const { pipelines } = await loadSchedule("schedule.yml", host);
    expect(pipelines.length).toBeGreaterThanOrEqual(25);
    const counts = { starts: 0, due: 0 };
    for (const [night, zones] of NIGHTS) {
      const from = new Date(Date.parse(night) - 1.5 * DAY);
      const to = new Date(Date.parse(night) + 1.5 * DAY);
      const span = ["--from", from.toISOString(), "--to", to.toISOString()];
      const { runs } = JSON.parse(await run("preview", ...span, "--json")) as {
        readonly runs: readonly { readonly tap: string; readonly at: string }[];
      };
      for (const pipeline of pipelines) {
        if (zones?.includes(pipeline.timezone ?? MACHINE_ZONE) === false) continue;
        const timer = readFileSync(join(host.home, `units/pipelinewise-nasty-g-${pipeline.tap}.timer`), "utf8");
        const specs = [...timer.matchAll(/^OnCalendar=(.*)$/gm)].map(([, spec = ""]) => spec);
        const lists = await Promise.all(specs.map((spec) => elapses(spec, { zone: MACHINE_ZONE, from, to })));
        // The manager starts a service once where several of its timer's calendars elapse together.
        const starts = [...new Set(lists.flat())].sort();
        const foreseen = runs.filter(({ tap }) => tap === pipeline.tap).map(({ at }) => minute(new Date(at)));
        expect({ tap: pipeline.tap, runs: accepted(pipeline, starts, from.getTime()) }).toEqual({
          tap: pipeline.tap,
          runs: foreseen.map((at) => `${at} for ${at}`),
        });
        counts.starts += starts.length;
        counts.due += foreseen.length;
      }
    }
    // Even in the weeks of the clock changes, when both offsets have candidates, few starts are idle.
    expect(counts.starts / counts.due).toBeLessThan(1.15);
  });

  test("and the units satisfy systemd's own check", async () => {
    const { host, run } = machine();
    await run(
      "export",
      ...["--on", "systemd", "--output", "units", "--config-dir", '/srv/50% of "it"\\'],
      ...["--node", process.execPath, "--program", "/opt/my $HOME/p.cjs"],
    );
    const directory = join(host.home, "units");
    const units = readdirSync(directory).map((name) => join(directory, name));
    const { code, stdout, stderr } = await runToEnd(["systemd-analyze", "verify", "--man=no", ...units]);
    const ours = (stdout + stderr).split("\n").filter((line) => line.includes("pipelinewise"));
    expect({ code, ours }).toEqual({ code: 0, ours: [] });
  });
});
