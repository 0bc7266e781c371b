import { EventEmitter } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { runMain } from "../../src/cli/run-command.ts";
import { StoreError } from "../../src/errors.ts";
import { looseLocks, PAIR_WORDS, pidIn, sandbox, until, untilFile, works } from "./sandbox.ts";

/** Steps that come at once where a test wants them, and never where it does not. */
const AT_ONCE = { graceMs: 20, killGraceMs: 20 };
const NEVER = { graceMs: 600_000, killGraceMs: 600_000 };

describe("a stop", () => {
  test("reaches the leader first, and nothing of the pipeline is left", async () => {
    const { host, file, records } = sandbox(`
      trap 'echo told >> $HOME/told; kill $!; exit 1' TERM
      sleep 600 & echo $! > $HOME/child; wait`);
    const running = runMain(PAIR_WORDS, host, { timing: NEVER });
    const child = await pidIn(file("child"));
    host.signals.emit("SIGINT");
    expect(await running).toBe(130);
    expect(readFileSync(file("told"), "utf8")).toBe("told\n");
    expect(works(child)).toBe(false);
    expect(host.err()).toContain("stopping microserv_1 → redshift (press Ctrl-C again to force)");
    expect(host.err()).toContain("microserv_1 → redshift was stopped by SIGINT after 0 s");
    expect(await records()).toMatchObject([{ outcome: "stopped", exitCode: 130, detail: "was stopped by SIGINT" }]);
  });

  test.each([
    ["SIGTERM", 143],
    ["SIGHUP", 129],
  ])("%s does the same, as %i", async (signal, code) => {
    const { host, file } = sandbox("echo $$ > $HOME/leader; exec sleep 600");
    const running = runMain(PAIR_WORDS, host, { timing: NEVER });
    const leader = await pidIn(file("leader"));
    host.signals.emit(signal);
    expect(await running).toBe(code);
    expect(works(leader)).toBe(false);
  });

  test("a pipeline that ignores SIGTERM is killed in the end", async () => {
    const { host, file } = sandbox(`
      trap '' TERM
      (while :; do sleep 1; done) & echo $! > $HOME/child
      while :; do sleep 1; done`);
    const running = runMain(PAIR_WORDS, host, { timing: AT_ONCE });
    const child = await pidIn(file("child"));
    host.signals.emit("SIGTERM");
    expect(await running).toBe(143);
    expect(works(child)).toBe(false);
  });

  test("with --stop-within 2 it is killed so much sooner", { timeout: 30_000 }, async () => {
    const { host, file } = sandbox("trap '' TERM; echo $$ > $HOME/leader; while :; do sleep 0.1; done");
    const running = runMain([...PAIR_WORDS, "--stop-within", "2"], host);
    const leader = await pidIn(file("leader"));
    host.signals.emit("SIGTERM");
    expect(await running).toBe(143);
    expect(works(leader)).toBe(false);
  });

  test("what the leader leaves behind gets SIGTERM too", async () => {
    const { host, file } = sandbox(`
      trap 'exit 1' TERM
      sh -c 'trap "touch $HOME/child-told; exit" TERM; echo $$ > $HOME/child; while :; do sleep 0.05; done' &
      while :; do sleep 0.05; done`);
    const running = runMain(PAIR_WORDS, host, { timing: NEVER });
    const child = await pidIn(file("child"));
    host.signals.emit("SIGTERM");
    expect(await running).toBe(143);
    expect(existsSync(file("child-told"))).toBe(true);
    expect(works(child)).toBe(false);
  });

  test("Ctrl-C again goes on to the next step at once", async () => {
    const { host, file } = sandbox(`
      trap 'echo told >> $HOME/told' TERM
      echo $$ > $HOME/leader
      while :; do sleep 0.05; done`);
    const told = () => (existsSync(file("told")) ? readFileSync(file("told"), "utf8").split("\n").length - 1 : 0);
    const running = runMain(PAIR_WORDS, host, { timing: NEVER });
    const leader = await pidIn(file("leader"));
    host.signals.emit("SIGINT");
    await until(() => told() === 1);
    host.signals.emit("SIGINT");
    await until(() => told() === 2);
    host.signals.emit("SIGINT");
    expect(await running).toBe(130);
    expect(works(leader)).toBe(false);
  });

  test("before the pipeline has begun, it does not begin", async () => {
    const { host, file, records } = sandbox("touch $HOME/ran");
    const locks = looseLocks();
    const stopping = {
      ...locks,
      acquire: async (...args: Parameters<typeof locks.acquire>) => {
        host.signals.emit("SIGTERM");
        return locks.acquire(...args);
      },
    };
    expect(await runMain(PAIR_WORDS, host, { locks: stopping })).toBe(143);
    expect(existsSync(file("ran"))).toBe(false);
    expect(locks.released()).toBe(1);
    expect(await records()).toHaveLength(1);
  });
});

test("no signal is taken when nothing runs any more", async () => {
  const { host } = sandbox();
  await runMain(PAIR_WORDS, host);
  expect(host.signals.eventNames()).toEqual([]);
});

test("a run lasts as long as any process of its group", async () => {
  const { host, file } = sandbox(`
    echo $$ > $HOME/leader
    (while [ ! -e $HOME/go ]; do sleep 0.05; done; echo late) &
    exit 4`);
  let ended = false;
  const running = runMain(PAIR_WORDS, host).finally(() => {
    ended = true;
  });
  const leader = await pidIn(file("leader"));
  await until(() => !works(leader));
  expect(ended).toBe(false);
  writeFileSync(file("go"), "");
  expect(await running).toBe(4);
  expect(host.out()).toBe("late\n");
});

test("a process that left the group is not waited for, though it keeps our pipe open", async () => {
  const { host, file } = sandbox(
    "setsid sh -c 'echo $$ > $HOME/daemon; exec sleep 600' & while [ ! -s $HOME/daemon ]; do sleep 0.05; done",
  );
  expect(await runMain(PAIR_WORDS, host)).toBe(0);
  process.kill(await pidIn(file("daemon")), "SIGKILL");
});

test("a lock that is lost stops the pipeline", async () => {
  let lose: (why: string) => void = () => {};
  const locks = looseLocks(
    new Promise((resolve) => {
      lose = resolve;
    }),
  );
  const { host, file, records } = sandbox("echo $$ > $HOME/leader; exec sleep 600");
  const running = runMain(PAIR_WORDS, host, { locks, timing: NEVER });
  const leader = await pidIn(file("leader"));
  lose("its record was taken away");
  expect(await running).toBe(74);
  expect(works(leader)).toBe(false);
  expect(locks.released()).toBe(1);
  expect(await records()).toMatchObject([{ outcome: "lock-lost" }]);
  expect(host.err()).toContain("was stopped because its lock was lost: its record was taken away");
});

test("a fault of our own while the pipeline is at work ends it before the lock is given back, and is told as that", async () => {
  let fail: (error: Error) => void = () => {};
  const locks = looseLocks(
    new Promise((_, reject) => {
      fail = reject;
    }),
  );
  const { host, file, records } = sandbox(`
    trap 'exit 0' TERM
    sh -c 'trap "" TERM; echo $$ > $HOME/child; while :; do sleep 0.05; done' &
    while :; do sleep 0.05; done`);
  const child = file("child");
  let worked: boolean | undefined;
  const watched = {
    ...locks,
    acquire: async (...args: Parameters<typeof locks.acquire>) => {
      const attempt = await locks.acquire(...args);
      if (attempt.kind === "held") return attempt;
      const release = async () => {
        worked = works(await pidIn(child));
        await attempt.lock.release();
      };
      return { ...attempt, lock: { ...attempt.lock, release } };
    },
  };
  const running = runMain(PAIR_WORDS, host, { locks: watched, timing: AT_ONCE });
  await pidIn(child);
  fail(new Error("a bug"));
  expect(await running).toBe(70);
  expect(worked).toBe(false);
  expect(await records()).toMatchObject([
    { outcome: "failed", exitCode: 70, detail: "was stopped because of an error in pipelinewise-sched: a bug" },
  ]);
});

test("a lock that cannot be taken is 74, and nothing runs", async () => {
  const { host, file } = sandbox("touch $HOME/ran");
  const locks = {
    ...looseLocks(),
    acquire: async () => {
      throw new StoreError("cannot write the lock: the disk is full");
    },
  };
  expect(await runMain(PAIR_WORDS, host, { locks })).toBe(74);
  expect(host.err()).toContain("the disk is full");
  expect(existsSync(file("ran"))).toBe(false);
});

/** A reader that takes what it is told to take. */
function reader(takes: (chunk: Uint8Array, self: EventEmitter) => boolean) {
  const events = new EventEmitter();
  return {
    write: (chunk: string | Uint8Array) => takes(Buffer.from(chunk), events),
    once: (event: string, listener: () => void) => events.once(event, listener),
  };
}

describe("a reader", () => {
  test("that is slow gets all of it, at its pace", async () => {
    let bytes = 0;
    let open = 0;
    let most = 0;
    const stdout = reader((chunk, events) => {
      bytes += chunk.length;
      open++;
      most = Math.max(most, open);
      setImmediate(() => {
        open--;
        events.emit("drain");
      });
      return false;
    });
    const { host } = sandbox("head -c 1000000 /dev/zero");
    expect(await runMain(PAIR_WORDS, { ...host, stdout })).toBe(0);
    expect(bytes).toBe(1_000_000);
    expect(most).toBe(1);
  });

  test("that has gone stops neither the pipeline nor its log", async () => {
    let chunks = 0;
    const stdout = reader((_chunk, events) => {
      chunks++;
      setImmediate(() => events.emit("error", new Error("EPIPE")));
      return false;
    });
    const { host, logText } = sandbox("head -c 1000000 /dev/zero; echo end");
    expect(await runMain(PAIR_WORDS, { ...host, stdout })).toBe(0);
    expect(logText()).toHaveLength(1_000_004);
    expect(chunks).toBe(1);
  });
});

test("a run by hand shows the output while the pipeline is at work", async () => {
  const { host, file } = sandbox("echo first; while [ ! -e $HOME/go ]; do sleep 0.05; done");
  const running = runMain(PAIR_WORDS, host);
  await until(() => host.out() === "first\n");
  writeFileSync(file("go"), "");
  expect(await running).toBe(0);
  await untilFile(file("go"));
});
