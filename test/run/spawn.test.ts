import { EventEmitter } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { runMain } from "../../src/cli/run-command.ts";
import { StoreError } from "../../src/errors.ts";
import { LOCK_TIMING } from "../../src/lock/timing.ts";
import { isRunning } from "../support/processes.ts";
import { looseLocks, PAIR_WORDS, sandbox } from "../support/sandbox.ts";
import { pidIn, until, untilFile } from "../support/wait.ts";

/** Steps that come at once where a test wants them, and never where it does not. */
const AT_ONCE = { graceMs: 20, killGraceMs: 20 };
const NEVER = { graceMs: 600_000, killGraceMs: 600_000 };

describe("a stop", () => {
  test("reaches the pipeline process first, and no process of the pipeline is left", async () => {
    const { host, file, records } = sandbox(`
      trap 'echo told >> $HOME/told; kill $!; exit 1' TERM
      sleep 600 & echo $! > $HOME/child; wait`);
    const running = runMain(PAIR_WORDS, host, { timing: NEVER });
    const child = await pidIn(file("child"));
    host.signals.emit("SIGINT");
    expect(await running).toBe(130);
    expect(readFileSync(file("told"), "utf8")).toBe("told\n");
    expect(isRunning(child)).toBe(false);
    expect(host.err()).toContain("stopping microserv_1 → redshift (press Ctrl-C again to force)");
    expect(host.err()).toContain("microserv_1 → redshift was stopped by SIGINT after 0 s");
    expect(await records()).toMatchObject([{ outcome: "stopped", exitCode: 130, detail: "was stopped by SIGINT" }]);
  });

  test.each([
    ["SIGTERM", 143],
    ["SIGHUP", 129],
    ["SIGQUIT", 131],
    ["SIGTRAP", 133],
    ["SIGABRT", 134],
    ["SIGALRM", 142],
    ["SIGSTKFLT", 144],
    ["SIGXCPU", 152],
    ["SIGVTALRM", 154],
    ["SIGPROF", 155],
    ["SIGIO", 157],
    ["SIGPWR", 158],
    ["SIGSYS", 159],
  ])("%s does the same, and the exit code is %i", async (signal, code) => {
    const { host, file } = sandbox("echo $$ > $HOME/leader; exec sleep 600");
    const running = runMain(PAIR_WORDS, host, { timing: NEVER });
    const leader = await pidIn(file("leader"));
    host.signals.emit(signal);
    expect(await running).toBe(code);
    expect(isRunning(leader)).toBe(false);
  });

  test("does not happen at SIGHUP without a terminal, nor at SIGTSTP, SIGUSR1, SIGUSR2 or SIGXFSZ", async () => {
    const { host, file } = sandbox("touch $HOME/started; while [ ! -e $HOME/go ]; do sleep 0.05; done", {
      hasTerminal: () => false,
    });
    const running = runMain(PAIR_WORDS, host, { timing: NEVER });
    await untilFile(file("started"));
    host.signals.emit("SIGHUP");
    for (const signal of ["SIGTSTP", "SIGUSR1", "SIGUSR2", "SIGXFSZ"]) expect(host.signals.emit(signal)).toBe(true);
    expect(host.err()).toBe(
      "pipelinewise-sched: Ctrl-Z does not suspend a run, because its lock would expire on other hosts. To stop the run, press Ctrl-C. To get the shell back, start it with: nohup … &\n",
    );
    writeFileSync(file("go"), "");
    expect(await running).toBe(0);
  });

  test("kills a pipeline that ignores SIGTERM", async () => {
    const { host, file } = sandbox(`
      trap '' TERM
      (while :; do sleep 1; done) & echo $! > $HOME/child
      while :; do sleep 1; done`);
    const running = runMain(PAIR_WORDS, host, { timing: AT_ONCE });
    const child = await pidIn(file("child"));
    host.signals.emit("SIGTERM");
    expect(await running).toBe(143);
    expect(isRunning(child)).toBe(false);
  });

  test("kills sooner with --kill-after 2", async () => {
    const { host, file } = sandbox("trap '' TERM; echo $$ > $HOME/leader; while :; do sleep 0.1; done");
    const running = runMain([...PAIR_WORDS, "--kill-after", "2"], host);
    const leader = await pidIn(file("leader"));
    const begun = performance.now();
    host.signals.emit("SIGTERM");
    expect(await running).toBe(143);
    expect(isRunning(leader)).toBe(false);
    expect(performance.now() - begun).toBeLessThan(LOCK_TIMING.graceMs + LOCK_TIMING.killGraceMs);
  });

  test("sends SIGTERM to the processes that the pipeline process leaves behind", async () => {
    const { host, file } = sandbox(`
      trap 'exit 1' TERM
      sh -c 'trap "touch $HOME/child-told; exit" TERM; echo $$ > $HOME/child; while :; do sleep 0.05; done' &
      while :; do sleep 0.05; done`);
    const running = runMain(PAIR_WORDS, host, { timing: NEVER });
    const child = await pidIn(file("child"));
    host.signals.emit("SIGTERM");
    expect(await running).toBe(143);
    expect(existsSync(file("child-told"))).toBe(true);
    expect(isRunning(child)).toBe(false);
  });

  test("goes on to the next step at once after a second Ctrl-C", async () => {
    const { host, file } = sandbox(`
      trap 'echo told >> $HOME/told' TERM
      echo $$ > $HOME/leader
      while :; do sleep 0.05; done`);
    const told = () => (existsSync(file("told")) ? readFileSync(file("told"), "utf8").split("\n").length - 1 : 0);
    const running = runMain(PAIR_WORDS, host, { timing: NEVER });
    const leader = await pidIn(file("leader"));
    host.signals.emit("SIGINT");
    await until("the first signal arrives", () => told() === 1);
    host.signals.emit("SIGINT");
    await until("the second signal arrives", () => told() === 2);
    host.signals.emit("SIGINT");
    expect(await running).toBe(130);
    expect(isRunning(leader)).toBe(false);
  });

  test("before the pipeline has started keeps it from starting", async () => {
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

test("signals are no longer handled after the run", async () => {
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
  await until("PipelineWise has ended", () => !isRunning(leader));
  expect(ended).toBe(false);
  writeFileSync(file("go"), "");
  expect(await running).toBe(4);
  expect(host.out()).toBe("late\n");
});

test("a run waits for a process that left the group, and start, status and unlock name it", async () => {
  const { host, file, install } = sandbox(`
    [ "$1" = status ] && exit 0
    echo $$ > $HOME/leader
    setsid sleep 600 >/dev/null 2>&1 </dev/null & echo $! > $HOME/daemon`);
  install();
  const running = runMain(PAIR_WORDS, host);
  const leader = await pidIn(file("leader"));
  await until("PipelineWise has ended", () => !isRunning(leader));
  const daemon = await pidIn(file("daemon"));
  await until("it is another program", () => readFileSync(`/proc/${daemon}/comm`, "utf8") === "sleep\n");
  const named = `PipelineWise has ended; still running: sleep (pid ${daemon})`;
  expect(await runMain(PAIR_WORDS, host)).toBe(75);
  expect(host.err()).toContain(`(0 s); ${named}\n`);
  await main(["unlock", ...PAIR_WORDS], host);
  expect(host.out()).toContain(`runs on this host; ${named}. To stop it:`);
  await main(["status"], host);
  expect(host.out()).toContain(`(0 s); ${named}\n`);
  process.kill(daemon, "SIGKILL");
  expect(await running).toBe(0);
});

test("a run says when PipelineWise itself ended, if other processes of the pipeline ran on", async () => {
  let now = Date.parse("2026-11-23T12:00:00Z");
  const { host, file, records } = sandbox(
    `
    echo $$ > $HOME/leader
    (while [ ! -e $HOME/go ]; do sleep 0.05; done) &
    kill -KILL $$`,
    { now: () => new Date(now) },
  );
  const running = runMain(PAIR_WORDS, host);
  const leader = await pidIn(file("leader"));
  await until("the run waits", () => host.err().includes("PipelineWise has ended; still running: pipelinewise (pid "));
  expect(isRunning(leader)).toBe(false);
  now += 37_000;
  writeFileSync(file("go"), "");
  expect(await running).toBe(137);
  expect(host.err()).toContain(
    "failed with exit code 137 (signal 9) after 37 s; PipelineWise itself ended after 0 s; log:",
  );
  expect(await records()).toMatchObject([{ outcome: "failed", detail: "PipelineWise itself ended after 0 s" }]);
});

test("a process that left the group and has another environment is not waited for, although it keeps the pipe open", async () => {
  const { host, file } = sandbox(
    "env -u PIPELINEWISE_SCHED_RUN setsid sh -c 'echo $$ > $HOME/daemon; exec sleep 600' </dev/null & while [ ! -s $HOME/daemon ]; do sleep 0.05; done",
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
  expect(isRunning(leader)).toBe(false);
  expect(locks.released()).toBe(1);
  expect(await records()).toMatchObject([{ outcome: "lock-lost" }]);
  expect(host.err()).toContain("was stopped because its lock was lost: its record was taken away");
});

test("an internal error while the pipeline is running stops it before the lock is released, and is reported as such", async () => {
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
        worked = isRunning(await pidIn(child));
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

test("if the lock cannot be acquired, nothing runs and the exit code is 74", async () => {
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

/** A reader that takes only as much as the test allows. */
function reader(takes: (chunk: Uint8Array, self: EventEmitter) => boolean) {
  const events = new EventEmitter();
  return {
    write: (chunk: string | Uint8Array) => takes(Buffer.from(chunk), events),
    once: (event: string, listener: () => void) => events.once(event, listener),
  };
}

describe("a reader", () => {
  test("that is slow gets all of the output", async () => {
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

  test("that has closed the pipe stops neither the pipeline nor its log", async () => {
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

test("a run by hand shows the output while the pipeline is running", async () => {
  const { host, file } = sandbox("echo first; while [ ! -e $HOME/go ]; do sleep 0.05; done");
  const running = runMain(PAIR_WORDS, host);
  await until("the first line arrives", () => host.out() === "first\n");
  writeFileSync(file("go"), "");
  expect(await running).toBe(0);
  await untilFile(file("go"));
});
