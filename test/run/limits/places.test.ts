import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { StartLimit } from "../../../src/policies.ts";
import type { PlaceClaim } from "../../../src/run/limits/claim.ts";
import { lockContains, type Owners } from "../../../src/run/limits/owners.ts";
import { type OwnPlace, openPlaces } from "../../../src/run/limits/places.ts";
import { lockDirectory, placesDir, statePaths } from "../../../src/storage/paths.ts";
import { tempDirectory } from "../../support/host.ts";

const LIMIT: StartLimit = { kind: "target", name: "redshift", places: 2 };
const token = (number: number): string => `7a035545.4026531836.${number}.1.a531b181be2c`;

const claim = (changes: Partial<PlaceClaim> = {}): PlaceClaim => ({
  ...{ target: "redshift", lock: "orders", runId: "r", host: "h", since: "2026-11-23T12:00:00.000Z", limits: [LIMIT] },
  ...changes,
});

/** A state directory whose owners hold their locks until they are named dead. */
function scene() {
  const paths = statePaths(tempDirectory());
  mkdirSync(paths.root, { mode: 0o700 });
  const dead = new Set<string>();
  const owners: Owners = {
    findLocal: () => undefined,
    isLocal: () => false,
    holdsLock: async (one) => !dead.has(one),
  };
  const directory = placesDir(paths, LIMIT.kind, LIMIT.name);
  const open = () => openPlaces({ paths, owners, uid: process.getuid?.() ?? 0 });
  return { paths, dead, directory, open, names: () => readdirSync(directory).sort() };
}

describe("the places of a limit", () => {
  test("are taken once each, by starts that try at the same time", async () => {
    const { open, names } = scene();
    const tries = Array.from({ length: 20 }, (_, number) => open().take(LIMIT, token(number), claim()));
    const taken = (await Promise.all(tries)).filter((place): place is OwnPlace => place !== undefined);
    expect(taken).toHaveLength(2);
    expect(names()).toEqual(["0", "1"]);
    await taken[0]?.release();
    expect(await open().take(LIMIT, token(30), claim())).toBeDefined();
    expect(await open().read(LIMIT)).toHaveLength(2);
  });

  test("are free again when their owner has lost its lock, and only then", async () => {
    const { open, dead } = scene();
    await open().take(LIMIT, token(1), claim());
    await open().take(LIMIT, token(2), claim());
    expect(await open().take(LIMIT, token(3), claim())).toBeUndefined();
    dead.add(token(1));
    expect(await open().take(LIMIT, token(3), claim())).toBeDefined();
    expect((await open().read(LIMIT)).map((place) => place.token).sort()).toEqual([token(2), token(3)]);
  });

  test("stay with their owner while others free the place of an earlier owner", async () => {
    const { open, dead } = scene();
    await open().take({ ...LIMIT, places: 1 }, token(1), claim());
    dead.add(token(1));
    const tries = Array.from({ length: 10 }, (_, number) =>
      open().take({ ...LIMIT, places: 1 }, token(10 + number), claim()),
    );
    expect((await Promise.all(tries)).filter((place) => place !== undefined)).toHaveLength(1);
    expect(await open().read(LIMIT)).toHaveLength(1);
  });

  test("count for a schedule with a lower number too", async () => {
    const { open } = scene();
    const four = { ...LIMIT, places: 4 };
    const places = [];
    for (const number of [1, 2, 3]) places.push(await open().take(four, token(number), claim()));
    expect(await open().take(LIMIT, token(4), claim())).toBeUndefined();
    await places[0]?.release();
    expect(await open().take(LIMIT, token(4), claim())).toBeUndefined();
    await places[1]?.release();
    expect(await open().take(LIMIT, token(4), claim())).toBeDefined();
  });

  test("can be taken again after a start was killed while it took or freed one", async () => {
    const { open, dead, directory, names } = scene();
    mkdirSync(join(directory, `.${token(1)}`), { recursive: true, mode: 0o700 });
    writeFileSync(join(directory, `.${token(1)}`, `${token(1)}.json`), JSON.stringify(claim()));
    writeFileSync(join(directory, `.${token(2)}.0.gone`), JSON.stringify(claim()));
    mkdirSync(join(directory, "0"), { mode: 0o700 });
    dead.add(token(1)).add(token(2));
    await open().take(LIMIT, token(3), claim());
    await open().take(LIMIT, token(4), claim());
    expect(names()).toEqual(["0", "1"]);
  });
});

test("a lock contains a token only while its owner record is there", async () => {
  const { paths } = scene();
  const lock = { tap: "orders", target: "redshift", dataDiff: false };
  expect(await lockContains(paths, lock, token(1))).toBe(false);
  mkdirSync(lockDirectory(paths, lock), { recursive: true });
  expect(await lockContains(paths, lock, token(1))).toBe(false);
  writeFileSync(join(lockDirectory(paths, lock), `owner.${token(1)}.json`), "");
  expect(await lockContains(paths, lock, token(1))).toBe(true);
  expect(await lockContains(paths, lock, token(2))).toBe(false);
});
