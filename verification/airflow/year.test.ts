import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { clockChanges } from "../../src/cron/clock-changes.ts";
import { zoneClock } from "../../src/cron/zone-clock.ts";
import { loadSchedule } from "../../src/schedule/load.ts";
import type { Pipeline } from "../../src/schedule/schedule.ts";
import { dueInMinute } from "../../src/slots/due.ts";
import { tempDirectory, testHost } from "../../test/support/host.ts";
import { runWell } from "../../test/support/run-program.ts";
import { type Run, readDagFile } from "./dag-file.ts";
import { AIRFLOW_VERSIONS } from "./install.ts";
import { describeOnAirflow } from "./suite.ts";

const DAY = 86_400_000;
const NOW = new Date("2026-11-23T12:00:00Z");
const YEAR = { from: Date.parse("2026-12-01T00:00Z"), to: Date.parse("2027-12-01T00:00Z") };
/** On either side of a clock change, for what starts so often that a year of it takes an Airflow minutes. */
const NEAR = 8 * DAY;
/** Starts in a year. */
const OFTEN = 10_000;

const ZONES = ["Europe/London", "America/New_York", "Australia/Lord_Howe", "Asia/Kolkata"];
/** Times in gaps and repeats and at their edges, the day rules, every hour of some days, and several times. */
const CRONS = [
  `"30 1 * * *"`,
  `"15 1-3 * * 0"`,
  `["0 2 * * *", "59 0 * * *", "0 3,22 29 2 *"]`,
  `"*/20 * * * *"`,
  `"0 * * * 0,1"`,
  `"45 23,0 1 * 0"`,
  `"5 2 */2 * 0"`,
];
const CONFIG_DIR = "/srv/{{ ts }} {% raw %} {# it's.sh";
const NASTY_NOTE = String.raw`it's "quoted" \" """ '''\ {{ ts }} {% raw %} %s é 日本 😀`;
const MORE = [
  `{tap: own_zone, target: dwh, cron: "0 2,3 28-31 3,10 *"}`,
  `{tap: own.zone, target: dwh, cron: "30 0-23 */9 * *", timezone: America/St_Johns}`,
  `{tap: noted, target: dwh, cron: "@weekly", timezone: Europe/London, note: ${JSON.stringify(NASTY_NOTE)}}`,
  `{tap: tables, target: dwh, command: sync_tables, id: weekly, cron: "0 1 * * 7", timezone: Europe/London}`,
  `{tap: either, target: d.w-h, cron: "0 1 1,15 * 1-5", timezone: Europe/London}`,
];

const PIPELINES = [
  ...ZONES.flatMap((zone, z) =>
    CRONS.map((cron, c) => `{tap: t${z}_${c}, target: dwh, cron: ${cron}, timezone: ${zone}}`),
  ),
  ...MORE,
];

for (const version of AIRFLOW_VERSIONS) {
  await describeOnAirflow(version, "a year of pipelines in many zones", (airflow) => {
    test("the exported file is read without a word, and what it starts and the run finds due is what the preview says", async () => {
      const { file, pipelines, foreseen } = await exportPipelines();
      const spans = pipelines.map((_, index) => spansOf(pipelines[index], foreseen[index]?.length ?? 0));
      const known = await readDagFile(airflow, file);
      expect([known.warnings, known.errors]).toEqual([[], []]);
      const ids = idsOf(file, known.dags);
      // Airflow 2 has one DAG for each of several crons.
      expect(known.dags).toEqual(ids.flat().sort());
      const asks = pipelines.flatMap((_, index) =>
        (spans[index] ?? []).flatMap(({ from, to }) =>
          (ids[index] ?? []).map((dag) => ({ index, dag, from: new Date(from), to: new Date(to) })),
        ),
      );
      const { starts } = await readDagFile(airflow, file, { asks });

      const started = pipelines.map(() => new Set<number>());
      for (const [at, { index }] of asks.entries()) {
        for (const start of starts[at] ?? []) started[index]?.add(Date.parse(start));
      }
      for (const [index, one] of pipelines.entries()) {
        const taken = [...(started[index] ?? [])].filter((at) => isDue(one, at)).sort((a, b) => a - b);
        const wanted = (foreseen[index] ?? []).filter((at) =>
          spans[index]?.some(({ from, to }) => at >= from && at < to),
        );
        expect({ what: titleOf(one), runs: taken.map(isoOf) }).toEqual({ what: titleOf(one), runs: wanted.map(isoOf) });
      }
    });

    test("its commands come whole through Airflow's templates and the shell", async () => {
      const { file } = await exportPipelines();
      const dag = "nasty.dwh.noted";
      const ts = "2026-11-23T00:00:00+00:00";
      const runs: readonly Run[] = [
        { dag, runType: "scheduled", tryNumber: 1, ts },
        { dag, runType: "scheduled", tryNumber: 2, ts },
        { dag, runType: "manual", tryNumber: 1 },
      ];
      const { commands } = await readDagFile(airflow, file, { runs });
      const said = await Promise.all(commands.map((command) => runWell(["sh", "-c", command])));
      const withoutDigest = said.map((words) => words.replace(/(?<= --times )[0-9a-f]+/, "TIMES"));
      const words = `/opt/pws.cjs run --config-dir ${CONFIG_DIR} --schedule nasty --tap noted --target dwh --times TIMES --kill-after 8 --skip-exit-code 99`;
      expect(withoutDigest).toEqual([
        `${words} --scheduled --output --slot ${ts}\n`,
        `${words} --scheduled --output --slot ${ts} --rerun\n`,
        `${words}\n`,
      ]);
    });
  });
}

/** The exported file of all pipelines, and what the preview says of the year, pipeline by pipeline. */
async function exportPipelines() {
  const directory = tempDirectory();
  const schedule = join(directory, "schedule.yml");
  writeFileSync(schedule, `name: nasty\npipelines:\n${PIPELINES.map((one) => `  - ${one}\n`).join("")}`);
  const answer = async (...words: readonly string[]): Promise<string> => {
    const host = testHost({ cwd: directory, now: () => NOW });
    const code = await main(words, host);
    if (code !== 0) throw new Error(`${words.join(" ")} ended with ${code}: ${host.err()}`);
    return host.out();
  };
  const call = ["--node", "/bin/echo", "--program", "/opt/pws.cjs", "--config-dir", CONFIG_DIR];
  await answer("export", schedule, "--on", "airflow", ...call, "--output", directory);
  const span = ["--from", new Date(YEAR.from).toISOString(), "--to", new Date(YEAR.to).toISOString()];
  const { runs } = JSON.parse(await answer("preview", schedule, ...span, "--json")) as {
    readonly runs: readonly { readonly tap: string; readonly at: string }[];
  };
  const { pipelines } = await loadSchedule(schedule, { cwd: directory });
  const foreseen = pipelines.map(({ tap }) => runs.filter((run) => run.tap === tap).map(({ at }) => Date.parse(at)));
  return { file: join(directory, "pipelinewise_sched_nasty.py"), pipelines, foreseen };
}

/** The year, or of what starts often the time around each clock change. */
function spansOf(
  pipeline: Pipeline | undefined,
  runs: number,
): readonly { readonly from: number; readonly to: number }[] {
  if (runs < OFTEN) return [YEAR];
  const changes = [...clockChanges(zoneClock(pipeline?.timezone ?? "UTC"), YEAR)];
  return (changes.length === 0 ? [{ at: YEAR.from + NEAR }] : changes).map(({ at }) => ({
    from: at - NEAR,
    to: at + NEAR,
  }));
}

/** For each pipeline, in the file's order, the DAGs that an Airflow has made of it. */
function idsOf(file: string, dags: readonly string[]): readonly (readonly string[])[] {
  const ids = [...readFileSync(file, "utf8").matchAll(/"dag_id": "(.*)"/g)].map(([, id = ""]) => id);
  return ids.map((id) => dags.filter((dag) => dag === id || dag.startsWith(`${id}._`)));
}

const titleOf = ({ tap, crons, timezone }: Pipeline): string =>
  `${tap} ${timezone}: ${crons.map(({ text }) => text).join(", ")}`;

const isDue = ({ crons, timezone }: Pipeline, at: number): boolean =>
  dueInMinute({ crons, clock: zoneClock(timezone ?? "UTC"), since: undefined }, at) === at;

const isoOf = (at: number): string => new Date(at).toISOString();
