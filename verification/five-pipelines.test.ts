import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { cronComplaints, cronStarts, minute } from "./rig/cron-log.ts";
import { importProject, listCrontab, STAND_IN, sched, schedWell, testMachine } from "./rig/product.ts";
import { describeOnRealCron } from "./rig/suite.ts";

const EXAMPLE = resolve("examples/schedule.yml");
/** A crontab as people have them: comments, an environment line, odd blanks, an escaped `%`. */
const OWN_LINES = `# my own jobs
SHELL=/bin/sh
  10 *\t* * *   /bin/true  mine \\%d\t
#0 0 * * * /bin/true not now

@daily /bin/true daily # nightly
`;

describeOnRealCron("the five pipelines of the example in a real crontab", () => {
  test("install adds its block to the user's lines, and uninstall restores every byte", async () => {
    const machine = await testMachine();
    await importProject(machine, join(STAND_IN, "project"));
    await machine.setCrontab(OWN_LINES);

    await schedWell(machine, ["install", EXAMPLE]);
    const installed = await listCrontab(machine);
    expect(installed.startsWith(OWN_LINES)).toBe(true);
    expect(entries(installed.slice(OWN_LINES.length))).toEqual([
      { times: "*/5 * * * *", tap: "microserv_1" },
      { times: "0 * * * *", tap: "microserv_2" },
      { times: "0 */3 * * *", tap: "microserv_3" },
      { times: "0 0 * * *", tap: "microserv_4" },
      { times: "0 0 * * 6", tap: "microserv_5" },
    ]);

    const spooled = machine.spooled();
    const again = await sched(machine, ["install", EXAMPLE]);
    expect(again).toMatchObject({ code: 0, stderr: expect.stringContaining("nothing to change") });
    expect(machine.spooled()).toBe(spooled);

    await schedWell(machine, ["uninstall"]);
    expect(await listCrontab(machine)).toBe(OWN_LINES);
  });

  test("over seven days, a clock change among them, the daemon starts what the preview says, to the minute", async () => {
    const zone = "Europe/London";
    const [from, to] = [new Date("2026-10-20T23:00:00Z"), new Date("2026-10-28T00:00:00Z")];
    const machine = await testMachine(zone);
    await importProject(machine, join(STAND_IN, "project"));
    await machine.setCrontab(OWN_LINES);
    await schedWell(machine, ["install", EXAMPLE]);
    const span = ["--from", from.toISOString(), "--to", to.toISOString()];
    const { runs } = JSON.parse(await schedWell(machine, ["preview", EXAMPLE, ...span, "--json"])) as {
      readonly runs: readonly { readonly tap: string; readonly at: string }[];
    };

    // The block stays as install wrote it; only the Node that it calls is a cheaper one for these days.
    const cheap = join(machine.directory, "cheap");
    writeFileSync(cheap, "#!/bin/sh\n", { mode: 0o755 });
    await machine.replace(process.execPath, cheap);
    const log = await machine.step(from, to);

    expect(cronComplaints(log)).toEqual([]);
    const starts = cronStarts(log);
    expect(starts.some(({ command }) => command.startsWith("/bin/true  mine"))).toBe(true);
    const seen = starts.flatMap(({ at, command }) => tapsOf(command).map((tap) => `${at} ${tap}`));
    const foreseen = runs.map(({ at, tap }) => `${minute(new Date(at))} ${tap}`);
    expect(seen.length).toBeGreaterThan(2_250);
    expect([...new Set(seen)].sort()).toEqual([...foreseen].sort());
  });

  test("install has the daemon's own check read the whole text: another's bad line is found, nothing is written", async () => {
    const machine = await testMachine();
    await importProject(machine, join(STAND_IN, "project"));
    await machine.setCrontab(OWN_LINES);
    // No `crontab` would take such a line; it comes from an editor in the spool, or an older cron.
    const spool = "/var/spool/cron/crontabs/root";
    await machine.run(["sh", "-c", `echo '61 * * * * /bin/true bad' >>${spool}`]);
    const before = machine.spooled();
    const shims = join(machine.directory, "shims");
    const calls = join(shims, "calls");
    mkdirSync(shims);
    writeFileSync(join(shims, "crontab"), `#!/bin/sh\necho "$*" >>${calls}\nexec /usr/bin/crontab "$@"\n`, {
      mode: 0o755,
    });

    const { code, stderr } = await sched(machine, ["install", EXAMPLE], [shims]);
    expect({ code, stderr }).toEqual({ code: 74, stderr: expect.stringContaining("bad minute") });
    expect(machine.spooled()).toBe(before);
    const words = readFileSync(calls, "utf8").trimEnd().split("\n");
    expect(words.some((call) => call.startsWith("-n "))).toBe(true);
    expect(words.filter((call) => !/^-[lnV]/.test(call))).toEqual([]);
    expect(existsSync(join(machine.home, ".pipelinewise/.sched/schedules/pipelinewise.json"))).toBe(false);
  });
});

/** The times and the tap of each line of ours. */
function entries(block: string): readonly { readonly times: string; readonly tap: string }[] {
  return block
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith("#"))
    .flatMap((line) => tapsOf(line).map((tap) => ({ times: line.split(" ").slice(0, 5).join(" "), tap })));
}

/** The tap that a line of ours is about; none if it is not ours. */
const tapsOf = (command: string): readonly string[] =>
  [...command.matchAll(/ run --scheduled .*--tap (\S+) --target redshift$/g)].flatMap(([, tap]) => tap ?? []);
