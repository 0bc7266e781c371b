import { mkdirSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { stripVTControlCharacters } from "node:util";
import { expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { tempDirectory, testHost } from "../support/host.ts";

const LONDON = `
timezone: Europe/London
pipelines:
  - {tap: orders, target: dwh, cron: "*/30 * * * *", note: Every half hour}
  - {tap: customers, target: dwh, cron: "30 1 * * *"}
  - {tap: customers, target: lake, command: sync_tables, cron: "0 3 * * 0"}
`;

async function preview(yaml: string, ...words: readonly string[]) {
  return previewOn(machineIn("Etc/UTC"), yaml, ...words);
}

async function previewOn(changes: Parameters<typeof testHost>[0], yaml: string, ...words: readonly string[]) {
  const host = testHost(changes);
  writeFileSync(join(host.cwd, "schedule.yml"), yaml);
  const code = await main(["preview", ...words], host);
  return { code, out: host.out(), err: host.err() };
}

/** A machine whose /etc/localtime is a link to the zone. */
function machineIn(zone: string, timezone?: string) {
  const root = tempDirectory();
  mkdirSync(join(root, "usr/share/zoneinfo", dirname(zone)), { recursive: true });
  mkdirSync(join(root, "etc"));
  writeFileSync(join(root, "usr/share/zoneinfo", zone), "TZif2");
  symlinkSync(`/usr/share/zoneinfo/${zone}`, join(root, "etc/localtime"));
  if (timezone !== undefined) writeFileSync(join(root, "etc/timezone"), `${timezone}\n`);
  return { root };
}

test.each([
  [["--tap", "ordres"], "no pipeline has tap ordres; did you mean orders?"],
  [["--target", "lkae"], "no pipeline has target lkae; did you mean lake?"],
  [["--tap", "custmers", "--target", "lake"], "tap custmers and target lake; did you mean customers → lake?"],
  [["--tap", "unlike"], "no pipeline has tap unlike\n"],
])("preview names the pipeline that is most similar to %j", async (words, message) => {
  const { code, err } = await preview(LONDON, ...words);
  expect(code).toBe(64);
  expect(err).toContain(message);
});

test("preview shows the next ten runs of all pipelines, the time zone and the cron daemon", async () => {
  const { code, out } = await preview(LONDON);
  expect(code).toBe(0);
  const [window, zones, cron, , ...rows] = out.trimEnd().split("\n");
  expect([window, zones]).toEqual([
    "The next 10 runs from 2026-11-23 12:00Z.",
    "Local times are in Europe/London, as set in the schedule.",
  ]);
  expect(cron).toMatch(/^Cron on this machine: .+\.$/);
  expect(rows).toHaveLength(11);
  expect(rows[1]).toBe(
    "2026-11-23 12:00 +00:00  12:00Z        now             orders → dwh                    Every half hour (every 30 minutes)",
  );
});

test("--by pipeline shows a block with five runs for each pipeline", async () => {
  const { out } = await preview(LONDON, "--by", "pipeline");
  const blocks = out.trimEnd().split("\n\n").slice(1);
  expect(blocks.map((block) => block.split("\n").length)).toEqual([7, 7, 7]);
  expect(blocks[2]?.split("\n").slice(0, 3)).toEqual([
    "customers → lake (sync_tables)",
    "at 03:00 on Sunday  (0 3 * * 0, Europe/London)",
    "  2026-11-29 03:00 +00:00  03:00Z        in 5 d 15 h",
  ]);
});

test("--daemon shows the starts of that daemon and its differences from Debian's cron", async () => {
  const day = ["--day", "2026-10-25", "--tap", "customers", "--target", "dwh"];
  const { out } = await preview(LONDON, ...day, "--daemon", "busybox");
  expect(out).toContain("This preview shows the runs that busybox starts on a machine in the pipelines' time zone.");
  expect(out).toContain(
    "Here busybox differs from debian:\n  customers → dwh  2026-10-25 01:30 +00:00  01:30Z  only busybox starts it\n",
  );
  const json = await preview(LONDON, ...day, "--daemon", "busybox", "--json");
  expect(JSON.parse(json.out).runs.map(({ at }: { at: string }) => at)).toEqual([
    "2026-10-25T00:30:00.000Z",
    "2026-10-25T01:30:00.000Z",
  ]);
});

test("preview names the --daemon option if this machine's cron daemon differs from Debian's", async () => {
  const bin = tempDirectory();
  writeFileSync(join(bin, "crontab"), "#!/bin/sh\necho 'BusyBox v1.36.1' >&2\nexit 1\n", { mode: 0o755 });
  const { out } = await previewOn({ ...machineIn("Etc/UTC"), env: { PATH: `${bin}:/usr/bin:/bin` } }, LONDON);
  expect(out).toContain("Cron on this machine: busybox crond");
  expect(out).toContain("For its daylight-saving differences, add --daemon busybox.\n");
});

test("an unknown daemon is a usage error that names the known ones", async () => {
  const { code, err } = await preview(LONDON, "--daemon", "fcron");
  expect(code).toBe(64);
  expect(err).toContain("debian, cronie, busybox, systemd");
});

test("--json and --by pipeline exclude each other", async () => {
  expect((await preview(LONDON, "--json", "--by", "pipeline")).code).toBe(64);
});

test("the output says that a day does not exist in a zone that skipped it", async () => {
  const yaml = LONDON.replace("Europe/London", "Pacific/Apia");
  expect((await preview(yaml, "--day", "2011-12-30")).out).toContain(
    "2011-12-30 does not exist in Pacific/Apia: its clocks skipped this day.",
  );
  expect((await preview(yaml, "--day", "2011-12-31")).out).toContain("Runs on 2011-12-31 in Pacific/Apia.\n");
});

test("the output says that a day does not have 24 hours", async () => {
  expect((await preview(LONDON, "--day", "2026-10-25")).out).toContain("in Europe/London, a day of 25 hours.");
  expect((await preview(LONDON, "--day", "2026-03-29")).out).toContain("in Europe/London, a day of 23 hours.");
});

test.each([
  ["1970-01-01", "1970-01-01T00:30:00.000Z"],
  ["2100-02-28", "2100-02-28T01:30:00.000Z"],
  ["9999-12-31", "9999-12-31T01:30:00.000Z"],
])("--day %s is accepted", async (day, at) => {
  const { code, out } = await preview(LONDON, "--day", day, "--target", "dwh", "--tap", "customers", "--json");
  expect(code).toBe(0);
  expect(JSON.parse(out).runs.map((run: { at: string }) => run.at)).toEqual([at]);
});

test("nothing runs after the year 9999", async () => {
  const { code, out } = await preview(LONDON, "--from", "9999-12-31T23:50Z");
  expect(code).toBe(0);
  expect(out).toContain("No pipeline runs in this period.");
});

test("a local day contains its repeated hour, and the runs that cron repeats", async () => {
  const { out } = await preview(LONDON, "--day", "2026-10-25", "--json");
  const { runs }: { runs: { tap: string; target: string; at: string; command?: string }[] } = JSON.parse(out);
  expect(runs.filter(({ tap }) => tap === "orders")).toHaveLength(50);
  expect(runs.filter(({ tap }) => tap === "customers")).toEqual([
    { tap: "customers", target: "dwh", at: "2026-10-25T00:30:00.000Z" },
    { tap: "customers", target: "lake", at: "2026-10-25T03:00:00.000Z", command: "sync_tables" },
  ]);
});

test("preview shows only the selected pipelines", async () => {
  const { out } = await preview(LONDON, "--tap", "customers", "--target", "lake", "--count", "2", "--json");
  expect(JSON.parse(out).runs.map(({ at }: { at: string }) => at)).toEqual([
    "2026-11-29T03:00:00.000Z",
    "2026-12-06T03:00:00.000Z",
  ]);
});

test("an unknown tap is a usage error", async () => {
  const { code, err } = await preview(LONDON, "--tap", "nope");
  expect(code).toBe(64);
  expect(err).toContain("no pipeline has tap nope");
});

test("an invalid instant is a usage error", async () => {
  const { code, out, err } = await preview(LONDON, "--from", "soon");
  expect([code, out]).toEqual([64, ""]);
  expect(err).toContain('--from "soon" is not a valid date or time');
});

const OWN_ZONE = 'pipelines: [{tap: a, target: b, cron: "0 0 * * *"}]';

test("the machine's zone is shown with its source, and an alias keeps its name", async () => {
  const { out } = await previewOn(machineIn("US/Pacific"), OWN_ZONE);
  expect(out).toContain("Local times are in US/Pacific (the machine's zone, from /etc/localtime).\n");
  expect(out).toContain("2026-11-24 00:00 -08:00  08:00Z");
});

test("the output says that TZ and /etc/timezone are not used if they differ from the machine's zone", async () => {
  const machine = machineIn("Europe/London", "Asia/Tokyo");
  const before = process.env["TZ"];
  process.env["TZ"] = "Pacific/Kiritimati";
  try {
    const { out } = await previewOn({ ...machine, env: { TZ: "Pacific/Kiritimati" } }, OWN_ZONE);
    expect(out).toContain(
      [
        "Local times are in Europe/London (the machine's zone, from /etc/localtime).",
        "TZ=Pacific/Kiritimati is set in this shell, but cron does not use it.",
        "/etc/timezone says Asia/Tokyo, but cron does not read it.",
      ].join("\n"),
    );
    expect(out).toContain("2026-11-24 00:00 +00:00  00:00Z");
  } finally {
    if (before === undefined) delete process.env["TZ"];
    else process.env["TZ"] = before;
  }
});

test.each(["GB", ":Europe/London", "/usr/share/zoneinfo/Europe/Belfast"])(
  "TZ=%s is recognised as the same zone",
  async (zone) => {
    const { out } = await previewOn({ ...machineIn("Europe/London", "Europe/London"), env: { TZ: zone } }, OWN_ZONE);
    expect(out).not.toMatch(/TZ=|etc\/timezone/);
  },
);

test("a machine's zone that Node does not know is an error with a hint", async () => {
  const { code, err } = await previewOn(machineIn("Mars/Olympus"), OWN_ZONE);
  expect(code).toBe(74);
  expect(err).toContain("the machine's zone Mars/Olympus (from /etc/localtime) is unknown to this Node");
  expect(err).toContain("`timezone`");
});

test("two names of one zone count as one zone", async () => {
  const yaml = `pipelines:
  - {tap: a, target: b, cron: "0 0 * * *", timezone: Europe/Kyiv}
  - {tap: c, target: b, cron: "0 1 * * *", timezone: Europe/Kiev}
`;
  const { code, out } = await preview(yaml);
  expect(code).toBe(0);
  expect(out).not.toContain("ZONE");
});

test("a zone in the wrong case is rejected with its correct spelling", async () => {
  const { code, err } = await preview(LONDON.replace("Europe/London", "europe/london"));
  expect(code).toBe(65);
  expect(err).toContain("Europe/London");
});

function onTerminal(env: Readonly<Record<string, string>>, isTTY = true) {
  let out = "";
  const stdout = { write: (text: string | Uint8Array) => (out += text), isTTY, columns: 100 };
  return { changes: { ...machineIn("Etc/UTC"), env, stdout }, shown: () => out };
}

test("a terminal gets colours, and lines that fit its width", async () => {
  const { changes, shown } = onTerminal({ TERM: "xterm" });
  await previewOn(changes, LONDON);
  expect(shown()).toContain("\u001b[1mLOCAL TIME");
  const plain = stripVTControlCharacters(shown()).split("\n");
  for (const line of plain) expect(line.length).toBeLessThanOrEqual(100);
});

test.each<[string, Record<string, string>, boolean]>([
  ["without a terminal, even with FORCE_COLOR", { FORCE_COLOR: "1" }, false],
  ["with NO_COLOR", { NO_COLOR: "1", FORCE_COLOR: "1" }, true],
  ["with FORCE_COLOR=0", { FORCE_COLOR: "0" }, true],
  ["with TERM=dumb", { TERM: "dumb" }, true],
])("there are no colours %s", async (_, env, isTTY) => {
  const { changes, shown } = onTerminal(env, isTTY);
  await previewOn(changes, LONDON);
  expect(shown()).toContain("LOCAL TIME");
  expect(shown()).not.toContain("\u001b");
});

test("a missing schedule gives exit code 66, and an invalid one 65", async () => {
  const host = testHost();
  expect(await main(["preview", "none.yml"], host)).toBe(66);
  expect((await preview("pipelines: 5")).code).toBe(65);
});
