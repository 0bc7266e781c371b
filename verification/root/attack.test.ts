import { createHash, randomUUID } from "node:crypto";
import { chmodSync, cpSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { renderRecord, renderToken } from "../../src/lock/owner-record.ts";
import { readKernel } from "../../src/lock/processes.ts";
import { startTicksOf } from "../../src/system/proc.ts";
import { runWell } from "../../test/support/run-program.ts";
import { waitFor } from "../../test/support/wait.ts";
import { isLeftOut, NUMBER_ONLY, type SecondUser, secondUser, WHERE } from "./second-user.ts";

/** How often root runs each command under attack. */
const ROUNDS = Number(process.env["PWS_ATTACK_ROUNDS"] ?? 24);
const PAIR = ["--tap", "t1", "--target", "g"];
/** A frozen holder is waited for longer than an attack is worth. */
const LONGEST_MS = 6_000;
const NOBODYS_TOKEN = "00000000.1.1.1.abcdef012345";
/** When the dead run began that left its lock, its pidfile and its log. */
const BEGAN = "2025-01-01T00:00:00.000Z";
const LEFT_LOG = "t1-20250101_000000.singer.log.running";

/** A place below the config directory that is swapped against a link. `d`: a directory; `f`: a file. */
type Target = readonly ["d" | "f", string];

const month = (): string => new Date().toISOString().slice(0, 7);

/** All that a user could swap, by the commands that go there. */
const targets = ({ hostName }: SecondUser) => {
  const everywhere: readonly Target[] = [
    ["d", ""],
    ["d", ".sched"],
  ];
  const history: readonly Target[] = [
    ["d", ".sched/runs"],
    ["d", `.sched/runs/${month()}`],
    ["f", `.sched/runs/${month()}/${hostName}.jsonl`],
    ["d", ".sched/last"],
    ["d", ".sched/last/g"],
    ["f", ".sched/last/g/t1.json"],
  ];
  const locks: readonly Target[] = [
    ["d", ".sched/locks"],
    ["d", ".sched/locks/g"],
    ["d", ".sched/locks/g/t1.lock"],
    ["f", ".sched/locks/g/t1.flock"],
  ];
  const requests: readonly Target[] = [
    ["d", ".sched/requests"],
    ["d", ".sched/requests/g"],
    ["d", ".sched/requests/g/t1"],
  ];
  const schedules: readonly Target[] = [
    ["d", ".sched/schedules"],
    ["f", ".sched/schedules/pipelinewise.json"],
    ["f", `.sched/schedules/pipelinewise.${hostName}.json`],
    ["d", ".sched/backups"],
    ["d", `.sched/backups/${hostName}-root`],
  ];
  const pipelinewise: readonly Target[] = [
    ["d", "g"],
    ["d", "g/t1"],
    ["d", "g/t1/log"],
    ["f", "g/t1/pipelinewise.pid"],
  ];
  const runs: readonly Target[] = [
    ["d", ".sched/slots"],
    ["d", ".sched/slots/g/t1"],
    ["d", ".sched/logs/g/t1"],
    ["f", `.sched/wrapper-${hostName}.log`],
  ];
  return { everywhere, history, locks, requests, schedules, pipelinewise, runs };
};

/** Everything about a tree that a command of root's could change, with the time of the last change. */
function snapshot(directory: string): Readonly<Record<string, string>> {
  const paths = [
    directory,
    ...readdirSync(directory, { recursive: true, encoding: "utf8" }).map((name) => join(directory, name)),
  ];
  return Object.fromEntries(
    paths.map((path) => {
      const { uid, gid, mode, nlink, size, ctimeMs } = lstatSync(path);
      const content = lstatSync(path).isFile() ? createHash("sha256").update(readFileSync(path)).digest("hex") : "";
      return [path.slice(directory.length), [uid, gid, mode.toString(8), nlink, size, ctimeMs, content].join(" ")];
    }),
  );
}

/** As the user: leaves the files of a dead run, and those of a `stop` that was killed. */
const PLANT = `umask 077; cd "$1"
mkdir -p g/t1/log .sched/requests/g/t1 .sched/slots/g/t1 .sched/logs/g/t1 ".sched/backups/$2-root" ".sched/runs/$3"
echo 999999 >g/t1/pipelinewise.pid; : >g/t1/log/${LEFT_LOG}
: >".sched/wrapper-$2.log"; echo x >.sched/requests/g/t1/old.stop.json; rm -f .sched/last/g/t1.json`;

/** A user's directory in use, and a tree of root's with the same names. */
async function attackedMachine() {
  const machine = await secondUser(NUMBER_ONLY);
  const { configDir, place, schedule } = machine;
  const must = async (words: readonly string[]) => {
    const { code, stderr } = await machine.asUser(words);
    if (code !== 0) throw new Error(`${words.join(" ")}: ${stderr}`);
  };
  await must([...machine.sched, "install", "--config-dir", configDir, schedule]);
  await must([...machine.sched, "run", "--config-dir", configDir, ...PAIR]);
  await must([...machine.sched, "run", "--scheduled", "--config-dir", configDir, ...PAIR]);
  await must(["sh", "-ec", PLANT, "", configDir, machine.hostName, month()]);
  const roots = join(place, "roots");
  mkdirSync(roots, { mode: 0o755 });
  cpSync(configDir, join(roots, "tree"), { recursive: true });
  const lock = join(roots, "tree/.sched/locks/g/t1.lock");
  mkdirSync(lock, { recursive: true });
  writeFileSync(join(lock, `owner.${NOBODYS_TOKEN}.json`), "x\n");
  await runWell(["chown", "-R", "root:root", roots]);
  return { ...machine, roots };
}

type Machine = Awaited<ReturnType<typeof attackedMachine>>;

/** Puts a lock there: of a live process that never answers, or of one that is gone. Gives what takes it away again. */
async function plantLock(machine: Machine, whose: "a live process" | "a dead process"): Promise<() => Promise<void>> {
  const { configDir, hostName } = machine;
  const { holder, pid, startTicks } = await waitFor("a live holder", 60_000, () => {
    const started = machine.startAsUser(["sleep", "600"]);
    const ticks = startTicksOf(started.pid ?? 0);
    return ticks > 0 ? { holder: started, pid: started.pid ?? 0, startTicks: ticks } : undefined;
  });
  const identity = { ...readKernel(), pid, startTicks };
  const token = renderToken(identity, randomUUID().slice(0, 8));
  const record = renderRecord({
    ...identity,
    format: 1,
    host: hostName,
    machineId: "",
    uid: NUMBER_ONLY.uid,
    runId: `run${randomUUID().slice(0, 8)}`,
    startedAt: BEGAN,
    heartbeatMs: 10_000,
    leaseMs: 300_000,
    flock: null,
  });
  if (whose === "a dead process") holder.kill("SIGKILL");
  const lock = join(configDir, ".sched/locks/g/t1.lock");
  const file = join(lock, `owner.${token}.json`);
  const words = ["sh", "-c", 'rm -rf "$1"; mkdir -p "$1"; printf %s "$3" >"$2"', "", lock, file, record];
  await machine.asUser(words);
  return async () => void holder.kill("SIGKILL");
}

/** One run of a command of root's while the user swaps one place. @returns its exit code */
async function attackOnce(machine: Machine, swapper: string, target: Target, words: readonly string[]) {
  const [kind, name] = target;
  const victim = join(machine.configDir, name).replace(/\/$/, "");
  const beside = join(machine.home, `beside-${randomUUID()}`);
  const attacker = machine.startAsUser([swapper, kind, victim, beside, join(machine.roots, "tree", name)]);
  await new Promise((resolve) => attacker.stdout?.once("data", resolve));
  const { code } = await machine.call("root", words, { timeoutMs: LONGEST_MS });
  const gone = new Promise((resolve) => attacker.once("exit", resolve));
  attacker.kill("SIGKILL");
  await gone;
  // The place is the user's own again.
  const restore = 'if [ -L "$1" ]; then rm -f "$1"; [ -L "$2" ] || mv -T "$2" "$1"; fi; rm -rf "$2"';
  await machine.asUser(["sh", "-c", restore, "", victim, beside]);
  return code;
}

const COMMANDS = {
  stop: { words: ["stop", ...PAIR], places: ["everywhere", "requests", "locks", "history"], lock: "a live process" },
  "stop --all": { words: ["stop", "--all"], places: ["everywhere", "locks", "history"], lock: "a dead process" },
  unlock: { words: ["unlock"], places: ["everywhere", "locks", "history"], lock: "a dead process" },
  status: { words: ["status"], places: ["everywhere", "locks", "history", "schedules"], lock: "a dead process" },
  history: { words: ["history"], places: ["everywhere", "history"] },
  run: {
    words: ["run", ...PAIR],
    places: ["everywhere", "history", "locks", "pipelinewise", "runs"],
    lock: "a dead process",
  },
  "run --scheduled": {
    words: ["run", "--scheduled", ...PAIR],
    places: ["everywhere", "history", "locks", "schedules", "runs"],
  },
  install: { words: ["install", "--replace"], places: ["everywhere", "schedules"] },
  uninstall: { words: ["uninstall"], places: ["everywhere", "schedules"] },
  diff: { words: ["diff"], places: ["everywhere", "schedules"] },
} as const;

describe.skipIf(isLeftOut)(`a user who swaps files and directories against links${WHERE}`, () => {
  const directory = join(tmpdir(), `pws-swap-${randomUUID()}`);
  const swapper = join(directory, "swap");
  beforeAll(async () => {
    mkdirSync(directory, { mode: 0o755 });
    await runWell(["cc", "-O2", "-o", swapper, join(import.meta.dirname, "swap.c")]);
    chmodSync(swapper, 0o755);
  });
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  test.each(Object.entries(COMMANDS))("makes root change nothing of root's by %s", async (name, command) => {
    const machine = await attackedMachine();
    const all = targets(machine);
    const places = command.places.flatMap((place) => all[place]);
    const byName = name === "install" || name === "diff" ? [machine.schedule] : [];
    if (name === "diff") await machine.call("root", ["install", "--replace", machine.schedule]);
    let before = snapshot(machine.roots);
    const damage: string[] = [];
    const codes = new Set<number | null>();
    const rounds = Math.max(ROUNDS, places.length);
    // The attack may keep the command from its work in every round: then it goes on until the command has succeeded once.
    for (let round = 0; round < rounds || (!codes.has(0) && round < 10 * rounds); round++) {
      const target = places[round % places.length] ?? (["d", ""] as const);
      await machine.asUser(["sh", "-c", PLANT, "", machine.configDir, machine.hostName, month()]);
      const endLock = "lock" in command ? await plantLock(machine, command.lock) : async () => {};
      const ending = setTimeout(() => void endLock(), 400 + 40 * (round % 10));
      if (name === "install") await alterSchedule(machine, round);
      if (name === "uninstall") await machine.call("root", ["install", "--replace", machine.schedule]);
      codes.add(await attackOnce(machine, swapper, target, [...command.words, ...byName]));
      clearTimeout(ending);
      await endLock();
      const now = snapshot(machine.roots);
      const changed = Object.keys({ ...before, ...now }).filter((path) => before[path] !== now[path]);
      if (changed.length > 0) damage.push(`${target[1] || "the config directory"}: ${changed.join(" ")}`);
      before = now;
    }
    expect(damage).toEqual([]);
    // It was not kept from its work each time.
    expect([...codes]).toContain(0);
  });
});

/** Another note each time, so that an install has something to write. */
async function alterSchedule(machine: Machine, round: number): Promise<void> {
  const text = `pipelines:\n  - {tap: t1, target: g, cron: "* * * * *", note: round ${round}}\n`;
  await machine.asUser(["sh", "-c", 'printf %s "$2" >"$1"', "", machine.schedule, text]);
}
