import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Pipeline } from "../../../src/schedule/schedule.ts";
import { cronicle } from "../../../src/schedulers/cronicle/cronicle.ts";
import type { ExportJob } from "../../../src/schedulers/scheduler.ts";
import { NothingDoneError, type PreparedPlan } from "../../../src/schedulers/scheduler.ts";
import { testHost } from "../../support/host.ts";
import { replyOf } from "./replay.ts";
import { type StandIn, standIn } from "./stand-in.ts";
import { frame, HORIZON, pipeline } from "./values.ts";

const KEY = "5ec4e75ec4e75ec4e75ec4e75ec4e700";
const KEY_REFERENCE = `$\{env:CRONICLE_KEY}`;
const THREE = ["orders", "payments", "users"].map((tap) => pipeline("0 4 * * *", { tap }));

function job(world: StandIn, pipelines: readonly Pipeline[] = THREE, changes: Partial<ExportJob> = {}): ExportJob {
  return {
    schedule: {
      name: "shop",
      source: { path: "/srv/schedule.yml", bytes: new Uint8Array() },
      pipelinewise: { command: ["pipelinewise"], env: {} },
      cronicle: { urls: [world.url], key: KEY_REFERENCE, category: "pipelinewise", target: "allgrp" },
      pipelines,
    },
    call: frame().call,
    machineZone: "UTC",
    horizon: HORIZON,
    at: new Date("2026-11-23T12:00Z"),
    ...changes,
  };
}

const host = () => testHost({ env: { CRONICLE_KEY: KEY } });
const prepare = (one: ExportJob, replace = false): Promise<PreparedPlan> =>
  cronicle.prepareInstall(one, host(), { replace });

async function install(one: ExportJob): Promise<readonly string[]> {
  return (await prepare(one)).apply();
}

const kinds = ({ plan }: PreparedPlan) => plan.changes.map(({ kind, what }) => `${kind} ${what}`);

describe("an install", () => {
  test("makes what does not exist, then has nothing to change", async () => {
    const world = await standIn();
    const first = await prepare(job(world));
    expect(kinds(first)).toEqual([
      "created category pipelinewise",
      "created event shop: orders → warehouse",
      "created event shop: payments → warehouse",
      "created event shop: users → warehouse",
    ]);
    expect(world.events).toEqual([]);
    expect(await first.apply()).toEqual([]);
    expect(world.events).toHaveLength(3);
    const again = await prepare(job(world));
    expect(new Set(again.plan.changes.map(({ kind }) => kind))).toEqual(new Set(["unchanged"]));
    const calls = world.seen.length;
    await again.apply();
    expect(world.seen.slice(calls).map(({ call }) => call)).toEqual(["get_schedule"]);
  });

  test("says and mends what was changed by hand, and leaves what others may set", async () => {
    const world = await standIn();
    await install(job(world));
    world.events = world.events.map((event) => ({ ...event, enabled: 0, timeout: 60, notify_fail: "dba@shop.test" }));
    const plan = await prepare(job(world));
    expect(plan.plan.changes[0]).toEqual({
      kind: "changed",
      what: "event shop: orders → warehouse",
      differences: ["enabled: no, then yes", "timeout: 60, then none"],
    });
    await plan.apply();
    expect(world.events).toMatchObject([1, 2, 3].map(() => ({ enabled: 1, timeout: 0, notify_fail: "dba@shop.test" })));
  });

  test("takes away what left the schedule, and nothing of others", async () => {
    const world = await standIn();
    await install(job(world));
    const theirs = { id: "pw_shop_0123456789ab", title: "not ours", notes: "pw_shop" };
    world.events = [...world.events, theirs];
    const plan = await prepare(job(world, THREE.slice(1)));
    expect(kinds(plan).at(-1)).toBe("removed event shop: orders → warehouse");
    await plan.apply();
    expect(world.events.map(({ title }) => title)).toEqual([
      "shop: users → warehouse",
      "shop: payments → warehouse",
      "not ours",
    ]);
  });

  test("disables what is at work and left the schedule; the next one deletes it", async () => {
    const world = await standIn();
    await install(job(world));
    const [orders] = THREE;
    const id = world.events.find(({ title }) => title === `shop: ${orders?.tap} → warehouse`)?.id ?? "";
    world.busy.add(id);
    expect(await install(job(world, THREE.slice(1)))).toEqual([
      "event shop: orders → warehouse is running: it was disabled but not deleted",
    ]);
    expect(world.events.find((event) => event.id === id)).toMatchObject({ enabled: 0 });
    world.busy.clear();
    await install(job(world, THREE.slice(1)));
    expect(world.events).toHaveLength(2);
  });

  test("leaves one record of an id that stands twice", async () => {
    const world = await standIn();
    await install(job(world));
    world.events = [...world.events, ...world.events.map((event) => ({ ...event, timeout: 1 }))];
    const plan = await prepare(job(world));
    expect(plan.plan.changes[0]).toMatchObject({ kind: "changed", differences: ["records: 2, then 1"] });
    await plan.apply();
    expect(world.events).toHaveLength(3);
    expect(kinds(await prepare(job(world)))[0]).toBe("unchanged event shop: orders → warehouse");
  });

  test("takes an existing category by its title", async () => {
    const world = await standIn();
    world.categories.push({ id: "cmg1", title: "pipelinewise", enabled: 0 });
    const plan = await prepare(job(world));
    expect(kinds(plan)[0]).toBe("created event shop: orders → warehouse");
    expect(plan.plan.warnings).toEqual([
      "Cronicle's category pipelinewise is disabled: Cronicle does not start its events.",
    ]);
    await plan.apply();
    expect(world.events[0]).toMatchObject({ category: "cmg1" });
  });

  test("refuses events of another config directory or file, or without our mark, unless told to take them over", async () => {
    const world = await standIn();
    await install(job(world));
    const call = { ...frame().call, configDir: "/other" };
    await expect(prepare(job(world, THREE, { call }))).rejects.toThrow(
      "schedule name shop is already installed in Cronicle from another config directory, /srv/pw (here: /other)",
    );
    expect((await prepare(job(world, THREE, { call }), true)).plan.changes[0]).toMatchObject({ kind: "changed" });
    world.events = world.events.map((event) => ({ ...event, notes: "mine now" }));
    await expect(prepare(job(world))).rejects.toThrow("was not created by pipelinewise-sched");
  });

  test("500 pipelines are 500 events, page by page", async () => {
    const world = await standIn();
    const many = Array.from({ length: 500 }, (_, index) => pipeline("*/5 * * * *", { tap: `tap_${index}` }));
    await install(job(world, many));
    expect(world.events).toHaveLength(500);
    expect(new Set(kinds(await prepare(job(world, many))).map((text) => text.split(" ")[0]))).toEqual(
      new Set(["unchanged"]),
    );
  });
});

describe("what keeps events from being started is told", () => {
  test("a scheduler that is switched off", async () => {
    const world = await standIn();
    world.enabled = false;
    expect((await prepare(job(world))).plan.warnings[0]).toContain("Cronicle's scheduler is switched off");
  });

  test.each([
    ["allgrp", 0],
    ["etl1.test", 0],
    ["etl9.test", 1],
  ])("a target that may be wrong: %s", async (target, count) => {
    const world = await standIn();
    const one = job(world);
    const { schedule } = one;
    if (schedule.cronicle === undefined) throw new Error("no settings");
    const plan = await prepare({ ...one, schedule: { ...schedule, cronicle: { ...schedule.cronicle, target } } });
    expect(plan.plan.warnings).toHaveLength(count);
  });
});

describe("an install that fails", () => {
  test("half way says how far it came, and the next one makes the rest", async () => {
    const world = await standIn();
    let creates = 0;
    world.intercept = ({ call }) =>
      call === "create_event" && ++creates === 3
        ? { status: 200, body: { code: "api", description: `Invalid API Key: ${KEY}` } }
        : undefined;
    const failing = (await prepare(job(world))).apply();
    await expect(failing).rejects.toThrow(
      "Cronicle rejected create_event: Invalid API Key: …\n3 of 4 changes in Cronicle were made; run the same command again to make the rest",
    );
    world.intercept = () => undefined;
    await install(job(world));
    expect(world.events).toHaveLength(3);
  });

  test("at once has done nothing, and says no more", async () => {
    const world = await standIn();
    const plan = await prepare(job(world));
    world.intercept = () => ({
      status: 200,
      body: { code: "user", description: "User is not an administrator: undefined" },
    });
    const failing = plan.apply();
    await expect(failing).rejects.toBeInstanceOf(NothingDoneError);
    await expect(failing).rejects.toThrow("Cronicle rejected create_category: User is not an administrator");
  });

  test("behind a part of a change has done something", async () => {
    const world = await standIn();
    await install(job(world));
    world.intercept = ({ call }) => (call === "delete_event" ? replyOf("create_event.no-privilege") : undefined);
    const failing = install(job(world, THREE.slice(1)));
    await expect(failing).rejects.not.toBeInstanceOf(NothingDoneError);
    await expect(failing).rejects.toThrow("0 of 1 changes in Cronicle were made");
    expect(world.events.map(({ enabled }) => enabled).sort()).toEqual([0, 1, 1]);
  });

  test("is seen where somebody else works at the same time", async () => {
    const world = await standIn();
    const [one, other] = [await prepare(job(world)), await prepare(job(world))];
    await one.apply();
    await expect(other.apply()).rejects.toThrow(
      "Cronicle accepted the event shop: orders → warehouse, but a check afterwards shows that it exists 2 times",
    );
    await install(job(world));
    expect(world.events).toHaveLength(3);
  });
});

describe("an uninstall", () => {
  test("needs no schedule file, and takes away what is ours only", async () => {
    const world = await standIn();
    const plan = await prepare(job(world));
    await plan.apply();
    world.events = [...world.events, { id: "pw_shop_x", title: "not ours" }];
    const uninstall = await cronicle.prepareUninstall(
      { name: "shop", configDir: "/srv/pw", place: plan.place },
      host(),
    );
    expect(kinds(uninstall)).toHaveLength(3);
    expect(JSON.stringify(plan.place)).not.toContain(KEY);
    await uninstall.apply();
    expect(world.events).toEqual([{ id: "pw_shop_x", title: "not ours" }]);
    expect(world.categories).toHaveLength(2);
  });

  test("fails while an event is at work, which is disabled by then", async () => {
    const world = await standIn();
    const plan = await prepare(job(world));
    await plan.apply();
    const [last] = world.events;
    world.busy.add(last?.id ?? "");
    const uninstall = await cronicle.prepareUninstall(
      { name: "shop", configDir: "/srv/pw", place: plan.place },
      host(),
    );
    await expect(uninstall.apply()).rejects.toThrow("event shop: users → warehouse is running");
    expect(world.events).toMatchObject([{ id: last?.id, enabled: 0 }]);
  });
});

describe("the key", () => {
  const withKey = (world: StandIn, key: string): ExportJob => {
    const one = job(world);
    if (one.schedule.cronicle === undefined) throw new Error("no settings");
    return { ...one, schedule: { ...one.schedule, cronicle: { ...one.schedule.cronicle, key } } };
  };

  test("is read from a file of one's own that nobody else may read", async () => {
    const world = await standIn();
    const here = host();
    const path = join(here.home, "key");
    writeFileSync(path, `${KEY}\n`, { mode: 0o600 });
    const plan = await cronicle.prepareInstall(withKey(world, `\${file:${path}}`), here, { replace: false });
    expect(world.seen[0]?.key).toBe(KEY);
    expect(plan.place["key"]).toBe(`\${file:${path}}`);
    chmodSync(path, 0o640);
    await expect(cronicle.prepareInstall(withKey(world, `\${file:${path}}`), here, { replace: false })).rejects.toThrow(
      `${path} can be read by others (mode 640)`,
    );
  });

  test.each([
    [{}, "the variable CRONICLE_KEY is not set"],
    [{ CRONICLE_KEY: " " }, "the variable CRONICLE_KEY is empty"],
    [{ CRONICLE_KEY: `${KEY}\nX-Other: 1` }, "the content of the variable CRONICLE_KEY is not an API key"],
  ])("%j: %s", async (env, message) => {
    const world = await standIn();
    const failing = cronicle.prepareInstall(job(world), testHost({ env }), { replace: false });
    await expect(failing).rejects.toThrow(message);
    await expect(failing).rejects.not.toThrow(KEY);
    expect(world.seen).toEqual([]);
  });
});

test("an export shows the events, and holds no key", async () => {
  const world = await standIn();
  const [file] = cronicle.render(job(world));
  expect(file?.name).toBe("cronicle-shop.json");
  expect(JSON.parse(file?.text ?? "")).toMatchObject({ events: [{ title: "shop: orders → warehouse" }, {}, {}] });
  expect(file?.text).toContain("install --compile-only");
  expect(world.seen).toEqual([]);
});

test("a schedule without Cronicle's address is refused with what to write", async () => {
  const { schedule, ...rest } = job(await standIn());
  const doubts = cronicle.check({ ...rest, schedule: { ...schedule, cronicle: undefined } });
  expect(doubts).toMatchObject([{ severity: "error", message: "the schedule has no `cronicle` settings" }]);
});
