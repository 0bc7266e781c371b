import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { main } from "../src/cli/main.ts";
import { runMain } from "../src/cli/run-command.ts";
import { entryWords } from "../src/command-line.ts";
import type { StoredEntry } from "../src/installed/schedule.ts";
import { readStored } from "../src/installed/store.ts";
import { catchUp } from "../src/tend/catch-up.ts";
import { testHost } from "../test/support/host.ts";
import { sandbox } from "../test/support/sandbox.ts";
import { poll } from "../test/support/wait.ts";
import { cronComplaints, minute, startLines } from "./rig/cron-log.ts";
import { OWN_CRON } from "./rig/daemons.ts";
import { importProject, listCrontab, STAND_IN, sched, schedWell, testMachine } from "./rig/product.ts";
import { describeOnRealCron } from "./rig/suite.ts";

const ZONE = "Europe/London";
/** A week, from London's midnight to midnight, with the end of summer time on Oct 25 at 01:00Z. */
const WEEK = { from: new Date("2026-10-20T23:00:00Z"), to: new Date("2026-10-28T00:00:00Z") };
/** The host is suspended for two hours: cron makes up for its fixed lines itself, as after a clock change. */
const ASLEEP = { from: new Date("2026-10-22T01:30:00Z"), to: new Date("2026-10-22T03:30:00Z") };
/** cron is stopped for nine hours, over the clock change. */
const DOWN = { from: new Date("2026-10-24T20:00:00Z"), to: new Date("2026-10-25T05:02:00Z") };

interface Entry {
  readonly tap: string;
  readonly cron: string;
  readonly more?: string;
  /** The due times that are caught up. */
  readonly late: readonly string[];
  /** The due times that nothing runs for: older ones, and one that is older than `catch_up`. */
  readonly lost: readonly string[];
}

const ENTRIES: readonly Entry[] = [
  { tap: "nightly", cron: "0 3 * * *", late: ["2026-10-22T02:00Z", "2026-10-25T03:00Z"], lost: [] },
  {
    tap: "three_hourly",
    cron: "0 */3 * * *",
    late: ["2026-10-22T02:00Z", "2026-10-25T03:00Z"],
    lost: ["2026-10-24T20:00Z", "2026-10-24T23:00Z"],
  },
  { tap: "in_repeated_hour", cron: "30 1 * * *", late: ["2026-10-25T00:30Z"], lost: [] },
  {
    tap: "in_tokyo",
    cron: "0 11 * * *",
    more: ", timezone: Asia/Tokyo",
    late: ["2026-10-22T02:00Z", "2026-10-25T02:00Z"],
    lost: [],
  },
  { tap: "evening", cron: "0 21 * * *", more: ", catch_up: 1h", late: [], lost: ["2026-10-24T20:00Z"] },
];

describeOnRealCron("tend beside a real crontab", () => {
  test("starts the entry that missed a slot, and not the one whose line was removed by hand", async () => {
    const machine = await testMachine();
    await machine.startDaemon();
    await importProject(machine, join(STAND_IN, "project"));
    const file = join(machine.directory, "schedule.yml");
    const missed = new Date(Date.now() - 1_800_000);
    const cron = `${missed.getUTCMinutes()} ${missed.getUTCHours()} * * *`;
    const taps = ["microserv_1", "microserv_2"];
    const lines = taps.map((tap) => `  - {tap: ${tap}, target: redshift, cron: "${cron}", timezone: UTC}\n`);
    writeFileSync(file, `defaults: {catch_up: 12h}\npipelines:\n${lines.join("")}`);
    await schedWell(machine, ["install", file]);
    const crontab = await listCrontab(machine);
    expect(crontab).toMatch(/^\*\/5 \* \* \* \* .* tend$/m);
    await machine.setCrontab(crontab.replace(/^(.* --tap microserv_2 .*)$/m, "# $1"));
    // As if it had been installed yesterday. From here on, cron's own tend may find the missed slot too.
    const stored = join(machine.home, ".pipelinewise/.sched/schedules/pipelinewise.json");
    writeFileSync(stored, readFileSync(stored, "utf8").replace(/"since": "[^"]*"/g, `"since": "${yesterday()}"`));

    expect(await sched(machine, ["tend"])).toMatchObject({ code: 0, stderr: "" });
    await sched(machine, ["run", "--tap", "microserv_2", "--target", "redshift"]);
    const { runs } = await poll(
      async () => JSON.parse(await schedWell(machine, ["history", "--json"])),
      (history) => history.runs.length > 1,
    );
    const found = runs.map(({ tap, scheduled, detail }: Record<string, unknown>) => ({ tap, scheduled, detail }));
    expect(found.sort((one: { tap: string }, other: { tap: string }) => (one.tap < other.tap ? -1 : 1))).toEqual([
      { tap: "microserv_1", scheduled: true, detail: expect.stringMatching(/^caught up on the missed due time /) },
      { tap: "microserv_2", scheduled: false, detail: null },
    ]);
  });
});

const yesterday = (): string => new Date(Date.now() - 86_400_000).toISOString();

describeOnRealCron("a week with catch_up and downtime in it", () => {
  test("starts no slot twice, and catches up on the newest missed slot of each entry", async () => {
    const { box, tab, foreseen } = await install();
    const machine = await testMachine(ZONE);
    await machine.spool(tab);
    const log = [
      ...(await machine.step(WEEK.from, DOWN.from, OWN_CRON, ASLEEP)),
      ...(await machine.step(DOWN.to, WEEK.to)),
    ];
    expect(cronComplaints(log)).toEqual([]);

    let tends = 0;
    for (const { at, text } of startLines(log)) {
      const [, command = "", words = ""] = / (tend|run)( .*)?$/.exec(text) ?? [];
      if (command === "tend") {
        tends++;
        await tendAt(box, at);
      } else if (command === "run") {
        await runMain(words.trim().split(" "), { ...box.host, now: () => at });
      }
    }
    expect(tends).toBeGreaterThan(1_800);

    const runs = (await box.records()).filter(({ outcome }) => outcome !== "skipped");
    for (const { tap, late, lost } of ENTRIES) {
      const own = runs.filter((run) => run.tap === tap);
      const minutesOf = (some: typeof own) => some.map(({ slot = "" }) => minute(new Date(slot))).sort();
      const due = foreseen.filter((run) => run.tap === tap).map(({ at }) => minute(new Date(at)));
      expect({ tap, ran: minutesOf(own) }).toEqual({ tap, ran: due.filter((at) => !lost.includes(at)) });
      const caughtUp = own.filter(({ detail }) => detail?.startsWith("caught up"));
      expect({ tap, late: minutesOf(caughtUp) }).toEqual({ tap, late });
    }
  });
});

/** Stores the schedule, and renders its crontab and its preview. */
async function install() {
  const at = new Date(WEEK.from.getTime() - 3_600_000);
  const box = sandbox("exit 0", { now: () => at });
  const file = box.file("schedule.yml");
  const lines = ENTRIES.map(({ tap, cron, more = "" }) => `  - {tap: ${tap}, target: dwh, cron: "${cron}"${more}}\n`);
  writeFileSync(file, `timezone: ${ZONE}\ndefaults: {catch_up: 12h}\npipelines:\n${lines.join("")}`);
  const taps = ENTRIES.map(({ tap }) => ({ id: tap, enabled: true }));
  writeFileSync(join(box.paths.configDir, "config.json"), JSON.stringify({ targets: [{ id: "dwh", taps }] }));
  const answer = async (...words: readonly string[]): Promise<string> => {
    const host = testHost({ env: box.host.env, cwd: box.home, now: () => at });
    const code = await main(words, host);
    if (code !== 0) throw new Error(`${words.join(" ")} ended with ${code}: ${host.err()}`);
    return host.out();
  };
  await answer("install", "--compile-only", file);
  const call = ["--node", "/bin/true", "--program", "/bin/true", "--machine-zone", ZONE];
  const tab = await answer("export", file, ...call);
  const span = ["--from", WEEK.from.toISOString(), "--to", WEEK.to.toISOString()];
  const { runs } = JSON.parse(await answer("preview", file, ...span, "--json")) as {
    readonly runs: readonly { readonly tap: string; readonly at: string }[];
  };
  return { box, tab, foreseen: runs };
}

/** Catches up as the `tend` of a time does. Its clock is that of the daemon, and its waits take no time. */
async function tendAt({ host: first, paths }: ReturnType<typeof sandbox>, at: Date): Promise<void> {
  let now = at.getTime();
  const host = { ...first, now: () => new Date(now) };
  const stored = await readStored(paths, "pipelinewise", host);
  if (stored?.host === undefined) throw new Error("nothing is installed");
  const log = { info() {}, warn() {}, error() {} };
  const context = { host, paths, schedule: stored.storedSchedule, install: stored.host, at, log };
  await catchUp(context, {
    start: async (entry: StoredEntry) => void (await runMain([...entryWords(entry), "--scheduled"], host)),
    wait: async (ms) => {
      now += ms;
    },
  });
}
