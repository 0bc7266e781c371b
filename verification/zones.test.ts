import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { main } from "../src/cli/main.ts";
import { parseCron } from "../src/cron/expression.ts";
import { zoneClock } from "../src/cron/zone-clock.ts";
import { tableClock, zoneTable } from "../src/cron/zone-table.ts";
import { findDue } from "../src/slots/due.ts";
import { tempDirectory, testHost } from "../test/support/host.ts";
import { cronComplaints, startLines } from "./rig/cron-log.ts";
import { OWN_CRON, STEPPED_DAEMONS } from "./rig/daemons.ts";
import { testMachine } from "./rig/product.ts";
import { describeOn } from "./rig/suite.ts";

/** Six jobs of every kind, each meant in each of the zones. */
const CRONS = ["30 9 * * 1-5", "0 */3 * * *", "30 1 * * *", "15,45 1-2 * * *", "*/15 1 * * *", "0 2 1,29 * 0"];

const FORTNIGHTS = [
  {
    machineZone: "America/New_York",
    zones: ["Europe/London", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Chatham"],
    title: "autumn in London on Oct 25, on the machine in New York on Nov 1",
    from: new Date("2026-10-21T00:00:00Z"),
    to: new Date("2026-11-04T00:00:00Z"),
  },
  {
    machineZone: "Europe/London",
    zones: ["America/St_Johns", "Australia/Lord_Howe", "UTC", "Pacific/Chatham"],
    title: "spring on the machine in London on Mar 29, the end of summer on Lord Howe and Chatham on Apr 5",
    from: new Date("2026-03-26T00:00:00Z"),
    to: new Date("2026-04-09T00:00:00Z"),
  },
];
type Fortnight = (typeof FORTNIGHTS)[number];

for (const daemon of STEPPED_DAEMONS.filter(({ kind }) => kind !== "busybox")) {
  describeOn(daemon, "pipelines of four zones in one crontab", () => {
    test.each(daemon === OWN_CRON ? FORTNIGHTS : FORTNIGHTS.slice(0, 1))(
      "of its starts each run of the preview takes one, once: $title",
      async (fortnight) => {
        const jobs = fortnight.zones.flatMap((zone) => CRONS.map((text) => ({ zone, text })));
        const { tab, foreseen } = await render(jobs, fortnight);
        const { from, to, machineZone } = fortnight;
        const machine = await testMachine(machineZone);
        await machine.spool(tab);
        const log = await machine.step(from, to, daemon);
        expect(cronComplaints(log)).toEqual([]);

        const starts = startLines(log);
        const taken = jobs.map(({ zone, text }, job) => {
          const stamps = starts
            .filter(({ text: command }) => command.includes(` --tap job_${job} `))
            .map(({ at }) => at);
          return { zone, text, runs: takeSlots(stamps, { zone, text, since: from }) };
        });
        expect(taken).toEqual(jobs.map((job, at) => ({ ...job, runs: foreseen[at] })));
        // The lines hold candidates: most starts are one too many, in an hour of winter or summer.
        expect(starts.length).toBeGreaterThan(foreseen.flat().length);
      },
    );
  });
}

/** The lines as they are rendered shortly before, and what the preview then says of the fortnight, job by job. */
async function render(jobs: readonly { readonly zone: string; readonly text: string }[], fortnight: Fortnight) {
  const { machineZone, from, to } = fortnight;
  const file = join(tempDirectory(), "schedule.yml");
  const lines = jobs.map(
    ({ zone, text }, job) => `  - {tap: job_${job}, target: warehouse, cron: "${text}", timezone: ${zone}}\n`,
  );
  writeFileSync(file, `pipelines:\n${lines.join("")}`);
  const answer = async (...words: readonly string[]): Promise<string> => {
    const host = testHost({ now: () => new Date(from.getTime() - 3_600_000) });
    const code = await main(words, host);
    if (code !== 0) throw new Error(`${words.join(" ")} ended with ${code}: ${host.err()}`);
    return host.out();
  };
  const call = ["--node", "/bin/true", "--program", "/bin/true", "--machine-zone", machineZone];
  const tab = await answer("export", file, ...call);
  const { runs } = JSON.parse(
    await answer("preview", file, "--from", from.toISOString(), "--to", to.toISOString(), "--json"),
  ) as { readonly runs: readonly { readonly tap: string; readonly at: string }[] };
  return { tab, foreseen: jobs.map((_, job) => runs.filter(({ tap }) => tap === `job_${job}`).map(({ at }) => at)) };
}

/** The starts of a job that runs accept, by the stored clock table and the newest handled slot. */
function takeSlots(
  stamps: readonly Date[],
  { zone, text, since }: { readonly zone: string; readonly text: string; readonly since: Date },
): readonly string[] {
  const span = { from: since.getTime() - 7 * 86_400_000, to: since.getTime() + 30 * 86_400_000 };
  const clock = tableClock(zoneTable(zoneClock(zone), span));
  const taken: number[] = [];
  for (const at of stamps) {
    const tick = { crons: [parseCron(text)], clock, since: since.getTime(), now: at.getTime() };
    const due = findDue({ ...tick, handled: taken.at(-1) });
    if (due.kind === "due") taken.push(due.slot);
    if (due.kind === "too-late") throw new Error(`${new Date(due.slot).toISOString()} comes too late`);
  }
  return taken.map((slot) => new Date(slot).toISOString());
}
