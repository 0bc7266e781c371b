import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { readMachineZone } from "../../src/machine-zone.ts";
import { testHost } from "../support/host.ts";

const LONDON = `
timezone: Europe/London
pipelines:
  - {tap: orders, target: dwh, cron: "*/30 * * * *", note: Every half hour}
  - {tap: customers, target: dwh, cron: "30 1 * * *"}
  - {tap: customers, target: lake, command: sync_tables, cron: "0 3 * * 0"}
`;

async function preview(yaml: string, ...words: readonly string[]) {
  const host = testHost();
  writeFileSync(join(host.cwd, "schedule.yml"), yaml);
  const code = await main(["preview", ...words], host);
  return { code, out: host.out(), err: host.err() };
}

test("shows the next ten runs of all pipelines, whose zone is named", async () => {
  const { code, out } = await preview(LONDON);
  expect(code).toBe(0);
  const [window, zones, , ...rows] = out.trimEnd().split("\n");
  expect([window, zones]).toEqual(["The next 10 runs from 2026-11-23 12:00Z.", "Local times are of Europe/London."]);
  expect(rows).toHaveLength(11);
  expect(rows[1]).toBe("2026-11-23 12:00 +00:00  2026-11-23 12:00Z  orders → dwh                    Every half hour");
});

test("a local day is as long as its clocks make it, and repeats what cron repeats", async () => {
  const { out } = await preview(LONDON, "--day", "2026-10-25", "--json");
  const { runs }: { runs: { tap: string; target: string; at: string; command?: string }[] } = JSON.parse(out);
  expect(runs.filter(({ tap }) => tap === "orders")).toHaveLength(50);
  expect(runs.filter(({ tap }) => tap === "customers")).toEqual([
    { tap: "customers", target: "dwh", at: "2026-10-25T00:30:00.000Z" },
    { tap: "customers", target: "lake", at: "2026-10-25T03:00:00.000Z", command: "sync_tables" },
  ]);
});

test("shows only the pipelines asked for", async () => {
  const { out } = await preview(LONDON, "--tap", "customers", "--target", "lake", "--count", "2", "--json");
  expect(JSON.parse(out).runs.map(({ at }: { at: string }) => at)).toEqual([
    "2026-11-29T03:00:00.000Z",
    "2026-12-06T03:00:00.000Z",
  ]);
});

test("a tap that no pipeline has is a usage error", async () => {
  const { code, err } = await preview(LONDON, "--tap", "nope");
  expect(code).toBe(64);
  expect(err).toContain("no pipeline has tap nope");
});

test("a bad instant is a usage error", async () => {
  const { code, out, err } = await preview(LONDON, "--from", "soon");
  expect([code, out]).toEqual([64, ""]);
  expect(err).toContain('--from "soon" is not understood');
});

test("the machine's zone is named with where it is from", async () => {
  const { out } = await preview('pipelines: [{tap: a, target: b, cron: "0 0 * * *"}]');
  const { zone, source } = readMachineZone();
  expect(out).toContain(`Local times are of ${zone} (the machine's zone, from ${source}).`);
});

test("the caller's TZ is not the machine's zone", async () => {
  const yaml = 'pipelines: [{tap: a, target: b, cron: "0 0 * * *"}]';
  const before = process.env["TZ"];
  process.env["TZ"] = "Pacific/Kiritimati";
  try {
    const { out } = await preview(yaml);
    expect(out).toContain(`Local times are of ${readMachineZone().zone} (`);
    expect(out).not.toContain("+14:00");
  } finally {
    if (before === undefined) delete process.env["TZ"];
    else process.env["TZ"] = before;
  }
});

test("a schedule that is not there ends with 66, one with mistakes with 65", async () => {
  const host = testHost();
  expect(await main(["preview", "none.yml"], host)).toBe(66);
  expect((await preview("pipelines: 5")).code).toBe(65);
});
