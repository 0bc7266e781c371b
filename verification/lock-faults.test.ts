import { spawnSync } from "node:child_process";
import { chmodSync, chownSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { lockDirectory, type StatePaths } from "../src/storage/paths.ts";
import { buildContender, type Contender, startContender, stateDirectory } from "../test/lock/processes.ts";
import { tempDirectory } from "../test/support/host.ts";
import { poll } from "../test/support/wait.ts";
import { FAKETIME, removeFaketimeLeftovers } from "./rig/faketime.ts";
import { SHORTEST } from "./rig/lock-timing.ts";

/** `PWS_LOCK_ROUNDS=200` takes as many as the contract names. */
const ROUNDS = Number(process.env["PWS_LOCK_ROUNDS"] ?? 8);
const CROWD = 50;
/** On two cores, with some room: a round asks each of them for an answer. */
const CROWD_MS = 60_000 + ROUNDS * 10_000;
const pipeline = { tap: "a", target: "dwh", dataDiff: false };
/** Between hosts the kernel's lock excludes nobody for certain, so here it is not even there. */
const RECORD_ALONE = { timing: SHORTEST, flockProgram: "no-such-flock" };
const LOST_WITHIN_MS = 60_000;

const isRoot = process.getuid?.() === 0;
const canMount = spawnSync("unshare", ["-m", "true"]).status === 0;
const hasFaketime = spawnSync(FAKETIME, ["-f", "+1h", "true"]).status === 0;

let built: Awaited<ReturnType<typeof buildContender>>;
beforeAll(async () => {
  built = await buildContender();
});
afterAll(() => built.remove());

const start = (paths: StatePaths, options: object = RECORD_ALONE, before: readonly string[] = []): Promise<Contender> =>
  startContender(built.program, paths, options, before);

/** Words that start a process as on another kernel: its boot id, and if asked for its machine's, are others. */
function asOnOtherKernel({ machine }: { machine: boolean }): readonly string[] {
  const directory = tempDirectory();
  writeFileSync(join(directory, "boot"), "11111111-0000-4000-8000-000000000000\n");
  writeFileSync(join(directory, "machine"), "f".repeat(32));
  const mounts = [`mount --bind ${directory}/boot /proc/sys/kernel/random/boot_id`];
  if (machine) mounts.push(`mount --bind ${directory}/machine /etc/machine-id`);
  return ["unshare", "-m", "sh", "-ec", `${mounts.join("; ")}; exec "$@"`, "sh"];
}
const onOtherHost = () => asOnOtherKernel({ machine: true });

/** Asks for the lock again and again until it is not held by another. */
const takeAtLast = (contender: Contender) =>
  poll(
    () => contender.ask("take", "a"),
    ({ kind }) => kind !== "held",
  );

describe.each([
  { name: "both layers", options: { timing: SHORTEST } },
  { name: "the record alone", options: RECORD_ALONE },
])(`fifty processes, ${ROUNDS} rounds, $name`, ({ options }) => {
  const taps = Array.from({ length: ROUNDS }, (_, round) => `round_${round}`);

  async function oneWinnerEach(paths: StatePaths): Promise<void> {
    const all = await Promise.all(Array.from({ length: CROWD }, () => start(paths, options)));
    for (const tap of taps) {
      const answers = await Promise.all(all.map((contender) => contender.ask("take", tap)));
      expect(answers.filter(({ kind }) => kind === "acquired")).toHaveLength(1);
      expect(answers.filter(({ kind }) => kind === "held")).toHaveLength(CROWD - 1);
    }
  }

  test("on a free lock: one gets it, each time", () => oneWinnerEach(stateDirectory()), CROWD_MS);

  test(
    "on what a killed holder left: one takes it over, each time",
    async () => {
      const paths = stateDirectory();
      const victim = await start(paths, options);
      for (const tap of taps) expect((await victim.ask("take", tap)).kind).toBe("acquired");
      await victim.kill();
      await oneWinnerEach(paths);
    },
    CROWD_MS,
  );
});

describe.skipIf(!canMount || !isRoot)("a holder on another host", () => {
  test("that is stopped past its lease is taken over, and learns it when it goes on", async () => {
    const paths = stateDirectory();
    const holder = await start(paths, RECORD_ALONE, onOtherHost());
    const next = await start(paths);
    expect((await holder.ask("take", "a")).kind).toBe("acquired");
    expect(await next.ask("take", "a")).toMatchObject({ kind: "held", state: { kind: "unproved" } });
    process.kill(holder.pid, "SIGSTOP");
    expect(await takeAtLast(next)).toMatchObject({ kind: "acquired", tookOverFrom: { pid: holder.pid } });
    process.kill(holder.pid, "SIGCONT");
    expect((await holder.ask("lost", "a")).why).toMatch(/record no longer exists/);
    await holder.ask("release", "a");
    expect(await holder.ask("take", "a")).toMatchObject({ kind: "held", holder: { pid: next.pid } });
  });

  test("that is stopped for longer than selfFence, but not taken over, goes on as the owner", async () => {
    const paths = stateDirectory();
    const holder = await start(paths, RECORD_ALONE, onOtherHost());
    expect((await holder.ask("take", "a")).kind).toBe("acquired");
    process.kill(holder.pid, "SIGSTOP");
    await new Promise((done) => setTimeout(done, SHORTEST.selfFenceMs + SHORTEST.heartbeatMs));
    process.kill(holder.pid, "SIGCONT");
    const next = await start(paths);
    // It beats again before the lease that the next one gives it is over.
    for (let looks = 0; looks < 5; looks += 1) expect((await next.ask("take", "a")).kind).toBe("held");
    const token = readdirSync(lockDirectory(paths, pipeline));
    expect(token).toHaveLength(1);
    expect(token[0]).toContain(`.${holder.pid}.`);
  });

  test("that is killed is taken over after its lease, by one of the many that want it", async () => {
    const paths = stateDirectory();
    const holder = await start(paths, RECORD_ALONE, onOtherHost());
    expect((await holder.ask("take", "a")).kind).toBe("acquired");
    await holder.kill();
    const all = await Promise.all(Array.from({ length: 6 }, () => start(paths)));
    const first = await Promise.race(all.map(async (one) => ({ one, answer: await takeAtLast(one) })));
    // `tookOverFrom` is not certain here: one start may remove the dead token and another win the lock.
    expect(first.answer.kind).toBe("acquired");
    const tokens = readdirSync(lockDirectory(paths, pipeline));
    expect(tokens).toHaveLength(1);
    expect(tokens[0]).toContain(`.${first.one.pid}.`);
  });

  describe.skipIf(!hasFaketime)("whose clock is wrong by an hour", () => {
    test.each(["+1h", "-1h"])(
      "(%s) keeps its lock while it is running, and blocks nobody after it has died",
      async (offset) => {
        const paths = stateDirectory();
        removeFaketimeLeftovers();
        const wrong = [...onOtherHost(), "env", "FAKETIME_DONT_FAKE_MONOTONIC=1", FAKETIME, "-f", offset];
        const holder = await start(paths, RECORD_ALONE, wrong);
        const next = await start(paths);
        expect((await holder.ask("take", "a")).kind).toBe("acquired");
        const beats = Date.now() + 3 * SHORTEST.heartbeatMs;
        await poll(
          async () => expect((await next.ask("take", "a")).kind).toBe("held"),
          () => Date.now() > beats,
        );
        await holder.kill();
        const killedAt = process.hrtime.bigint();
        expect((await takeAtLast(next)).kind).toBe("acquired");
        const waitedMs = Number(process.hrtime.bigint() - killedAt) / 1e6;
        expect(waitedMs).toBeGreaterThan(SHORTEST.leaseMs);
        expect(waitedMs).toBeLessThan(10 * SHORTEST.leaseMs);
      },
    );
  });
});

describe.skipIf(!canMount || !isRoot)("what this machine held", () => {
  test("before it was booted is taken over after three heartbeats of silence, without waiting for the lease", async () => {
    const paths = stateDirectory();
    const holder = await start(paths, RECORD_ALONE, asOnOtherKernel({ machine: false }));
    const next = await start(paths);
    expect((await holder.ask("take", "a")).kind).toBe("acquired");
    expect((await next.ask("take", "a")).kind).toBe("held");
    await holder.kill();
    expect(await takeAtLast(next)).toMatchObject({ kind: "acquired", tookOverFrom: { pid: holder.pid } });
  });

  test.each([
    { name: "both layers: at once", options: { timing: SHORTEST } },
    { name: "the record alone: after the lease", options: RECORD_ALONE },
  ])("as process 1 of a container is taken over by process 1 of the next. $name", async ({ options }) => {
    const paths = stateDirectory();
    const contained = ["unshare", "-p", "-f", "--mount-proc", "--kill-child"];
    const holder = await start(paths, options, contained);
    expect(holder.pid).toBe(1);
    expect((await holder.ask("take", "a")).kind).toBe("acquired");
    const next = await start(paths, options, contained);
    expect((await next.ask("take", "a")).kind).toBe("held");
    await holder.kill();
    expect(await takeAtLast(next)).toMatchObject({ kind: "acquired", tookOverFrom: { pid: 1 } });
  });
});

describe("a lock directory that is meddled with while it is held", () => {
  const cases: readonly { what: string; meddle: (directory: string) => void; lost: RegExp; next: object }[] = [
    {
      what: "renamed",
      meddle: (directory) => renameSync(directory, `${directory}.moved`),
      lost: /record no longer exists/,
      next: { kind: "acquired" },
    },
    {
      what: "made a symbolic link",
      meddle(directory) {
        renameSync(directory, `${directory}.moved`);
        symlinkSync(dirname(directory), directory);
      },
      lost: /record no longer exists/,
      next: { kind: "failed", message: expect.stringContaining("is a symbolic link") },
    },
    {
      what: "made a file",
      meddle(directory) {
        renameSync(directory, `${directory}.moved`);
        writeFileSync(directory, "");
      },
      lost: /record no longer exists/,
      next: { kind: "failed", message: expect.stringContaining("is not a directory") },
    },
  ];

  test.each(cases)("$what: its holder learns it, the next start says what it finds", async ({ meddle, lost, next }) => {
    const paths = stateDirectory();
    const [holder, other] = [await start(paths), await start(paths)];
    await holder.ask("take", "a");
    meddle(lockDirectory(paths, pipeline));
    expect((await holder.ask("lost", "a")).why).toMatch(lost);
    expect(await other.ask("take", "a")).toMatchObject(next);
  });

  describe.skipIf(!isRoot)("for an ordinary user", () => {
    const asNobody = ["setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups"];

    /** A config directory of an ordinary user's. */
    function directoriesOfNobody(): StatePaths {
      const paths = stateDirectory();
      for (const path of [paths.configDir, paths.root]) chownSync(path, 65534, 65534);
      chmodSync(paths.configDir, 0o700);
      return paths;
    }

    test.each([
      { what: "given to another user", meddle: (directory: string) => chownSync(directory, 0, 0) },
      { what: "closed to its owner", meddle: (directory: string) => chmodSync(directory, 0) },
    ])(
      "$what: nobody gets the lock, and the holder gives up when it could not beat for selfFence",
      async ({ meddle }) => {
        const paths = directoriesOfNobody();
        const [holder, other] = [
          await start(paths, RECORD_ALONE, asNobody),
          await start(paths, RECORD_ALONE, asNobody),
        ];
        expect((await holder.ask("take", "a")).kind).toBe("acquired");
        meddle(lockDirectory(paths, pipeline));
        expect(await other.ask("take", "a")).toMatchObject({
          kind: "failed",
          message: expect.stringMatching(/permission denied/),
        });
        expect((await holder.ask("lost", "a")).why).toMatch(/no heartbeat could be confirmed for \d+ s: EACCES/);
      },
      LOST_WITHIN_MS,
    );

    test("a leftover in another user's sticky directory cannot be removed, which is an error and not a skip", async () => {
      const paths = directoriesOfNobody();
      const directory = lockDirectory(paths, pipeline);
      const root = await start(paths);
      expect((await root.ask("take", "a")).kind).toBe("acquired");
      await root.kill();
      mkdirSync(directory, { recursive: true });
      for (const path of [dirname(dirname(directory)), dirname(directory)]) chownSync(path, 65534, 65534);
      chmodSync(directory, 0o1777);
      const other = await start(paths, RECORD_ALONE, asNobody);
      expect(await other.ask("take", "a")).toMatchObject({ kind: "failed", name: "StoreError" });
    });
  });
});
