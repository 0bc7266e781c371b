import { mkdirSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { environmentOf } from "../test/support/processes.ts";
import { waitFor } from "../test/support/wait.ts";
import { cronComplaints, cronStarts } from "./rig/cron-log.ts";
import type { PrivateCron } from "./rig/private-cron.ts";
import { importProject, schedWell, testMachine } from "./rig/product.ts";
import { describeOnRealCron } from "./rig/suite.ts";
import { addUser, type OrdinaryUser } from "./rig/user.ts";

/**
 * Instructions for each tap: one is still running when its next minute comes, one fails. A first run copies and then
 * follows, so it takes the seconds twice. The last tap has no times of its own: it runs after the first.
 */
const TAPS = {
  microserv_1: "seconds: 0",
  microserv_2: "seconds: 45",
  microserv_3: "exit: 3",
  microserv_4: "seconds: 0",
  microserv_5: "seconds: 1",
  microserv_6: "seconds: 0",
} as const;

interface Record {
  readonly id: string;
  readonly tap: string;
  readonly outcome: string;
  readonly reason?: string | null;
  readonly exitCode?: number | null;
  readonly triggeredBy: string | null;
}

describeOnRealCron("five pipelines every minute, in real time", () => {
  test("cron's starts skip a running pipeline, only the failing pipeline sends mail, and another user's runs are that user's", async () => {
    const machine = await testMachine();
    await importProject(machine, writeProject(machine.directory));
    await machine.startDaemon();
    const file = join(machine.directory, "schedule.yml");
    const lines = Object.keys(TAPS).map((tap) => {
      const start = tap === "microserv_6" ? "after: {tap: microserv_1, target: redshift}" : 'cron: "* * * * *"';
      return `  - {tap: ${tap}, target: redshift, ${start}}\n`;
    });
    writeFileSync(file, `pipelines:\n${lines.join("")}`);
    await schedWell(machine, ["install", file]);
    const user = await addUser(machine, "etl", 4711);
    await installFor(user, machine.directory);

    // Two minutes of the daemon, and the long run met by the second.
    const environment = await waitFor("the long run", 150_000, () => {
      const run = machine.processes().find(({ words }) => words.includes("run_tap") && words.includes("microserv_2"));
      return run && environmentOf(run);
    });
    expect(environment).toContain("PATH=/usr/bin:/bin");
    expect(environment).toContain(`HOME=${machine.home}`);
    await waitFor("the skip of the next minute", 150_000, async () =>
      (await history(machine)).find(({ outcome }) => outcome === "skipped"),
    );
    const { running, lastSkip } = await statusOf("microserv_2", machine);
    expect(lastSkip?.reason).toBe("overlap");
    expect(machine.processes().map(({ pid }) => pid)).toContain(running?.pid);
    await waitFor("the run after microserv_1 in both minutes", 150_000, async () =>
      (await history(machine)).filter(({ tap }) => tap === "microserv_6").length >= 2 ? true : undefined,
    );
    await schedWell(machine, ["uninstall"]);
    expect(machine.spooled()).toBeUndefined();
    await user.sched(["uninstall"]);
    await waitFor("the runs' own ends", 150_000, () => (machine.processes().length === 0 ? true : undefined));

    const records = await history(machine);
    const minutes = new Set(cronStarts(machine.log()).map(({ at }) => at)).size;
    expect(minutes).toBeGreaterThanOrEqual(2);
    const ends = (tap: string) =>
      records.filter((record) => record.tap === tap).map(({ outcome, reason }) => reason ?? outcome);
    // Every start of the daemon is one record, and ended as it must.
    expect(ends("microserv_1")).toEqual(Array(minutes).fill("succeeded"));
    expect(ends("microserv_2")).toHaveLength(minutes);
    expect(new Set(ends("microserv_2"))).toEqual(new Set(["succeeded", "overlap"]));
    expect(ends("microserv_3")).toEqual(Array(minutes).fill("failed"));
    expect(ends("microserv_4")).toEqual(Array(minutes).fill("succeeded"));
    expect(ends("microserv_5")).toEqual(Array(minutes).fill("succeeded"));
    // Each run after microserv_1 was started by another run of it. A run that outlives the uninstall starts none.
    const followers = records.filter(({ tap }) => tap === "microserv_6");
    expect(new Set(ends("microserv_6"))).toEqual(new Set(["succeeded"]));
    const first = records.filter(({ tap }) => tap === "microserv_1").map(({ id }) => id);
    const triggers = followers.map(({ triggeredBy }) => triggeredBy);
    expect(new Set(triggers).size).toBe(followers.length);
    expect(first).toEqual(expect.arrayContaining(triggers));
    expect(records.filter(({ tap }) => tap === "microserv_3").every(({ exitCode }) => exitCode === 1)).toBe(true);

    const ofUser = JSON.parse(await user.sched(["history", "--json"])) as { readonly runs: readonly Record[] };
    expect(ofUser.runs.map(({ tap, outcome }) => `${tap} ${outcome}`)).toEqual(
      Array(ofUser.runs.length).fill("microserv_1 succeeded"),
    );
    expect(ofUser.runs.length).toBeGreaterThanOrEqual(1);
    expect(ownersBelow(join(user.home, ".pipelinewise"))).toEqual([user.uid]);

    const mails = machine.mails();
    expect(mails).toHaveLength(minutes);
    for (const mail of mails) {
      expect(mail).toMatch(/^Subject: .*--tap microserv_3 --target redshift/m);
      expect(mail).toContain("microserv_3 → redshift");
      expect(mail).toContain("message=the stand-in's tap was told to end with 3");
    }
    expect(cronComplaints(machine.log())).toEqual([]);
  }, 330_000);
});

/** One pipeline in a user's own crontab, beside root's. */
async function installFor(user: OrdinaryUser, directory: string): Promise<void> {
  await user.pipelinewise(["import", "--dir", join(directory, "project")]);
  const file = join(directory, "etl.yml");
  writeFileSync(file, 'pipelines:\n  - {tap: microserv_1, target: redshift, cron: "* * * * *"}\n');
  await user.sched(["install", file]);
}

/** The owners of the files and directories below a directory. */
const ownersBelow = (directory: string): readonly number[] => [
  ...new Set(readdirSync(directory, { recursive: true }).map((name) => statSync(join(directory, String(name))).uid)),
];

interface Status {
  readonly tap: string;
  readonly running: { readonly pid: number } | null;
  readonly lastSkip: { readonly reason: string } | null;
}

async function statusOf(tap: string, machine: PrivateCron): Promise<Status> {
  const { pipelines } = JSON.parse(await schedWell(machine, ["status", "--json"])) as {
    readonly pipelines: readonly Status[];
  };
  expect(pipelines.map((pipeline) => pipeline.tap).sort()).toEqual(Object.keys(TAPS));
  const status = pipelines.find((pipeline) => pipeline.tap === tap);
  if (status === undefined) throw new Error(`status shows no ${tap}`);
  return status;
}

/** A PipelineWise project with the five taps. @returns its directory */
function writeProject(directory: string): string {
  const project = join(directory, "project");
  mkdirSync(project);
  const target = [
    "id: redshift",
    "name: Redshift",
    "type: target-redshift",
    "db_conn:",
    "  host: redshift.example.com",
  ];
  writeFileSync(join(project, "target_redshift.yml"), `${target.join("\n")}\n`);
  for (const [tap, behaviour] of Object.entries(TAPS)) {
    const lines = [`id: ${tap}`, `name: ${tap}`, "type: tap-postgres", "owner: data@example.com", "target: redshift"];
    lines.push("db_conn:", "  host: example.com", "  stand_in:", `    ${behaviour}`);
    lines.push("schemas:", "  - source_schema: public", `    target_schema: ${tap}`);
    lines.push("    tables:", "      - table_name: orders", "        replication_method: INCREMENTAL");
    lines.push("        replication_key: id");
    writeFileSync(join(project, `tap_${tap}.yml`), `${lines.join("\n")}\n`);
  }
  return project;
}

async function history(machine: PrivateCron): Promise<readonly Record[]> {
  const { runs } = JSON.parse(await schedWell(machine, ["history", "--json", "--limit", "1000"])) as {
    readonly runs: readonly Record[];
  };
  return runs;
}
