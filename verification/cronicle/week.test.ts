import { chmodSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { zoneClock } from "../../src/cron/zone-clock.ts";
import { plannedRuns } from "../../src/preview/upcoming.ts";
import type { Pipeline } from "../../src/schedule/schedule.ts";
import { cronicle } from "../../src/schedulers/cronicle/cronicle.ts";
import { pipelineEvents } from "../../src/schedulers/cronicle/event.ts";
import type { InstallJob } from "../../src/schedulers/scheduler.ts";
import { dueInMinute } from "../../src/slots/due.ts";
import { frame, HORIZON, pipeline } from "../../test/schedulers/cronicle/values.ts";
import { placeOf, takeOver } from "../../test/schedulers/place.ts";
import { testHost } from "../../test/support/host.ts";
import { describeOnCronicle } from "./installed.ts";
import { type PrivateCronicle, startCronicle } from "./server.ts";

/** Weeks with a clock change. The server's clock is after the end of the week. */
const WEEKS = [
  { change: "forward", from: "2026-03-26T00:00:00Z", now: "2026-04-02T00:00:00Z" },
  { change: "back", from: "2026-10-22T00:00:00Z", now: "2026-10-29T00:00:00Z" },
] as const;

const PIPELINES = [
  pipeline("30 1 * * *", { tap: "london" }),
  pipeline(["*/30 1 * * *", "0 5 * * 1"], { tap: "wildcard" }),
  pipeline("30 3 * * *", { tap: "kyiv", timezone: "Europe/Kyiv" }),
  pipeline("0 4 26,29 * 5", { tap: "cairo", timezone: "Africa/Cairo" }),
  pipeline("15 2 * * 6,0", { tap: "mexico", timezone: "America/Mexico_City" }),
];

describeOnCronicle("a week across a clock change", (installed) => {
  test.each(WEEKS)(
    "$change: the scheduler starts the runs that the preview lists, and an uninstall restores its state",
    async ({ from, now }) => {
      const server = await startCronicle(installed, { now: new Date(now) });
      try {
        const job = jobOn(server, PIPELINES);
        const host = testHost({ env: { KEY: server.key } });
        const prepare = (one: InstallJob) => cronicle.prepareInstall(one, host, takeOver(one.schedule));
        const kindsOf = async (one: InstallJob) => (await prepare(one)).plan.changes.map(({ kind }) => kind);

        const plan = await prepare(job);
        expect(plan.plan.warnings).toEqual([]);
        await plan.apply();
        expect(new Set(await kindsOf(job))).toEqual(new Set(["unchanged"]));

        const events = PIPELINES.flatMap((one) => pipelineEvents(one, { ...frame(), ...job }).map(({ id }) => id));
        await server.runSince(events, new Date(from));
        expect(startedOn(server, { from, to: now })).toEqual(foreseen({ from, to: now }));
        expect(new Set(await kindsOf(job))).toEqual(new Set(["unchanged"]));

        await server.call("update_event", { id: events[0] ?? "", algo: "random" });
        const [first, ...others] = PIPELINES;
        if (first === undefined) throw new Error("no pipeline");
        const changed = jobOn(server, [first, ...others.slice(0, -1), pipeline("0 6 * * *", { tap: "new" })]);
        const repair = await prepare(changed);
        expect(repair.plan.changes.filter(({ kind }) => kind !== "unchanged")).toEqual([
          { kind: "changed", what: "event shop: london → warehouse", differences: ["algo: random, then prefer_first"] },
          { kind: "created", what: "event shop: new → warehouse", differences: [] },
          { kind: "removed", what: "event shop: mexico → warehouse", differences: [] },
        ]);
        await repair.apply();

        const exported = { name: "shop", configDir: "/srv/pw", place: placeOf(plan) };
        await (await cronicle.prepareUninstall(exported, host)).apply();
        expect((await server.call("get_schedule", { offset: 0, limit: 100 }))["rows"]).toEqual([]);
      } finally {
        await server.stop();
      }
    },
  );
});

/** The pipelines on a server, with a wrapper that notes what it is called with. */
function jobOn(server: PrivateCronicle, pipelines: readonly Pipeline[]): InstallJob {
  const node = join(server.directory, "wrapper");
  writeFileSync(node, `#!/bin/sh\necho "$*" >>'${join(server.directory, "starts")}'\n`);
  chmodSync(node, 0o755);
  return {
    schedule: {
      name: "shop",
      source: { path: "/srv/schedule.yml", bytes: new Uint8Array() },
      pipelinewise: { command: ["pipelinewise"], env: {} },
      cronicle: { urls: [server.url], key: `$\{env:KEY}`, category: "pipelinewise", target: "allgrp" },
      pipelines,
    },
    call: { ...frame().call, node },
    machineZone: "UTC",
    horizon: HORIZON,
    at: new Date(),
  };
}

interface Span {
  readonly from: string;
  readonly to: string;
}

/** The server's starts that a run finds due: "tap time", sorted. */
function startedOn(server: PrivateCronicle, { from, to }: Span): readonly string[] {
  const lines = readFileSync(join(server.directory, "starts"), "utf8").trim().split("\n");
  const starts = lines.map((line) => {
    const [, tap = "", epoch = ""] = /--tap (\w+) .* --slot @(\d+)$/.exec(line) ?? [];
    return { tap, at: Number(epoch) * 1000 };
  });
  return starts
    .filter(({ tap, at }) => {
      const one = PIPELINES.find((known) => known.tap === tap);
      if (one === undefined) throw new Error(`a start of ${tap}`);
      const times = { crons: one.crons, clock: zoneClock(one.timezone ?? "UTC"), since: undefined };
      return at >= Date.parse(from) && at < Date.parse(to) && dueInMinute(times, at) === at;
    })
    .map(({ tap, at }) => `${tap} ${new Date(at).toISOString()}`)
    .sort();
}

function foreseen({ from, to }: Span): readonly string[] {
  const window = { machineZone: "UTC", from: Date.parse(from), to: Date.parse(to) };
  return [...plannedRuns({ pipelines: PIPELINES }, window)]
    .map(({ pipeline: { tap }, at }) => `${tap} ${new Date(at).toISOString()}`)
    .sort();
}
