import { mkdirSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { tendFile } from "../../src/storage/paths.ts";
import { testHost } from "../support/host.ts";
import { anEntry, sandbox } from "../support/sandbox.ts";

const FAULT = { message: "the disk is full", since: "2026-11-23T10:00:00.000Z", warned: "2026-11-23" };

/** The warnings of `status` about the last `tend` of a schedule, at noon. */
async function statusOf(
  { slot, faults = {} }: { readonly slot?: string; readonly faults?: object },
  { more = { retention: {} }, onHost = {} as Parameters<ReturnType<typeof sandbox>["install"]>[2] } = {},
) {
  const box = sandbox();
  box.install([anEntry()], more, { lines: ["* * * * *"], ...onHost });
  const path = tendFile(box.paths, "pipelinewise");
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  if (slot !== undefined)
    writeFileSync(path, JSON.stringify({ slot: `2026-11-23T${slot}.000Z`, host: "etl-1", faults }));
  const host = testHost({ env: box.host.env, cwd: box.home, now: () => new Date("2026-11-23T12:00:00Z") });
  expect(await main(["status", "--json"], host)).toBe(0);
  const warnings = host
    .err()
    .split("\n")
    .filter((line) => line.includes("tend of schedule"));
  return { json: JSON.parse(host.out()).tend, warnings };
}

test("status warns about each part of tend that fails", async () => {
  const { json, warnings } = await statusOf({ slot: "11:55:00", faults: { metrics: FAULT } });
  expect(warnings).toEqual([
    'warning: tend of schedule pipelinewise: its part "metrics" has failed since 2026-11-23 10:00:00Z: the disk is full',
  ]);
  const { message, since } = FAULT;
  expect(json).toEqual([
    {
      schedule: "pipelinewise",
      slot: "2026-11-23T11:55:00.000Z",
      host: "etl-1",
      overdue: false,
      faults: [{ part: "metrics", message, since }],
    },
  ]);
});

test.each([
  ["ended more than 15 minutes ago", { slot: "11:40:00" }, "has not run since 2026-11-23 11:40:00Z"],
  ["never ran", {}, "has never run"],
])("status warns about a tend that %s", async (_, tended, text) => {
  const { json, warnings } = await statusOf(tended);
  expect(warnings).toEqual([expect.stringContaining(`tend of schedule pipelinewise ${text}, so`)]);
  expect(json).toMatchObject([{ overdue: true }]);
});

test.each([
  ["a schedule that was installed a moment ago", { onHost: { installedAt: "2026-11-23T11:50:00.000Z" } }],
  ["a host whose schedulers start nothing", { onHost: { lines: [] } }],
  ["a schedule without a feature that needs it", { more: {} as { retention: object } }],
])("status does not warn for %s", async (_, changes) => {
  expect((await statusOf({}, changes)).warnings).toEqual([]);
});
