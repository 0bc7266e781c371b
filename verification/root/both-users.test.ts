import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { isRunning } from "../../test/support/processes.ts";
import { type Finished, runToEnd } from "../../test/support/run-program.ts";
import { waitFor } from "../../test/support/wait.ts";
import { isLeftOut, NOBODY, NUMBER_ONLY, type SecondUser, secondUser, WHERE } from "./second-user.ts";

const PAIR = ["--tap", "t1", "--target", "g"];

const tokenDirectory = ({ configDir }: SecondUser): string => join(configDir, ".sched/locks/g/t1.lock");

/** Starts a run and waits until its pipeline is running. */
async function startRun(machine: SecondUser, who: "user" | "root", more: Readonly<Record<string, string>> = {}) {
  const words = [...machine.sched, "run", "--config-dir", machine.configDir, ...PAIR];
  const sign = join(machine.signs, randomUUID());
  const env = { ...machine.env(who), PW_SLEEP: "600", PW_SIGN: sign, ...more };
  const [program = "", ...rest] = words;
  const child = who === "user" ? machine.startAsUser(words, env) : spawn(program, rest, { env, stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  const ended = once(child, "exit");
  const pid = await waitFor("a running pipeline", 30_000, () =>
    existsSync(sign) ? Number(readFileSync(sign, "utf8")) || undefined : undefined,
  );
  return { child, ended, pid };
}

/** Each command once, as one of the two. Gives the exit code of each. */
async function everyCommand(machine: SecondUser, who: "user" | "root") {
  const codes: Record<string, number | string> = {};
  const note = (name: string, { code, stdout, stderr }: Finished) => {
    codes[name] = code === 0 ? 0 : `${code}: ${stdout}${stderr}`;
  };
  const call = async (name: string, words: readonly string[]) => note(name, await machine.call(who, words));
  await call("run", ["run", ...PAIR]);
  await machine.call(who, ["install", machine.schedule]);
  await call("uninstall", ["uninstall"]);
  await call("install --compile-only", ["install", "--compile-only", machine.schedule]);
  await call("install", ["install", machine.schedule]);
  await call("diff", ["diff", machine.schedule]);
  await call("run --scheduled", ["run", "--scheduled", ...PAIR]);
  await call("run --file", ["run", "--file", machine.schedule, ...PAIR]);
  await call("run --dry-run", ["run", "--dry-run", ...PAIR]);
  await call("install --dry-run", ["install", "--dry-run", machine.schedule]);
  await call("uninstall --dry-run", ["uninstall", "--dry-run"]);
  await call("status", ["status"]);
  await call("status --json", ["status", "--json"]);
  await call("history", ["history"]);
  await call("stop --all", ["stop", "--all"]);
  await call("pause", ["pause", ...PAIR]);
  await call("resume", ["resume", ...PAIR]);
  const programs = {
    validate: ["validate"],
    preview: ["preview"],
    export: ["export", "--output", join(machine.signs, who)],
  };
  const env = { ...machine.env(who), PIPELINEWISE_CONFIG_DIRECTORY: machine.configDir };
  for (const [name, words] of Object.entries(programs)) {
    const all = [...machine.sched, ...words, machine.schedule];
    note(name, await (who === "user" ? machine.asUser(all, { env }) : runToEnd(all, { env, cwd: machine.place })));
  }
  for (const whose of who === "user" ? (["user"] as const) : (["user", "root"] as const)) {
    const run = await startRun(machine, whose);
    await call(`stop ${whose}'s run`, ["stop", ...PAIR]);
    codes[`the stopped run of ${whose}`] = (await run.ended)[0];
  }
  const lost = await startRun(machine, "user");
  lost.child.kill("SIGKILL");
  await lost.ended;
  await waitFor("the end of what it started", 30_000, async () =>
    (await machine.call("root", ["unlock"])).stdout.includes("ALIVE") ? undefined : true,
  );
  await call("unlock", ["unlock"]);
  return codes;
}

const COMMANDS = [
  ...["run", "install", "install --compile-only", "diff", "run --scheduled", "run --file", "status", "history"],
  ...[
    "unlock",
    "uninstall",
    "run --dry-run",
    "install --dry-run",
    "uninstall --dry-run",
    "status --json",
    "stop --all",
  ],
  ...["validate", "preview", "export", "pause", "resume"],
];
const allWell = (who: "user" | "root") => ({
  ...Object.fromEntries(COMMANDS.map((name) => [name, 0])),
  "stop user's run": 0,
  "the stopped run of user": 143,
  ...(who === "root" ? { "stop root's run": 0, "the stopped run of root": 143 } : {}),
});

describe.skipIf(isLeftOut)(`root and another user in that user's config directory${WHERE}`, () => {
  test.each([
    ["whom the system knows by number", NUMBER_ONLY, ["root", "user", "root"]],
    ["who has a login", NOBODY, ["user", "root", "user"]],
  ] as const)(
    "with a user %s, each can do everything after the other has, and nothing is root's",
    async (_, login, turns) => {
      const machine = await secondUser(login);
      for (const who of turns) {
        expect(await everyCommand(machine, who)).toEqual(allWell(who));
        expect(machine.strange()).toEqual([]);
      }
    },
  );

  test.each([
    ["whom the system knows by number", NUMBER_ONLY, `${NUMBER_ONLY.uid} ${NUMBER_ONLY.gid} ${NUMBER_ONLY.gid} `],
    ["who has a login", NOBODY, `${NOBODY.uid} ${NOBODY.gid} ${NOBODY.gid} /nonexistent`],
  ])("status asks PipelineWise as the user %s, and gives it none of root's variables", async (_, login, asked) => {
    const machine = await secondUser(login);
    const spy = 'env >"$PIPELINEWISE_CONFIG_DIRECTORY/variables"\n';
    const stub = join(machine.place, "bin/pipelinewise");
    writeFileSync(
      stub,
      readFileSync(stub, "utf8").replace("\n", () => `\n${spy}`),
    );
    const { code } = await machine.call("root", ["status"], { env: { SECRET_OF_ROOT: "x" } });
    expect(code).toBe(0);
    expect(readFileSync(join(machine.configDir, "asked-by"), "utf8")).toBe(`${asked}\n`);
    expect(readFileSync(join(machine.configDir, "variables"), "utf8")).not.toContain("SECRET_OF_ROOT");
  });

  test("status gives the user's PipelineWise neither an open file of root's nor root's terminal", async () => {
    const machine = await secondUser(NUMBER_ONLY);
    const spy = `ls -l /proc/$$/fd >"$PIPELINEWISE_CONFIG_DIRECTORY/files"
      [ "$(cut -d" " -f6 /proc/$$/stat)" = $$ ] && touch "$PIPELINEWISE_CONFIG_DIRECTORY/own-session"\n`;
    const stub = join(machine.place, "bin/pipelinewise");
    writeFileSync(
      stub,
      readFileSync(stub, "utf8").replace("\n", () => `\n${spy}`),
    );
    const secret = join(machine.place, "secret");
    writeFileSync(secret, "", { mode: 0o600 });
    const words = [
      "bash",
      "-c",
      'exec 9<"$0" 40<"$0"; exec "$@"',
      secret,
      ...machine.sched,
      "status",
      "--config-dir",
      machine.configDir,
    ];
    expect(await runToEnd(words, { env: machine.env("root"), cwd: machine.place })).toMatchObject({ code: 0 });
    const files = readFileSync(join(machine.configDir, "files"), "utf8");
    expect(files).toContain(" 0 -> /dev/null");
    expect(files).not.toContain(secret);
    expect(existsSync(join(machine.configDir, "own-session"))).toBe(true);
  });

  test("root's run by hand says that PipelineWise runs as root, and root's scheduled run does not", async () => {
    const machine = await secondUser(NUMBER_ONLY);
    const { uid, gid } = NUMBER_ONLY;
    await machine.call("user", ["install", machine.schedule]);
    const warning = expect.stringContaining(
      `belongs to user ${uid}, but PipelineWise runs as root: later runs of user ${uid} fail if they cannot change the files that it writes. Run this as that user: setpriv --reuid=${uid} --regid=${gid} `,
    );
    for (const more of [[], ["--file", machine.schedule]]) {
      expect(await machine.call("root", ["run", ...PAIR, ...more])).toMatchObject({ code: 0, stderr: warning });
      expect(await machine.call("user", ["run", ...PAIR, ...more])).toMatchObject({ code: 0, stderr: "" });
    }
    expect(await machine.call("root", ["run", "--scheduled", ...PAIR])).toMatchObject({ code: 0, stderr: "" });
  });

  test("root does not restore a crontab from a backup that the user could have changed", async () => {
    const machine = await secondUser(NUMBER_ONLY);
    await machine.call("root", ["install", machine.schedule]);
    await machine.call("root", ["uninstall"]);
    await machine.call("root", ["install", machine.schedule]);
    const before = readFileSync(machine.env("root")["FAKE_CRONTAB"] ?? "", "utf8");
    const { code, stderr } = await machine.call("root", ["install", "--restore", "--yes"]);
    expect({ code, stderr }).toEqual({
      code: 74,
      stderr: expect.stringContaining(`belongs to user ${NUMBER_ONLY.uid}, so its commands are not run for you`),
    });
    expect(readFileSync(machine.env("root")["FAKE_CRONTAB"] ?? "", "utf8")).toBe(before);
  });

  test("a pipeline that outlives root's dead run is reported as running, although the owner cannot see it", async () => {
    const machine = await secondUser(NUMBER_ONLY);
    const run = await startRun(machine, "root", { PW_STUBBORN: "yes" });
    onTestFinished(() => {
      if (isRunning(run.pid)) process.kill(run.pid, "SIGKILL");
    });
    run.child.kill("SIGKILL");
    await run.ended;
    for (const who of ["root", "user"] as const) {
      const words = expect.stringContaining("other processes hold its lock");
      expect(await machine.call(who, ["stop", ...PAIR])).toMatchObject({ code: 74, stdout: words });
      expect(await machine.call(who, ["unlock"])).toMatchObject({ code: 75, stdout: words });
      expect(await machine.call(who, ["status"])).toMatchObject({ code: 0 });
    }
    expect(await machine.call("user", ["run", ...PAIR])).toMatchObject({ code: 75 });
    process.kill(run.pid, "SIGKILL");
    await waitFor("its end", 10_000, () => (isRunning(run.pid) ? undefined : true));
    const lost = expect.stringContaining("the run is recorded as lost");
    expect(await machine.call("root", ["stop", ...PAIR])).toMatchObject({ code: 0, stdout: lost });
    expect(await machine.call("user", ["run", ...PAIR])).toMatchObject({ code: 0 });
  });

  test("a program that only root can read does all that root reads and controls", async () => {
    const machine = await secondUser(NUMBER_ONLY);
    const directory = join(machine.place, "roots-program");
    mkdirSync(directory, { mode: 0o700 });
    for (const part of ["bin", "dist"]) cpSync(part, join(directory, part), { recursive: true });
    chmodSync(directory, 0o700);
    const program = join(directory, "bin/pipelinewise-sched.cjs");
    const root = (...words: string[]) =>
      runToEnd([process.execPath, program, ...words, "--config-dir", machine.configDir], { env: machine.env("root") });
    await machine.call("user", ["install", machine.schedule]);
    const run = await startRun(machine, "user");
    const forced = await root(
      "unlock",
      ...PAIR,
      "--token",
      tokenOf(machine).slice(0, 12),
      "--force",
      "--reason",
      "a test",
    );
    expect(forced).toMatchObject({ code: 75, stdout: expect.stringContaining("held by host") });
    expect(await root("stop", ...PAIR)).toMatchObject({ code: 0, stdout: expect.stringContaining("was stopped") });
    await run.ended;
    // A run of another host: nothing proves it dead.
    const token = "00000000.1.1.1.abcdef012345";
    const owner = join(tokenDirectory(machine), `owner.${token}.json`);
    await machine.asUser(["sh", "-ec", 'mkdir -p "$(dirname "$1")"; echo >"$1"', "", owner]);
    expect(await root("unlock", ...PAIR, "--token", token, "--force")).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("removed by force"),
    });
    expect(await root("status")).toMatchObject({ code: 0 });
    const history = await root("history", "--json");
    expect(history).toMatchObject({ code: 0, stdout: expect.stringMatching(/stopped by root on host/) });
    expect(machine.strange()).toEqual([]);
  });
});

function tokenOf(machine: SecondUser): string {
  const [name = ""] = readdirSync(tokenDirectory(machine));
  return name.replace(/^owner\.|\.json$/g, "");
}
