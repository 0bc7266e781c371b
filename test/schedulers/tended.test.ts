import { describe, expect, test } from "vitest";
import { TEND_TIMES } from "../../src/command-line.ts";
import { parseCron } from "../../src/cron/expression.ts";
import { airflow } from "../../src/schedulers/airflow/airflow.ts";
import { readDagFile } from "../../src/schedulers/airflow/dag-file.ts";
import { cron } from "../../src/schedulers/cron/cron.ts";
import { cronicle } from "../../src/schedulers/cronicle/cronicle.ts";
import { isEventId, isEventOf, isOurScript } from "../../src/schedulers/cronicle/event.ts";
import { decadesFrom, type InstallJob } from "../../src/schedulers/scheduler.ts";
import { systemd } from "../../src/schedulers/systemd/systemd.ts";
import { tendUnitNames, unitName } from "../../src/schedulers/systemd/units.ts";

const AT = new Date("2026-11-23T12:00Z");
const ENTRY = { tap: "orders", target: "redshift", command: "run_tap" } as const;

const job = (name: string, isTended: boolean): InstallJob => ({
  schedule: {
    name,
    source: { path: "/srv/schedule.yml", bytes: new Uint8Array() },
    pipelinewise: { command: ["pipelinewise"], env: {} },
    cronicle: { urls: ["http://c:3012"], key: `\${env:K}`, category: "general" },
    pipelines: [{ ...ENTRY, crons: [parseCron("0 4 * * *")], args: [], position: { line: 1, column: 1 } }],
  },
  call: { node: "/n", program: "/p", schedule: name, configDir: "/c" },
  isTended,
  machineZone: "UTC",
  horizon: decadesFrom(AT),
  at: AT,
});

const added = (render: (job: InstallJob) => string, name = "shop"): readonly string[] => {
  const before = new Set(render(job(name, false)).split("\n"));
  return render(job(name, true))
    .split("\n")
    .filter((line) => !before.has(line));
};

describe("a schedule that is tended", () => {
  test.each([
    ["shop", "*/5 * * * * /n /p tend --config-dir /c --schedule shop"],
    ["pipelinewise", "*/5 * * * * /n /p tend --config-dir /c"],
  ])("has one more line in the crontab: %s", (name, line) => {
    expect(added((one) => cron.render(one)[0]?.text ?? "", name)).toEqual([line]);
  });

  test("has one more DAG in Airflow, which keeps its start and gets no slot", () => {
    const text = airflow.render(job("shop", true))[0]?.text ?? "";
    expect(readDagFile(text)?.dags.get("shop.tend")).toEqual({
      start_date: "2026-11-23T12:00:00+00:00",
      crons: [TEND_TIMES],
    });
    const later = airflow.render({ ...job("shop", true), at: new Date("2027-01-01") }, () => text)[0]?.text;
    expect(later).toBe(text);
    expect(added((one) => airflow.render(one)[0]?.text ?? "").filter((line) => /tend"|options|\/p/.test(line))).toEqual(
      [
        '        "dag_id": "shop.tend",',
        '            "tend",',
        '    options = "" if dag_id == "shop.tend" else WHEN_SCHEDULED',
        '                bash_command=" ".join(["exec", *pipeline["command"]]) + options,',
      ],
    );
  });

  test("has one more service and timer in systemd, and what the service starts outlives it", () => {
    const units = systemd.render(job("shop", true));
    expect(units.slice(2).map(({ name }) => name)).toEqual(tendUnitNames("shop"));
    expect(units.slice(0, 2)).toEqual(systemd.render(job("shop", false)));
    expect(units[2]?.text).toMatch(/^ExecStart=\/n \/p tend --config-dir \/c --schedule shop$/m);
    expect(units[2]?.text).toMatch(/^KillMode=process$/m);
    expect(units[3]?.text).toMatch(/^OnCalendar=\*-\*-\* \*:00\/5:00 UTC$/m);
  });

  test.each([
    ["pipelinewise", { ...ENTRY, target: "x", tap: "tend" }, "x"],
    ["tend", ENTRY, "pipelinewise"],
    ["pipelinewise", { ...ENTRY, target: "tend" }, "tend"],
  ])("has units that no entry has: %s", (schedule, entry, tended) => {
    const names = ["service", "timer"].map((kind) => `${unitName(schedule, entry)}.${kind}`);
    expect(tendUnitNames(tended).filter((name) => names.includes(name))).toEqual([]);
  });

  test("has one more event in Cronicle, which an uninstall recognises as its own", () => {
    const events = (isTended: boolean) => JSON.parse(cronicle.render(job("shop", isTended))[0]?.text ?? "").events;
    const [first, event, ...more] = events(true);
    expect([first]).toEqual(events(false));
    expect(more).toEqual([]);
    expect(event.params.script).toMatch(/^exec \/n \/p tend --config-dir \/c --schedule shop$/m);
    expect(event).toMatchObject({
      title: "shop: tend",
      timing: { minutes: [0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55] },
    });
    expect(isEventId("shop", event.id) && isOurScript(event.params.script)).toBe(true);
    expect(isEventOf("shop", ENTRY, event.id)).toBe(false);
  });
});
