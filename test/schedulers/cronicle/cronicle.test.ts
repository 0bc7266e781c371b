import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Pipeline } from "../../../src/schedule/schedule.ts";
import { cronicle } from "../../../src/schedulers/cronicle/cronicle.ts";
import {
  type InstallJob,
  NothingDoneError,
  type PreparedInstall,
  type PreparedPlan,
} from "../../../src/schedulers/scheduler.ts";
import { testHost } from "../../support/host.ts";
import { placeOf, takeOver } from "../place.ts";
import { replyOf } from "./replay.ts";
import { type StandIn, standIn } from "./stand-in.ts";
import { frame, HORIZON, pipeline } from "./values.ts";

const KEY = "5ec4e75ec4e75ec4e75ec4e75ec4e700";
const KEY_REFERENCE = `$\{env:CRONICLE_KEY}`;
const THREE = ["orders", "payments", "users"].map((tap) => pipeline("0 4 * * *", { tap }));

function job(server: StandIn, pipelines: readonly Pipeline[] = THREE, changes: Partial<InstallJob> = {}): InstallJob {
  return {
    schedule: {
      name: "shop",
      source: { path: "/srv/schedule.yml", bytes: new Uint8Array() },
      pipelinewise: { command: ["pipelinewise"], env: {} },
      cronicle: { urls: [server.url], key: KEY_REFERENCE, category: "pipelinewise", target: "allgrp" },
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
const prepare = (one: InstallJob, replace = false): Promise<PreparedInstall> =>
  cronicle.prepareInstall(one, host(), takeOver(one.schedule, replace));

async function install(one: InstallJob): Promise<readonly string[]> {
  return (await prepare(one)).apply();
}

const kinds = ({ plan }: PreparedPlan) => plan.changes.map(({ kind, what }) => `${kind} ${what}`);

describe("an install", () => {
  test("makes what does not exist, then has nothing to change", async () => {
    const server = await standIn();
    const first = await prepare(job(server));
    expect(kinds(first)).toEqual([
      "created category pipelinewise",
      "created event shop: orders → warehouse",
      "created event shop: payments → warehouse",
      "created event shop: users → warehouse",
    ]);
    expect(server.events).toEqual([]);
    expect(await first.apply()).toEqual([]);
    expect(server.events).toHaveLength(3);
    const again = await prepare(job(server));
    expect(new Set(again.plan.changes.map(({ kind }) => kind))).toEqual(new Set(["unchanged"]));
    const calls = server.seen.length;
    await again.apply();
    expect(server.seen.slice(calls).map(({ call }) => call)).toEqual(["get_schedule"]);
  });

  test("reports and corrects manual changes, and leaves properties that users may set", async () => {
    const server = await standIn();
    await install(job(server));
    const theirs = { enabled: 0, timeout: 60, retries: 2, catch_up: 1, max_children: 1, notify_fail: "dba@shop.test" };
    server.events = server.events.map((event) => ({ ...event, ...theirs, timezone: "Asia/Tokyo" }));
    const plan = await prepare(job(server));
    expect(plan.plan.changes[0]).toEqual({
      kind: "changed",
      what: "event shop: orders → warehouse",
      differences: ["timezone: Asia/Tokyo, then Europe/London"],
    });
    expect(plan.plan.warnings[0]).toBe(
      "The event shop: orders → warehouse is disabled in Cronicle: it starts nothing until somebody enables it there.",
    );
    await plan.apply();
    expect(server.events).toMatchObject([1, 2, 3].map(() => ({ ...theirs, timezone: "Europe/London" })));
  });

  test("leaves the target to Cronicle's users unless the file sets it", async () => {
    const server = await standIn();
    const one = job(server);
    const { cronicle: settings } = one.schedule;
    if (settings === undefined) throw new Error("no settings");
    const open = { ...one, schedule: { ...one.schedule, cronicle: { ...settings, target: undefined } } };
    await install(open);
    expect(server.events[0]).toMatchObject({ target: "allgrp", enabled: 1, max_children: 10 });
    server.events = server.events.map((event) => ({ ...event, target: "etl1.test" }));
    const again = await prepare(open);
    expect([again.plan.warnings, new Set(again.plan.changes.map(({ kind }) => kind))]).toEqual([
      [],
      new Set(["unchanged"]),
    ]);
    expect((await prepare(one)).plan.changes[0]?.differences).toEqual(["target: etl1.test, then allgrp"]);
  });

  test.each([
    ["new notes", { notes: "Call Ada before you change this." }],
    ["no notes, another title", { notes: "", title: "Orders" }],
  ])("recognises its events by their id: %s", async (_, edit) => {
    const server = await standIn();
    const first = await prepare(job(server));
    await first.apply();
    const edited = server.events.map((event) => ({ ...event, ...edit }));
    server.events = edited;
    const plan = await prepare(job(server));
    expect(plan.plan.changes[0]).toMatchObject({ kind: "changed", what: "event shop: orders → warehouse" });
    await plan.apply();
    expect((await prepare(job(server))).plan.changes[0]?.kind).toBe("unchanged");
    server.events = edited;
    const uninstall = { name: "shop", configDir: "/srv/pw", place: placeOf(first) };
    await (await cronicle.prepareUninstall(uninstall, host())).apply();
    expect(server.events).toEqual([]);
  });

  test("enables an event again that an uninstall had to leave", async () => {
    const server = await standIn();
    await install(job(server));
    const id = server.events.find(({ title }) => title === "shop: orders → warehouse")?.id ?? "";
    server.busy.add(id);
    await install(job(server, THREE.slice(1)));
    const plan = await prepare(job(server));
    expect(plan.plan.changes[0]?.differences[0]).toBe("enabled: no, then yes");
    expect(plan.plan.warnings).toEqual([]);
    await plan.apply();
    expect(server.events.find((event) => event.id === id)).toMatchObject({ enabled: 1 });
  });

  test("takes away what left the schedule, and nothing of others", async () => {
    const server = await standIn();
    await install(job(server));
    const theirs = { id: "pw_shop_0123456789ab", title: "not ours", notes: "pw_shop" };
    server.events = [...server.events, theirs];
    const plan = await prepare(job(server, THREE.slice(1)));
    expect(kinds(plan).at(-1)).toBe("removed event shop: orders → warehouse");
    await plan.apply();
    expect(server.events.map(({ title }) => title)).toEqual([
      "shop: users → warehouse",
      "shop: payments → warehouse",
      "not ours",
    ]);
  });

  test("disables a running event that left the schedule, and the next install deletes it", async () => {
    const server = await standIn();
    await install(job(server));
    const [orders] = THREE;
    const id = server.events.find(({ title }) => title === `shop: ${orders?.tap} → warehouse`)?.id ?? "";
    server.busy.add(id);
    expect(await install(job(server, THREE.slice(1)))).toEqual([
      "event shop: orders → warehouse is running: it was disabled but not deleted",
    ]);
    expect(server.events.find((event) => event.id === id)).toMatchObject({ enabled: 0 });
    server.busy.clear();
    await install(job(server, THREE.slice(1)));
    expect(server.events).toHaveLength(2);
  });

  test("leaves one record of a duplicate id", async () => {
    const server = await standIn();
    await install(job(server));
    server.events = [...server.events, ...server.events.map((event) => ({ ...event, timeout: 1 }))];
    const plan = await prepare(job(server));
    expect(plan.plan.changes[0]).toMatchObject({ kind: "changed", differences: ["records: 2, then 1"] });
    await plan.apply();
    expect(server.events).toHaveLength(3);
    expect(kinds(await prepare(job(server)))[0]).toBe("unchanged event shop: orders → warehouse");
  });

  test("takes an existing category by its title", async () => {
    const server = await standIn();
    server.categories.push({ id: "cmg1", title: "pipelinewise", enabled: 0 });
    const plan = await prepare(job(server));
    expect(kinds(plan)[0]).toBe("created event shop: orders → warehouse");
    expect(plan.plan.warnings).toEqual([
      "Cronicle's category pipelinewise is disabled: Cronicle does not start its events.",
    ]);
    await plan.apply();
    expect(server.events[0]).toMatchObject({ category: "cmg1" });
  });

  test("refuses events of another config directory or file, unless told to take them over", async () => {
    const server = await standIn();
    await install(job(server));
    const call = { ...frame().call, configDir: "/other" };
    await expect(prepare(job(server, THREE, { call }))).rejects.toThrow(
      "schedule name shop is already installed in Cronicle from another config directory, /srv/pw (here: /other)",
    );
    expect((await prepare(job(server, THREE, { call }), true)).plan.changes[0]).toMatchObject({ kind: "changed" });
    await expect(prepare(job(server, THREE, { call }))).rejects.toMatchObject({
      hint: expect.stringContaining("with `install --replace`"),
    });
  });

  test("500 pipelines are 500 events, page by page", async () => {
    const server = await standIn();
    const many = Array.from({ length: 500 }, (_, index) => pipeline("*/5 * * * *", { tap: `tap_${index}` }));
    await install(job(server, many));
    expect(server.events).toHaveLength(500);
    expect(new Set(kinds(await prepare(job(server, many))).map((text) => text.split(" ")[0]))).toEqual(
      new Set(["unchanged"]),
    );
  });
});

describe("a warning says what keeps Cronicle from starting events", () => {
  test("a scheduler that is switched off", async () => {
    const server = await standIn();
    server.enabled = false;
    expect((await prepare(job(server))).plan.warnings[0]).toContain("Cronicle's scheduler is switched off");
  });

  test.each([
    ["allgrp", 0],
    ["etl1.test", 0],
    ["etl9.test", 1],
  ])("a target that may be wrong: %s", async (target, count) => {
    const server = await standIn();
    const one = job(server);
    const { schedule } = one;
    if (schedule.cronicle === undefined) throw new Error("no settings");
    const plan = await prepare({ ...one, schedule: { ...schedule, cronicle: { ...schedule.cronicle, target } } });
    expect(plan.plan.warnings).toHaveLength(count);
  });
});

describe("an install that fails", () => {
  test("half way says how far it came, and the next one makes the rest", async () => {
    const server = await standIn();
    let creates = 0;
    server.intercept = ({ call }) =>
      call === "create_event" && ++creates === 3
        ? { status: 200, body: { code: "api", description: `Invalid API Key: ${KEY}` } }
        : undefined;
    const failing = (await prepare(job(server))).apply();
    await expect(failing).rejects.toThrow(
      "Cronicle rejected create_event: Invalid API Key: …\n3 of 4 changes in Cronicle were made; run the same command again to make the rest",
    );
    server.intercept = () => undefined;
    await install(job(server));
    expect(server.events).toHaveLength(3);
  });

  test("at once has done nothing, and says no more", async () => {
    const server = await standIn();
    const plan = await prepare(job(server));
    server.intercept = () => ({
      status: 200,
      body: { code: "user", description: "User is not an administrator: undefined" },
    });
    const failing = plan.apply();
    await expect(failing).rejects.toBeInstanceOf(NothingDoneError);
    await expect(failing).rejects.toThrow("Cronicle rejected create_category: User is not an administrator");
  });

  test("behind a part of a change has done something", async () => {
    const server = await standIn();
    await install(job(server));
    server.intercept = ({ call }) => (call === "delete_event" ? replyOf("create_event.no-privilege") : undefined);
    const failing = install(job(server, THREE.slice(1)));
    await expect(failing).rejects.not.toBeInstanceOf(NothingDoneError);
    await expect(failing).rejects.toThrow("0 of 1 changes in Cronicle were made");
    expect(server.events.map(({ enabled }) => enabled).sort()).toEqual([0, 1, 1]);
  });

  test("is seen where somebody else works at the same time", async () => {
    const server = await standIn();
    const [one, other] = [await prepare(job(server)), await prepare(job(server))];
    await one.apply();
    await expect(other.apply()).rejects.toThrow(
      "Cronicle accepted the event shop: orders → warehouse, but a check afterwards shows that it exists 2 times",
    );
    await install(job(server));
    expect(server.events).toHaveLength(3);
  });
});

describe("an uninstall", () => {
  test("needs no schedule file, and takes away what is ours only", async () => {
    const server = await standIn();
    const plan = await prepare(job(server));
    await plan.apply();
    server.events = [...server.events, { id: "pw_shop_x", title: "not ours" }];
    const uninstall = await cronicle.prepareUninstall(
      { name: "shop", configDir: "/srv/pw", place: placeOf(plan) },
      host(),
    );
    expect(kinds(uninstall)).toHaveLength(3);
    expect(JSON.stringify(placeOf(plan))).not.toContain(KEY);
    await uninstall.apply();
    expect(server.events).toEqual([{ id: "pw_shop_x", title: "not ours" }]);
    expect(server.categories).toHaveLength(2);
  });

  test("fails while an event is running, after it has disabled the event", async () => {
    const server = await standIn();
    const plan = await prepare(job(server));
    await plan.apply();
    const [last] = server.events;
    server.busy.add(last?.id ?? "");
    const uninstall = await cronicle.prepareUninstall(
      { name: "shop", configDir: "/srv/pw", place: placeOf(plan) },
      host(),
    );
    await expect(uninstall.apply()).rejects.toThrow("event shop: users → warehouse is running");
    expect(server.events).toMatchObject([{ id: last?.id, enabled: 0 }]);
  });
});

describe("the key", () => {
  const withKey = (server: StandIn, key: string): InstallJob => {
    const one = job(server);
    if (one.schedule.cronicle === undefined) throw new Error("no settings");
    return { ...one, schedule: { ...one.schedule, cronicle: { ...one.schedule.cronicle, key } } };
  };

  test("is read from a file of one's own that nobody else may read", async () => {
    const server = await standIn();
    const here = host();
    const path = join(here.home, "key");
    writeFileSync(path, `${KEY}\n`, { mode: 0o600 });
    const plan = await cronicle.prepareInstall(
      withKey(server, `\${file:${path}}`),
      here,
      takeOver(job(server).schedule),
    );
    expect(server.seen[0]?.key).toBe(KEY);
    expect(placeOf(plan)["key"]).toBe(`\${file:${path}}`);
    chmodSync(path, 0o640);
    await expect(
      cronicle.prepareInstall(withKey(server, `\${file:${path}}`), here, takeOver(job(server).schedule)),
    ).rejects.toThrow(`${path} can be read by others (mode 640)`);
  });

  test.each([
    [{}, "the variable CRONICLE_KEY is not set"],
    [{ CRONICLE_KEY: " " }, "the variable CRONICLE_KEY is empty"],
    [{ CRONICLE_KEY: `${KEY}\nX-Other: 1` }, "the content of the variable CRONICLE_KEY is not an API key"],
  ])("%j: %s", async (env, message) => {
    const server = await standIn();
    const failing = cronicle.prepareInstall(job(server), testHost({ env }), takeOver(job(server).schedule));
    await expect(failing).rejects.toThrow(message);
    await expect(failing).rejects.not.toThrow(KEY);
    expect(server.seen).toEqual([]);
  });
});

test("an export shows the events, and holds no key", async () => {
  const server = await standIn();
  const [file] = cronicle.render(job(server));
  expect(file?.name).toBe("cronicle-shop.json");
  expect(JSON.parse(file?.text ?? "")).toMatchObject({ events: [{ title: "shop: orders → warehouse" }, {}, {}] });
  expect(file?.text).toContain("install --compile-only");
  expect(server.seen).toEqual([]);
});

test("a schedule without Cronicle's address is refused with what to write", async () => {
  const { schedule, ...rest } = job(await standIn());
  const doubts = cronicle.check({ ...rest, schedule: { ...schedule, cronicle: undefined } });
  expect(doubts).toMatchObject([{ severity: "error", message: "the schedule has no `cronicle` settings" }]);
});
