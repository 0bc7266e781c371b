import { expect, test } from "vitest";
import { createWatchdog, GONE } from "../../src/lock/heartbeat-monitor.ts";

const timing = { heartbeatMs: 10_000, selfFenceMs: 200_000 };

/** A watchdog on a clock that goes by hand. */
function watched(verify: () => Promise<void> = () => new Promise(() => {})) {
  let now = 5_000_000;
  const said: string[] = [];
  let asked = 0;
  const dog = createWatchdog({
    timing,
    sinceBootMs: () => now,
    verify: () => {
      asked += 1;
      return verify();
    },
    reportLost: (why) => said.push(why),
  });
  return {
    dog,
    said,
    asked: () => asked,
    now: () => now,
    /** Time in which this process runs. */
    async run(ms: number) {
      for (const end = now + ms; now < end; ) {
        now += dog.pollMs;
        dog.check();
        await Promise.resolve();
      }
    },
    /** Time in which it does not. */
    async sleep(ms: number) {
      now += ms;
      dog.check();
      await new Promise(setImmediate);
    },
  };
}

const fault = (code: string) => Object.assign(new Error(`${code}: told by a test`), { code });

test("while heartbeats are confirmed nothing is said, and the share is not asked", async () => {
  const { dog, said, run, now, asked } = watched();
  for (let beat = 0; beat < 100; beat += 1) {
    await run(timing.heartbeatMs);
    dog.confirmed(now());
  }
  expect(said).toEqual([]);
  expect(asked()).toBe(0);
});

test("a share that does not answer at all costs the lock after selfFence, and not before", async () => {
  const { said, run } = watched();
  await run(timing.selfFenceMs);
  expect(said).toEqual([]);
  await run(1_000);
  expect(said).toEqual(["no heartbeat could be confirmed for 201 s: the file system does not answer"]);
});

test.each(["EIO", "ESTALE", "EROFS"])(
  "a heartbeat that fails with %s does not lose the lock if a later one succeeds",
  async (code) => {
    const { dog, said, run, now } = watched();
    await run(150_000);
    dog.refused(fault(code));
    await run(40_000);
    dog.confirmed(now());
    await run(150_000);
    expect(said).toEqual([]);
  },
);

test("what the share said last is the reason", async () => {
  const { dog, said, run } = watched();
  dog.refused(fault("EIO"));
  await run(timing.selfFenceMs + 1_000);
  expect(said[0]).toBe("no heartbeat could be confirmed for 201 s: EIO: told by a test");
});

test("a heartbeat counts from when it was sent, however late it is confirmed", async () => {
  const { dog, said, run, now } = watched();
  const sentAt = now();
  await run(190_000);
  dog.confirmed(sentAt);
  await run(11_000);
  expect(said).toHaveLength(1);
});

test("a token that is gone is a loss at once", () => {
  const { dog, said } = watched();
  dog.refused(fault("ENOENT"));
  expect(said).toEqual([GONE]);
});

test("whoever wakes up asks at once whether the token is still there", async () => {
  const { said, sleep, asked } = watched(() => Promise.reject(fault("ENOENT")));
  await sleep(12_000);
  expect(asked()).toBe(1);
  expect(said).toEqual([GONE]);
});

test("one who slept past selfFence and still has the token goes on", async () => {
  const { dog, said, sleep, run, now } = watched(async () => {});
  await sleep(3_600_000);
  expect(said).toEqual([]);
  for (let beat = 0; beat < 50; beat += 1) {
    await run(timing.heartbeatMs);
    dog.confirmed(now());
  }
  expect(said).toEqual([]);
});

test("one who slept past selfFence and gets no answer has the time of a heartbeat", async () => {
  const { said, sleep, run } = watched();
  await sleep(3_600_000);
  await run(timing.heartbeatMs - 1_000);
  expect(said).toEqual([]);
  await run(1_000);
  expect(said[0]).toMatch(/the file system does not answer/);
});

test("who woke up asks again and again until nobody can be about to take over any more, one question at a time", async () => {
  let answer: () => void = () => {};
  const { sleep, run, asked } = watched(() => new Promise((resolve) => (answer = resolve)));
  await sleep(12_000);
  await run(5_000);
  expect(asked()).toBe(1);
  answer();
  await new Promise(setImmediate);
  await run(1_000);
  expect(asked()).toBe(2);
});
