import { basename, dirname } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { DEAD_TOKEN_FILE, FOLDER, leaveDeadToken, realAttempt, type Spoil, stockAttempt } from "./attempts.ts";
import { exploreAll, exploreSome } from "./explore.ts";
import type { MemoryFs } from "./memory-fs.ts";
import type { Plan } from "./simulation.ts";

/** `PWS_INTERLEAVINGS=full npx vitest run test/lock/interleaving` looks at more, for some minutes. */
const FULL = process.env["PWS_INTERLEAVINGS"] === "full";
const FULL_TIMEOUT_MS = 3_600_000;
const SEED = 20261123;

const leftBehind = { what: "what a killed holder left", prepare: (fs: MemoryFs) => leaveDeadToken(fs) };
const scenes = [
  { what: "a free lock", prepare: () => {} },
  leftBehind,
  { what: "an empty directory", prepare: (fs: MemoryFs) => fs.mkdir(FOLDER) },
];

/** Only one host can prove at once that the holder is dead; the others must wait. */
const clusters = [
  { what: "with one kernel lock for both", cluster: { kernelLock: true } },
  { what: "without a kernel lock", cluster: { kernelLock: false } },
];

const planOf = (changes: Partial<Plan>): Plan => ({
  actors: 2,
  attempts: 1,
  crashes: 0,
  prepare: () => {},
  attempt: realAttempt(),
  ...changes,
});

// The library's heartbeat and our watchdog would wait for an hour that does not come.
beforeEach(() => void vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "setInterval", "clearInterval"] }));
afterEach(() => void vi.useRealTimers());

describe("in every order of steps there are never two owners, and no one is stuck:", () => {
  test.each(FULL ? scenes : [leftBehind])("two processes, two attempts each, on $what", async ({ prepare }) => {
    const { fault, states } = await exploreAll(planOf({ prepare, attempts: 2 }));
    expect(fault).toBeUndefined();
    // Far fewer would mean that something is not looked at any more.
    expect(states).toBeGreaterThan(10_000);
  });

  test.each(scenes)("two processes on $what, of which one may crash at any step", async ({ prepare }) => {
    const { fault, states } = await exploreAll(planOf({ prepare, crashes: 1 }));
    expect(fault).toBeUndefined();
    expect(states).toBeGreaterThan(2_000);
  });

  test.each(clusters)("two processes on two hosts $what, of which one may crash at any step", async ({ cluster }) => {
    const { fault, states } = await exploreAll(planOf({ ...leftBehind, cluster, crashes: 1 }));
    expect(fault).toBeUndefined();
    expect(states).toBeGreaterThan(2_000);
  });

  describe.skipIf(!FULL)("at leisure", { timeout: FULL_TIMEOUT_MS }, () => {
    test.each(scenes)(
      "two processes, two attempts each, on $what, of which one may crash at any step",
      async (scene) => {
        const { prepare } = scene;
        expect((await exploreAll(planOf({ prepare, attempts: 2, crashes: 1 }))).fault).toBeUndefined();
      },
    );

    test.each(clusters)(
      "two processes, two attempts each, on two hosts $what, of which one may crash",
      async (scene) => {
        const { cluster } = scene;
        expect((await exploreAll(planOf({ ...leftBehind, cluster, attempts: 2, crashes: 1 }))).fault).toBeUndefined();
      },
    );
  });
});

test.each([
  { actors: 3, crashes: 1 },
  { actors: 4, crashes: 2 },
])(
  "nor in samples of $actors processes of which $crashes may crash",
  async ({ actors, crashes }) => {
    for (const { prepare } of scenes) {
      const { fault } = await exploreSome(planOf({ actors, crashes, attempts: 2, prepare }), SEED, FULL ? 20_000 : 600);
      expect(fault).toBeUndefined();
    }
  },
  FULL_TIMEOUT_MS,
);

test.each(clusters)(
  "nor in samples of 4 processes on two hosts $what, of which 2 may crash",
  async ({ cluster }) => {
    for (const { prepare } of scenes) {
      const plan = planOf({ actors: 4, crashes: 2, attempts: 2, prepare, cluster });
      expect((await exploreSome(plan, SEED, FULL ? 20_000 : 300)).fault).toBeUndefined();
    }
  },
  FULL_TIMEOUT_MS,
);

const spoiled: readonly { what: string; spoil: Spoil }[] = [
  {
    what: "does not look whether it is alone in the directory",
    spoil(files) {
      let made: string | undefined;
      return {
        ...files,
        create(path, text) {
          made = path.slice(dirname(path).length + 1);
          return files.create(path, text);
        },
        async list(path) {
          const names = await files.list(path);
          const mine = made;
          made = undefined;
          return mine === undefined ? names : [mine];
        },
      };
    },
  },
  {
    what: "takes away whichever token is there, not the one that it judged",
    spoil(files, { fs, step }) {
      return {
        ...files,
        async rename(from, to) {
          if (!from.endsWith(DEAD_TOKEN_FILE)) return files.rename(from, to);
          return step("rename", () =>
            fs.rename(`${FOLDER}/${fs.list(FOLDER)[0] ?? DEAD_TOKEN_FILE}`, `/${basename(to)}`),
          );
        },
      };
    },
  },
  {
    what: "removes the directory with all that is in it",
    spoil(files, { fs, step }) {
      return {
        ...files,
        removeDirectory: () =>
          step("rm -r", () => {
            for (const name of fs.list(FOLDER)) fs.unlink(`${FOLDER}/${name}`);
            fs.rmdir(FOLDER);
          }),
      };
    },
  },
];

describe("it would be found", () => {
  test("if the library were taken as it comes: of two that see one old lock both get it", async () => {
    const prepare = (fs: MemoryFs) => {
      fs.mkdir(FOLDER);
      fs.touch(FOLDER, new Date(0));
    };
    const { fault } = await exploreAll(planOf({ prepare, attempt: stockAttempt }));
    expect(fault?.what).toMatch(/^processes \d and \d have the lock$/);
  });

  test.each(spoiled)("if a process $what", async ({ spoil }) => {
    const { fault } = await exploreAll(planOf({ ...leftBehind, attempt: realAttempt({ spoil }) }));
    expect(fault?.what).toMatch(/^processes \d and \d have the lock$/);
  });

  test("if a start waited for one that is gone", async () => {
    const waits: Spoil = (files) => ({
      ...files,
      // A dead holder's token is never removed.
      rename: async (from, to) => (from.endsWith(DEAD_TOKEN_FILE) ? undefined : files.rename(from, to)),
    });
    const { fault } = await exploreAll(planOf({ ...leftBehind, attempt: realAttempt({ spoil: waits }) }));
    expect(fault?.what).toMatch(/goes round in circles/);
  });
});
