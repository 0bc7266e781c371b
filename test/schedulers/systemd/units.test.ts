import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseCron } from "../../../src/cron/expression.ts";
import { CONNECTOR_ID, ENTRY_COMMANDS, type EntryId, entryPath, NAME } from "../../../src/pipeline-id.ts";
import { readFileMark } from "../../../src/schedulers/owner-mark.ts";
import type { InstallJob } from "../../../src/schedulers/scheduler.ts";
import { decadesFrom } from "../../../src/schedulers/scheduler.ts";
import { quoteWord, unitName, unitsOf } from "../../../src/schedulers/systemd/units.ts";

const at = new Date("2026-11-23T12:00Z");
const entry = (changes: Partial<EntryId> = {}): EntryId => ({
  tap: "orders",
  target: "redshift",
  command: "run_tap",
  ...changes,
});

describe("what units are called", () => {
  test.each([
    [entry(), "pipelinewise-warehouse-redshift-orders"],
    [entry({ command: "sync_tables" }), "pipelinewise-warehouse-redshift-orders-sync_tables"],
    [entry({ id: "weekly" }), "pipelinewise-warehouse-redshift-orders-run_tap-weekly"],
    [entry({ tap: "my-orders", id: "a-b" }), "pipelinewise-warehouse-redshift-my--orders-run_tap-a--b"],
  ])("%j", (one, name) => {
    expect(unitName("warehouse", one)).toBe(name);
  });

  test.each([
    [entry(), "pipelinewise-redshift-orders"],
    [entry({ command: "sync_tables" }), "pipelinewise-redshift-orders:sync_tables"],
    [entry({ tap: "my-orders", id: "a-b" }), "pipelinewise-redshift-my--orders:run_tap-a--b"],
  ])("%j of the default schedule", (one, name) => {
    expect(unitName("pipelinewise", one)).toBe(name);
  });

  test("is another for every entry of every schedule, and fits a file name", () => {
    const id = fc.oneof(
      fc.stringMatching(CONNECTOR_ID),
      fc.stringMatching(/^[a_][-a_]{0,3}$/),
      fc.constantFrom("run_tap", "a"),
    );
    const name = fc.oneof(
      fc.stringMatching(NAME),
      fc.stringMatching(/^[a0][-a0]{0,3}$/),
      fc.constantFrom("pipelinewise", "run_tap"),
    );
    const one = fc.record({
      schedule: name,
      tap: id,
      target: id,
      command: fc.constantFrom(...ENTRY_COMMANDS),
      id: fc.option(name, { nil: undefined }),
    });
    const keyOf = (of: EntryId & { schedule: string }) => `${of.schedule} ${entryPath(of)}`;
    fc.assert(
      fc.property(one, one, (a, b) => {
        const [first, second] = [unitName(a.schedule, a), unitName(b.schedule, b)];
        expect(first === second).toBe(keyOf(a) === keyOf(b));
        expect(`.${first}.service.4194304.tmp`.length).toBeLessThanOrEqual(255);
        expect(first).toMatch(/^[A-Za-z0-9:_.\\-]+$/);
      }),
      { numRuns: 3000, seed: 6 },
    );
  });
});

test.each([
  ["/opt/a b/node", '"/opt/a b/node"'],
  ["50%", '"50%%"'],
  ["$HOME", '"$$HOME"'],
  ['say "hi" \\', String.raw`"say \"hi\" \\"`],
  ["a\nb", String.raw`"a\x0ab"`],
  ["it's", `"it's"`],
  ["naïve", '"naïve"'],
  ["plain-word_1.2/3:4=5@6,7+8", "plain-word_1.2/3:4=5@6,7+8"],
])("systemd reads %j back from %s", (word, quoted) => {
  expect(quoteWord(word, 1)).toBe(quoted);
});

test("no variable is filled into the program, which is the first word", () => {
  expect(quoteWord("/opt/$x/node", 0)).toBe('"/opt/$x/node"');
});

describe("the units of a pipeline", () => {
  const job: InstallJob = {
    schedule: {
      name: "warehouse",
      source: { path: "/srv/sché dule.yml", bytes: new Uint8Array() },
      pipelinewise: { command: ["pipelinewise"], env: {} },
      pipelines: [
        {
          ...entry(),
          crons: [parseCron("30 1 * * *")],
          timezone: "Europe/London",
          note: "100% of orders \\",
          args: [],
          position: { line: 1, column: 1 },
        },
      ],
    },
    call: { node: "/usr/bin/node", program: "/opt/p/bin/p.cjs", schedule: "warehouse", configDir: "/srv/pw dir" },
    machineZone: "UTC",
    horizon: decadesFrom(at),
    at,
  };

  test("are a service and a timer", () => {
    const [service, timer] = unitsOf(job, { user: "etl", remarks: ["Read this."] });
    expect(service?.name).toBe("pipelinewise-warehouse-redshift-orders.service");
    expect(service?.text).toMatchInlineSnapshot(`
      "# pipelinewise-sched {"schedule":"warehouse","source":"/srv/sch\\u00e9 dule.yml","config-dir":"/srv/pw dir"}
      # The next install overwrites changes to this file. Make lasting changes in a drop-in: systemctl edit UNIT, or pipelinewise-.service.d/ for all units.
      # Read this.
      [Unit]
      Description=PipelineWise orders → redshift, 100%% of orders \\ (schedule warehouse)
      # A user's manager does not have this target and ignores it.
      Wants=network-online.target
      After=network-online.target

      [Service]
      Type=oneshot
      User=etl
      ExecStart=/usr/bin/node /opt/p/bin/p.cjs run --scheduled --config-dir "/srv/pw dir" --schedule warehouse --tap orders --target redshift --record-missed --output
      SyslogIdentifier=%N
      NoNewPrivileges=yes
      UMask=0077
      # systemd signals only the wrapper, which ends all processes of the pipeline within 45 s.
      KillMode=mixed
      TimeoutStopSec=90s
      # Exit by SIGTERM means stopped, not failed.
      SuccessExitStatus=143
      "
    `);
    expect(timer?.name).toBe("pipelinewise-warehouse-redshift-orders.timer");
    expect(timer?.text).toMatchInlineSnapshot(`
      "# pipelinewise-sched {"schedule":"warehouse","source":"/srv/sch\\u00e9 dule.yml","config-dir":"/srv/pw dir"}
      # The next install overwrites changes to this file. Make lasting changes in a drop-in: systemctl edit UNIT, or pipelinewise-.service.d/ for all units.
      # Read this.
      [Unit]
      Description=Times of PipelineWise orders → redshift (schedule warehouse)

      [Timer]
      # 30 1 * * * Europe/London: at 01:30 every day
      # systemd handles the clock changes at these times differently from cron, so the timer uses UTC; a run that is not due is skipped.
      OnCalendar=*-03..10-* 00:30:00 UTC
      OnCalendar=Sun *-03-25..31 01:00:00 UTC
      OnCalendar=*-01..03,10..12-* 01:30:00 UTC
      # systemd's default accuracy is one minute.
      AccuracySec=1s

      [Install]
      WantedBy=timers.target
      "
    `);
  });

  test("say whose they are, and a text that was not begun by us says nothing", () => {
    const [service] = unitsOf(job, { user: undefined, remarks: [] });
    const mark = { schedule: "warehouse", source: "/srv/sché dule.yml", configDir: "/srv/pw dir" };
    expect(readFileMark(service?.text ?? "")).toEqual(mark);
    expect(service?.text).not.toContain("User=");
    for (const text of ["", "[Unit]\n", ` ${service?.text}`, service?.text.replace('"source"', "source") ?? ""]) {
      expect(readFileMark(text)).toBeUndefined();
    }
  });
});
