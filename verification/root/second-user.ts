import { type ChildProcess, spawn } from "node:child_process";
import { chmodSync, cpSync, lstatSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { onTestFinished } from "vitest";
import { tempDirectory } from "../../test/support/host.ts";
import { type Finished, runToEnd, runWell, SYSTEM_PATH } from "../../test/support/run-program.ts";
import { hasProgram, inCi } from "../rig/needs.ts";

/** A user that the system knows by its number alone. */
export const NUMBER_ONLY = { uid: 61_234, gid: 61_235 };
/** A user that every system knows. */
export const NOBODY = { uid: 65_534, gid: 65_534 };

const LACKING = [
  ...(process.getuid?.() === 0 ? [] : ["root"]),
  ...["setpriv", "cc"].filter((program) => !hasProgram(program)),
];

/** Whether these tests are left out here. With CI=true root without the programs that they need is a failure. */
export const isLeftOut = LACKING.length > 0 && !(inCi && process.getuid?.() === 0);
export const WHERE = isLeftOut ? ` (left out: needs ${LACKING.join(" and ")})` : "";

const SCHEDULE = `pipelines:
  - {tap: t1, target: g, cron: "* * * * *"}
  - {tap: t2, target: g, cron: "*/5 * * * *"}
`;

/** Stands for PipelineWise: says as whom its status was asked; a run writes its pid into PW_SIGN and goes on for PW_SLEEP seconds. */
const PIPELINEWISE = `#!/bin/sh
if [ "$1" = status ]; then
  echo "$(id -u) $(id -g) $(id -G) $HOME" >"$PIPELINEWISE_CONFIG_DIRECTORY/asked-by"
  exit 1
fi
[ -z "$PW_STUBBORN" ] || trap '' TERM
[ -z "$PW_SIGN" ] || echo $$ >"$PW_SIGN"
exec sleep "\${PW_SLEEP:-0}"
`;

interface CallOptions {
  readonly env?: Readonly<Record<string, string>>;
  readonly timeoutMs?: number;
}

/** A user's home with a config directory, and root, who works in it too. */
export interface SecondUser {
  /** A directory of root's, which the user can enter but not change. */
  readonly place: string;
  readonly home: string;
  readonly configDir: string;
  readonly schedule: string;
  readonly hostName: string;
  /** A directory where all may write. */
  readonly signs: string;
  /** Runs any program as the user. */
  readonly asUser: (words: readonly string[], options?: CallOptions) => Promise<Finished>;
  /** Starts one as the user; it is killed when the test ends. */
  readonly startAsUser: (words: readonly string[], env?: Readonly<Record<string, string>>) => ChildProcess;
  /** Words and environment of our own program, as the user and as root calls it. */
  readonly sched: readonly string[];
  readonly env: (who: "user" | "root") => Readonly<Record<string, string>>;
  /** Runs our own program in the user's config directory. */
  readonly call: (who: "user" | "root", words: readonly string[], options?: CallOptions) => Promise<Finished>;
  /** The entries below `.sched` that do not belong to the user. */
  readonly strange: () => readonly string[];
}

export async function secondUser({ uid, gid }: { readonly uid: number; readonly gid: number }): Promise<SecondUser> {
  const place = tempDirectory();
  const [home, bin, program] = [join(place, "home"), join(place, "bin"), join(place, "program")];
  const signs = join(place, "signs");
  const configDir = join(home, ".pipelinewise");
  const [state, schedule] = [join(configDir, ".sched"), join(home, "schedule.yml")];
  chmodSync(place, 0o711);
  for (const directory of [home, bin, configDir, signs]) mkdirSync(directory);
  chmodSync(signs, 0o1777);
  // A copy, as the checkout may lie where only root may look.
  for (const part of ["bin", "dist"]) cpSync(part, join(program, part), { recursive: true });
  await runWell(["chmod", "-R", "go+rX", program]);
  writeFileSync(join(bin, "pipelinewise"), PIPELINEWISE, { mode: 0o755 });
  cpSync(resolve("test/support/fake-crontab/crontab"), join(bin, "crontab"));
  writeFileSync(schedule, SCHEDULE);
  const taps = ["t1", "t2"].map((id) => ({ id, enabled: true }));
  writeFileSync(join(configDir, "config.json"), JSON.stringify({ targets: [{ id: "g", taps }] }));
  await runWell(["chown", "-R", `${uid}:${gid}`, home]);
  const env = (who: "user" | "root") => ({
    HOME: who === "user" ? home : join(place, "root-home"),
    PATH: `${bin}:${SYSTEM_PATH}`,
    FAKE_CRONTAB: join(who === "user" ? home : place, "tab"),
    PIPELINEWISE_SCHED_CODE_CACHE: who === "user" ? "" : join(place, "code"),
  });
  const sched = [process.execPath, join(program, "bin", "pipelinewise-sched.cjs")];
  const user = ["setpriv", `--reuid=${uid}`, `--regid=${gid}`, "--clear-groups", "--"];
  const asUser = (words: readonly string[], options: CallOptions = {}) =>
    runToEnd([...user, ...words], { ...options, env: { ...env("user"), ...options.env }, cwd: home });
  return {
    place,
    home,
    configDir,
    schedule,
    hostName: hostname(),
    signs,
    asUser,
    startAsUser(words, more = {}) {
      const [first = "", ...rest] = [...user, ...words];
      const child = spawn(first, rest, {
        env: { ...env("user"), ...more },
        cwd: home,
        stdio: ["ignore", "pipe", "ignore"],
      });
      onTestFinished(() => void child.kill("SIGKILL"));
      return child;
    },
    sched,
    env,
    call: (who, words, options = {}) => {
      const [command = "", ...rest] = words;
      const all = [...sched, command, "--config-dir", configDir, ...rest];
      if (who === "user") return asUser(all, options);
      return runToEnd(all, { ...options, env: { ...env("root"), ...options.env }, cwd: place });
    },
    strange: () =>
      readdirSync(state, { recursive: true, encoding: "utf8" }).filter(
        (name) => lstatSync(join(state, name)).uid !== uid,
      ),
  };
}
