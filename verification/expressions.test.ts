import { expect, test } from "vitest";
import { canonicalLines } from "../src/cron/canonical.ts";
import { parseCron } from "../src/cron/expression.ts";
import { runTimes } from "../src/cron/run-times.ts";
import { type CronStart, minute } from "./rig/cron-log.ts";
import { STEPPED_DAEMONS, TIMER_GENERATORS } from "./rig/daemons.ts";
import { judge, type Watch } from "./rig/judge.ts";
import { cannotReadTimers } from "./rig/needs.ts";
import { testMachine } from "./rig/product.ts";
import { runStepped } from "./rig/run-stepped.ts";
import { describeOn } from "./rig/suite.ts";
import { elapses, makeTimers } from "./rig/timers.ts";

/** Over the end of a month and of a year; the 1st is a Friday, the 31st a Thursday. */
const from = new Date("2026-12-20T00:00:00Z");
const to = new Date("2027-01-03T00:00:00Z");

/** Each reads otherwise in some library, some other daemon, or some head. */
const EXPRESSIONS = [
  // Day fields: either matches, unless one of them begins with a star.
  "0 0 */2 * 1",
  "0 0 23 * 5",
  "0 1 1-7 * */7",
  "0 2 1,* * 1",
  "0 3 *,1 * 5",
  "0 4 */10,31 * *",
  "0 5 31 1,12 fri",
  "0 6 * * *,mon",
  "0 7 31-31 12-12 5-5",
  "10-20/3,50 */12 * * */2",
  // Steps: from the first value, beyond the range, over the hour's end.
  "*/17 */5 * * *",
  "5-59/15 4 * * *",
  "*/60 8 * * *",
  "0 9 1-31/5 * *",
  "*/1 18 24 12 *",
  "0-59/25 0-23/9 * 1-12/11 *",
  // Names, both Sundays, ranges that end in one.
  "0 4 * JAN,dec mon-FRI",
  "15 5 * jan-MAR sun",
  "0 6 * * 7",
  "0 6 * * 0,7",
  "0 7 * * 5-7",
  "0 19 * * sat-7",
  "0 20 * * 0-7",
  "0 20 * * mon-sat/2",
  // Lists with repeats, leading zeros, blanks of all sorts.
  "1-5,3,5,4-6 10 * * *",
  "30 22-23,0-2 * * *",
  "00 013 * * 01",
  "  0\t12\t \t*  * *",
  "59 23 31 * *",
  "0 0 30 2,12 *",
  // Macros.
  "@hourly",
  "@daily",
  "@midnight",
  "@weekly",
  "@monthly",
  "@yearly",
  "@annually",
];

const watch: Watch = { zone: "Etc/UTC", from, to };
const jobs = EXPRESSIONS.map((text, job) => {
  const cron = parseCron(text);
  const times = runTimes(cron, { zone: watch.zone, from: from.getTime(), to: to.getTime() });
  return { text, command: `/bin/true job-${job}`, cron, ours: [...times].map((at) => minute(new Date(at))) };
});
const plain = jobs.map(({ text, command }) => `${text} ${command}\n`).join("");
const canonical = jobs
  .flatMap(({ cron, command }) => canonicalLines(cron).map((times) => `${times} ${command}\n`))
  .join("");
/** No line says "and" to every daemon, or "every 60 minutes". */
const LOOSE = ["0 0 */2 * 1", "0 1 1-7 * */7", "*/60 8 * * *"];

for (const daemon of STEPPED_DAEMONS) {
  describeOn(daemon, "a fortnight of hard expressions", () => {
    if (daemon.kind !== "busybox") {
      test("starts each, as it is written, exactly when we say", async () => {
        const starts = await runStepped({ ...watch, tab: plain, daemon });
        const seen = jobs.map(({ text, command }) => ({ text, starts: minutesOf(starts, command) }));
        expect(seen).toEqual(jobs.map(({ text, ours }) => ({ text, starts: ours })));
        expect(starts.length).toBeGreaterThan(1000);
      });
    }

    test("takes our canonical lines, and starts them when the expression says", async () => {
      expectOurs(await runStepped({ ...watch, tab: canonical, daemon }));
    });
  });
}

for (const generator of TIMER_GENERATORS) {
  describeOn({ ...generator, lacking: cannotReadTimers() }, "a fortnight of hard expressions", () => {
    test("makes timers of our canonical lines that elapse when the expression says", async () => {
      const machine = await testMachine(watch.zone);
      const starts: CronStart[] = [];
      for (const { line, calendar } of await makeTimers(machine, canonical, generator)) {
        const command = line.split(" ").slice(5).join(" ");
        for (const at of await elapses(calendar, watch)) starts.push({ at, command });
      }
      expectOurs(starts);
    });
  });
}

const minutesOf = (starts: readonly CronStart[], wanted: string): readonly string[] =>
  starts.filter(({ command }) => command === wanted).map(({ at }) => at);

/** Compares a daemon's starts by the canonical lines with the predicted ones. Runs skip the few others. */
function expectOurs(starts: readonly CronStart[]): void {
  const verdicts = jobs.map(({ text, command, cron, ours }) => ({
    text,
    ours,
    ...judge(minutesOf(starts, command), { foreseen: ours, cron, watch }),
  }));
  expect(verdicts.map(({ text, starts }) => ({ text, starts }))).toEqual(
    verdicts.map(({ text, ours }) => ({ text, starts: ours })),
  );
  expect(verdicts.filter(({ surplus }) => surplus.length > 0).map(({ text }) => text)).toEqual(LOOSE);
}
