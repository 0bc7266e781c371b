import { spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { chmodSync, cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { works } from "../../test/run/sandbox.ts";
import { type Finished, runToEnd } from "../rig/child.ts";
import { waitFor } from "../rig/wait.ts";
import { isLeftOut, NOBODY, NUMBER_ONLY, type SecondUser, secondUser, WHERE } from "./second-user.ts";

const PAIR = ["--tap", "t1", "--target", "g"];

const tokenFolder = ({ configDir }: SecondUser): string => join(configDir, ".sched/locks/g/t1.lock");

/** Starts a run and waits until its pipeline is running. */
async function startRun(world: SecondUser, who: "user" | "root", more: Readonly<Record<string, string>> = {}) {
  const words = [...world.sched, "run", "--config-dir", world.configDir, ...PAIR];
  const sign = join(world.signs, randomUUID());
  const env = { ...world.env(who), PW_SLEEP: "600", PW_SIGN: sign, ...more };
  const [program = "", ...rest] = words;
  const child = who === "user" ? world.startAsUser(words, env) : spawn(program, rest, { env, stdio: "ignore" });
  onTestFinished(() => void child.kill("SIGKILL"));
  const ended = once(child, "exit");
  const pid = await waitFor("a running pipeline", 30_000, () =>
    existsSync(sign) ? Number(readFileSync(sign, "utf8")) || undefined : undefined,
  );
  return { child, ended, pid };
}

/** Each command once, as one of the two. Gives the exit code of each. */
async function everyCommand(world: SecondUser, who: "user" | "root") {
  const codes: Record<string, number | string> = {};
  const note = (name: string, { code, stdout, stderr }: Finished) => {
    codes[name] = code === 0 ? 0 : `${code}: ${stdout}${stderr}`;
  };
  const call = async (name: string, words: readonly string[]) => note(name, await world.call(who, words));
  await call("run", ["run", ...PAIR]);
  await world.call(who, ["install", world.schedule]);
  await call("uninstall", ["uninstall"]);
  await call("install --compile-only", ["install", "--compile-only", world.schedule]);
  await call("install", ["install", world.schedule]);
  await call("diff", ["diff", world.schedule]);
  await call("run --scheduled", ["run", "--scheduled", ...PAIR]);
  await call("run --file", ["run", "--file", world.schedule, ...PAIR]);
  await call("status", ["status"]);
  await call("history", ["history"]);
  for (const whose of who === "user" ? (["user"] as const) : (["user", "root"] as const)) {
    const run = await startRun(world, whose);
    await call(`stop ${whose}'s run`, ["stop", ...PAIR]);
    codes[`the stopped run of ${whose}`] = (await run.ended)[0];
  }
  const lost = await startRun(world, "user");
  lost.child.kill("SIGKILL");
  await lost.ended;
  await waitFor("the end of what it started", 30_000, async () =>
    (await world.call("root", ["unlock"])).stdout.includes("ALIVE") ? undefined : true,
  );
  await call("unlock", ["unlock"]);
  return codes;
}

const COMMANDS = [
  ...["run", "install", "install --compile-only", "diff", "run --scheduled", "run --file", "status", "history"],
  ...["unlock", "uninstall"],
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
      const world = await secondUser(login);
      for (const who of turns) {
        expect(await everyCommand(world, who)).toEqual(allWell(who));
        expect(world.strange()).toEqual([]);
      }
    },
  );

  test.each([
    ["whom the system knows by number", NUMBER_ONLY, `${NUMBER_ONLY.uid} ${NUMBER_ONLY.gid} ${NUMBER_ONLY.gid} `],
    ["who has a login", NOBODY, `${NOBODY.uid} ${NOBODY.gid} ${NOBODY.gid} /nonexistent`],
  ])("status asks PipelineWise as the user %s, and gives it none of root's variables", async (_, login, asked) => {
    const world = await secondUser(login);
    const spy = 'env >"$PIPELINEWISE_CONFIG_DIRECTORY/variables"\n';
    const stub = join(world.place, "bin/pipelinewise");
    writeFileSync(
      stub,
      readFileSync(stub, "utf8").replace("\n", () => `\n${spy}`),
    );
    const { code } = await world.call("root", ["status"], { env: { SECRET_OF_ROOT: "x" } });
    expect(code).toBe(0);
    expect(readFileSync(join(world.configDir, "asked-by"), "utf8")).toBe(`${asked}\n`);
    expect(readFileSync(join(world.configDir, "variables"), "utf8")).not.toContain("SECRET_OF_ROOT");
  });

  test("status gives the user's PipelineWise neither an open file of root's nor root's terminal", async () => {
    const world = await secondUser(NUMBER_ONLY);
    const spy = `ls -l /proc/$$/fd >"$PIPELINEWISE_CONFIG_DIRECTORY/files"
      [ "$(cut -d" " -f6 /proc/$$/stat)" = $$ ] && touch "$PIPELINEWISE_CONFIG_DIRECTORY/own-session"\n`;
    const stub = join(world.place, "bin/pipelinewise");
    writeFileSync(
      stub,
      readFileSync(stub, "utf8").replace("\n", () => `\n${spy}`),
    );
    const secret = join(world.place, "secret");
    writeFileSync(secret, "", { mode: 0o600 });
    const words = [
      "bash",
      "-c",
      'exec 9<"$0" 40<"$0"; exec "$@"',
      secret,
      ...world.sched,
      "status",
      "--config-dir",
      world.configDir,
    ];
    expect(await runToEnd(words, { env: world.env("root"), cwd: world.place })).toMatchObject({ code: 0 });
    const files = readFileSync(join(world.configDir, "files"), "utf8");
    expect(files).toContain(" 0 -> /dev/null");
    expect(files).not.toContain(secret);
    expect(existsSync(join(world.configDir, "own-session"))).toBe(true);
  });

  test("root does not restore a crontab from a backup that the user could have changed", async () => {
    const world = await secondUser(NUMBER_ONLY);
    await world.call("root", ["install", world.schedule]);
    await world.call("root", ["uninstall"]);
    await world.call("root", ["install", world.schedule]);
    const before = readFileSync(world.env("root")["FAKE_CRONTAB"] ?? "", "utf8");
    const { code, stderr } = await world.call("root", ["install", "--restore", "--yes"]);
    expect({ code, stderr }).toEqual({
      code: 74,
      stderr: expect.stringContaining(`belongs to user ${NUMBER_ONLY.uid}, so its commands are not run for you`),
    });
    expect(readFileSync(world.env("root")["FAKE_CRONTAB"] ?? "", "utf8")).toBe(before);
  });

  test("a pipeline that outlives root's dead run is reported as running, although the owner cannot see it", async () => {
    const world = await secondUser(NUMBER_ONLY);
    const run = await startRun(world, "root", { PW_STUBBORN: "yes" });
    onTestFinished(() => {
      if (works(run.pid)) process.kill(run.pid, "SIGKILL");
    });
    run.child.kill("SIGKILL");
    await run.ended;
    for (const who of ["root", "user"] as const) {
      const words = expect.stringContaining("processes of another user hold its lock");
      expect(await world.call(who, ["stop", ...PAIR])).toMatchObject({ code: 74, stdout: words });
      expect(await world.call(who, ["unlock"])).toMatchObject({ code: 75, stdout: words });
      expect(await world.call(who, ["status"])).toMatchObject({ code: 0 });
    }
    expect(await world.call("user", ["run", ...PAIR])).toMatchObject({ code: 75 });
    process.kill(run.pid, "SIGKILL");
    await waitFor("its end", 10_000, () => (works(run.pid) ? undefined : true));
    const lost = expect.stringContaining("the run is recorded as lost");
    expect(await world.call("root", ["stop", ...PAIR])).toMatchObject({ code: 0, stdout: lost });
    expect(await world.call("user", ["run", ...PAIR])).toMatchObject({ code: 0 });
  });

  test("a program that only root can read does all that root reads and controls", async () => {
    const world = await secondUser(NUMBER_ONLY);
    const folder = join(world.place, "roots-program");
    mkdirSync(folder, { mode: 0o700 });
    for (const part of ["bin", "dist"]) cpSync(part, join(folder, part), { recursive: true });
    chmodSync(folder, 0o700);
    const program = join(folder, "bin/pipelinewise-sched.cjs");
    const root = (...words: string[]) =>
      runToEnd([process.execPath, program, ...words, "--config-dir", world.configDir], { env: world.env("root") });
    await world.call("user", ["install", world.schedule]);
    const run = await startRun(world, "user");
    const forced = await root("unlock", ...PAIR, "--token", tokenOf(world).slice(0, 12), "--force", "--why", "a test");
    expect(forced).toMatchObject({ code: 75, stdout: expect.stringContaining("held by host") });
    expect(await root("stop", ...PAIR)).toMatchObject({ code: 0, stdout: expect.stringContaining("was stopped") });
    await run.ended;
    // A run of another host: nothing proves it dead.
    const token = "00000000.1.1.1.abcdef012345";
    const owner = join(tokenFolder(world), `owner.${token}.json`);
    await world.asUser(["sh", "-ec", 'mkdir -p "$(dirname "$1")"; echo >"$1"', "", owner]);
    expect(await root("unlock", ...PAIR, "--token", token, "--force")).toMatchObject({
      code: 0,
      stdout: expect.stringContaining("removed by force"),
    });
    expect(await root("status")).toMatchObject({ code: 0 });
    const history = await root("history", "--json");
    expect(history).toMatchObject({ code: 0, stdout: expect.stringMatching(/stopped by root on host/) });
    expect(world.strange()).toEqual([]);
  });
});

function tokenOf(world: SecondUser): string {
  const [name = ""] = readdirSync(tokenFolder(world));
  return name.replace(/^owner\.|\.json$/g, "");
}
