import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ENTRY_COMMANDS } from "../../../src/pipeline-id.ts";
import { dagId, dagIdFault } from "../../../src/schedulers/airflow/dag.ts";
import { readDagFile, renderDagFile } from "../../../src/schedulers/airflow/dag-file.ts";
import { readFileMark, renderFileMark } from "../../../src/schedulers/owner-mark.ts";
import { job, pipeline } from "./values.ts";

/** The list between the imports and the loop, which Python reads as JSON does. */
const listOf = (text: string) => JSON.parse(/^PIPELINES = (\[\n.*?\n\])$/ms.exec(text)?.[1] ?? "") as PipelineRow[];
type PipelineRow = Readonly<Record<"command" | "doc_md" | "description" | "dag_id" | "start_date", string>>;

test("is a head, a list and a loop", () => {
  const note = "Sync every 5 minutes";
  expect(renderDagFile(job([pipeline("*/5 * * * *", { note })]))).toMatchInlineSnapshot(`
    "# The schedule shop as DAGs for Apache Airflow 2.9 or newer, written by pipelinewise-sched: do not edit.
    #
    # Change the schedule file instead, and install it again:
    #     pipelinewise-sched install --on airflow schedule.yml
    # What a run does is stored on the machine that it runs on. Workers elsewhere need, after each change:
    #     pipelinewise-sched install --compile-only --config-dir /srv/pw schedule.yml
    # To take it away again:
    #     pipelinewise-sched uninstall --on airflow --name shop
    #
    # pipelinewise-sched {"schedule":"shop","source":"/srv/schedule.yml","config-dir":"/srv/pw"}

    from datetime import datetime

    try:
        from airflow.sdk import DAG
    except ImportError:  # Airflow 2
        from airflow import DAG
    try:
        from airflow.sdk import CronTriggerTimetable, MultipleCronTriggerTimetable
    except ImportError:
        from airflow.timetables import trigger

        CronTriggerTimetable = trigger.CronTriggerTimetable
        MultipleCronTriggerTimetable = getattr(trigger, "MultipleCronTriggerTimetable", None)
    try:
        from airflow.providers.standard.operators.bash import BashOperator
    except ImportError:
        from airflow.operators.bash import BashOperator

    PIPELINES = [
        {
            "dag_id": "shop.warehouse.orders",
            "description": "Sync every 5 minutes",
            "crons": [
                "*/5 * * * *"
            ],
            "timezone": "Europe/London",
            "start_date": "2026-11-23T12:00:00+00:00",
            "tags": [
                "pipelinewise-sched",
                "shop",
                "warehouse"
            ],
            "command": "exec /usr/bin/node /opt/p/bin/p.cjs run --config-dir /srv/pw --schedule shop --tap orders --target warehouse --stop-within 8 --skip-exit-code 99",
            "doc_md": "Sync every 5 minutes\\n\\n**orders → warehouse**, in the zone Europe/London:\\n\\n- \`*/5 * * * *\` every 5 minutes\\n\\nA run is *skipped* when the pipeline is at work already, or when another scheduler has run the same time; its log says which.\\n*Trigger* runs the pipeline now. *Clear* runs the time of that run once more.\\n\\nMore is told by \`pipelinewise-sched history --tap orders --target warehouse\`.\\n"
        }
    ]

    # A run that somebody triggers, or a backfill, stands for no due time: it runs the pipeline. A task that is cleared is
    # tried once more, and runs its due time again.
    WHEN_SCHEDULED = (
        "{% if dag_run.run_type == 'scheduled' %} --scheduled --output --slot {{ ts }}"
        "{% if ti.try_number > 1 %} --again{% endif %}{% endif %}"
    )


    def timetables(crons, timezone):
        """One for all crons where Airflow has such a thing, else one for each."""
        if len(crons) > 1 and MultipleCronTriggerTimetable is not None:
            return [MultipleCronTriggerTimetable(*crons, timezone=timezone)]
        return [CronTriggerTimetable(cron, timezone=timezone) for cron in crons]


    for pipeline in PIPELINES:
        schedules = timetables(pipeline["crons"], pipeline["timezone"])
        for number, schedule in enumerate(schedules, start=1):
            with DAG(
                pipeline["dag_id"] if len(schedules) == 1 else f"{pipeline['dag_id']}__{number}",
                description=pipeline["description"],
                schedule=schedule,
                start_date=datetime.fromisoformat(pipeline["start_date"]),
                catchup=False,
                # Above 1: a run that finds the pipeline at work is to be seen as skipped. pipelinewise-sched keeps them apart.
                max_active_runs=10,
                is_paused_upon_creation=False,
                tags=pipeline["tags"],
                doc_md=pipeline["doc_md"],
            ):
                BashOperator(
                    task_id="run",
                    bash_command=pipeline["command"] + WHEN_SCHEDULED,
                    skip_on_exit_code=99,
                    retries=0,
                    do_xcom_push=False,
                )
    "
  `);
});

test("says what a skipped run may mean, where there are more starts than are due", () => {
  const [kept, surplus, candidates] = listOf(
    renderDagFile(job([pipeline("0 4 * * *"), pipeline("0 4 */2 * 1"), pipeline("30 1 * * *")])),
  );
  expect(kept?.doc_md).not.toContain("is not due");
  expect(surplus?.doc_md).toContain("as it reads these times otherwise; what is not due is *skipped*");
  expect(candidates?.doc_md).toContain(
    "it starts the pipeline at more times, in UTC, and what is not due is *skipped*",
  );
  expect(candidates?.description).toBe("orders → warehouse: at 01:30 every day, Europe/London");
});

test("no word of the command is a template to Airflow, or anything to the shell", () => {
  const call = { ...job([]).call, configDir: "/srv/{{ ts }}/{%x%}/{{{#/it's.sh" };
  const [row] = listOf(renderDagFile(job([pipeline("0 4 * * *")], { call })));
  expect(row?.command).toContain(String.raw`--config-dir '/srv/{''{ ts }}/{''%x%}/{''{''{''#/it'\''s.sh' --schedule`);
});

test("a note may hold whatever text can", () => {
  const note = `"""quotes""" 'and' \\ \\u0041 \\N{BULLET} {{ ts }} %s {brace} é 日本 😀 #`;
  const [row] = listOf(renderDagFile(job([pipeline("0 4 * * *", { note })])));
  expect(row?.description).toBe(note);
});

test("paths stay in their comments", () => {
  const schedule = { ...job([]).schedule, source: { path: "/srv/a\nimport os\n.yml", bytes: new Uint8Array() } };
  const text = renderDagFile(job([], { schedule }));
  expect(text).not.toMatch(/^import os/m);
  expect(readFileMark(text)?.source).toBe("/srv/a\nimport os\n.yml");
});

describe("exported anew, a DAG keeps its start date", () => {
  const later = { at: new Date("2026-12-24T18:00:00Z") };
  const orders = pipeline("0 4 * * *");
  const text = renderDagFile(job([orders]));
  const dates = (again: string) => listOf(again).map(({ start_date }) => start_date);

  test("and a new one starts now", () => {
    const two = [pipeline("0 5 * * *"), pipeline("0 5 * * *", { tap: "users" })];
    expect(dates(renderDagFile(job(two, later), readDagFile(text)))).toEqual([
      "2026-11-23T12:00:00+00:00",
      "2026-12-24T18:00:00+00:00",
    ]);
  });

  test.each([
    ["a list that is Python only", text.replace('"crons": [', '"crons": [*')],
    ["no list", text.replace("PIPELINES = ", "JOBS = ")],
    ["a date that is none", text.replace("2026-11-23T12", "2026-11-23 12")],
  ])("unless somebody has left there %s", (_, edited) => {
    const before = readDagFile(edited);
    expect(before?.mark.schedule).toBe("shop");
    expect(dates(renderDagFile(job([orders], later), before))).toEqual(["2026-12-24T18:00:00+00:00"]);
  });
});

test("a mark says whose the file is, whatever the paths are; other texts have none", () => {
  fc.assert(
    fc.property(fc.record({ schedule: fc.string(), source: fc.string(), configDir: fc.string() }), (mark) => {
      expect(readFileMark(`# a head\n${renderFileMark(mark)}\r\nrest`)).toEqual(mark);
    }),
    { seed: 6 },
  );
  for (const text of [
    "",
    "# pipelinewise-sched",
    "# pipelinewise-sched {}",
    "# pipelinewise-sched {x}",
    '# pipelinewise-sched {"schedule":1}',
  ]) {
    expect(readFileMark(text)).toBeUndefined();
  }
});

describe("a DAG's id", () => {
  const word = fc.stringMatching(/^[a_][a._-]{0,4}$/);
  const name = fc.stringMatching(/^a[a_-]{0,3}$/);
  const entry = fc.record({
    target: word,
    tap: word,
    command: fc.constantFrom(...ENTRY_COMMANDS),
    id: fc.option(name, { nil: undefined }),
  });

  test("is one that Airflow takes, and no other pipeline's", () => {
    const seen = new Map<string, string>();
    fc.assert(
      fc.property(name, entry, (schedule, one) => {
        const id = dagId(schedule, one);
        const whole = JSON.stringify([schedule, one.target, one.tap, one.command, one.id]);
        expect(id).toMatch(/^[A-Za-z0-9._-]+$/);
        expect(seen.get(id) ?? whole).toBe(whole);
        seen.set(id, whole);
      }),
      { seed: 6, numRuns: 5000 },
    );
  });

  test("reads as what it runs", () => {
    const orders = { target: "redshift", tap: "orders", command: "run_tap" } as const;
    expect(dagId("shop", orders)).toBe("shop.redshift.orders");
    expect(dagId("shop", { ...orders, command: "sync_tables" })).toBe("shop.redshift.orders.sync_tables");
    expect(dagId("shop", { ...orders, id: "nightly" })).toBe("shop.redshift.orders.run_tap.nightly");
    expect(dagId("shop", { ...orders, tap: "orders.eu" })).toBe("shop.redshift.orders..eu");
  });

  test("may be too long for Airflow", () => {
    expect(dagIdFault("a".repeat(245))).toBeUndefined();
    expect(dagIdFault("a".repeat(246))).toBe("its DAG id would have 246 characters, and Airflow takes 245 here");
  });
});
