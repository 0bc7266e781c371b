import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { endProcesses, namespaceProcesses, type Process } from "../../test/support/processes.ts";
import {
  ended,
  type Finished,
  type RunOptions,
  runToEnd,
  runWell,
  SYSTEM_PATH,
} from "../../test/support/run-program.ts";
import { waitFor } from "../../test/support/wait.ts";
import { type CronLogLine, parseCronLog, parseTracedLog } from "./cron-log.ts";
import { OWN_CRON, type SteppedDaemon } from "./daemons.ts";

const here = import.meta.dirname;
const SPOOL = "/var/spool/cron/crontabs";

/** A cron machine of its own: spool, machine zone, root's home, mail. The machine's crontabs are out of its reach. */
export interface PrivateCron {
  /** For the test's own files; goes with the machine. */
  readonly directory: string;
  /** Root's home in this machine: what cron hands to its jobs as HOME. */
  readonly home: string;
  /** Runs a program inside, as root, with HOME and PATH as a login shell has them. */
  readonly run: (words: readonly string[], options?: RunOptions) => Promise<Finished>;
  /** The crontab file of root as it lies in the spool, header lines of `crontab` included; `undefined`: there is none. */
  readonly spooled: () => string | undefined;
  /** Writes root's crontab with the system's own `crontab`. */
  readonly setCrontab: (text: string) => Promise<void>;
  /** Writes root's crontab as a file of the spool, for a daemon whose `crontab` is not installed here. */
  readonly spool: (text: string) => Promise<void>;
  /** Lays another program over this one, inside only. @returns what takes it off again */
  readonly replace: (program: string, by: string) => Promise<() => Promise<void>>;
  /** Starts the daemon on the machine's clock. It ends with the machine. */
  readonly startDaemon: () => Promise<void>;
  /**
   * Runs a daemon from one instant to another on the stepped clock; starts at `from` count, those at `to` do not.
   *
   * @param asleep a time in which the host is suspended; not on a traced clock
   */
  readonly step: (from: Date, to: Date, daemon?: SteppedDaemon, asleep?: Span) => Promise<readonly CronLogLine[]>;
  /** The daemon's log on the machine's clock so far. */
  readonly log: () => readonly CronLogLine[];
  /** The mails so far, each whole with its headers. */
  readonly mails: () => readonly string[];
  /** Processes inside, except the machine's own holder and daemon. */
  readonly processes: () => readonly Process[];
  /** Ends everything inside, by pid. */
  readonly stop: () => Promise<void>;
}

interface Span {
  readonly from: Date;
  readonly to: Date;
}

const seconds = (at: Date): number => at.getTime() / 1000;

/** Opens a machine. Needs root and what `needs.ts` lists. @param zone the machine zone inside, an IANA name */
export async function startPrivateCron(zone = "Etc/UTC"): Promise<PrivateCron> {
  const directory = realpathSync(mkdtempSync(join(tmpdir(), "pws-cron-")));
  const home = join(directory, "home");
  mkdirSync(home);
  const library = join(directory, "stepped-clock.so");
  await runWell(["cc", "-shared", "-fPIC", "-O2", "-o", library, join(here, "stepped-clock.c")]);

  const holder = spawn(
    "unshare",
    ["--mount", "--propagation", "private", join(here, "private-cron.sh"), directory, zone, home, process.execPath],
    { env: { PATH: SYSTEM_PATH }, stdio: ["pipe", "pipe", "pipe"] },
  );
  await saysReady(holder).catch((error: unknown) => {
    rmSync(directory, { recursive: true, force: true });
    throw error;
  });
  const holderPid = holder.pid ?? 0;
  // The signal of the parent's death: a test runner that is killed leaves no daemon behind.
  const inside = ["nsenter", `--target=${holderPid}`, "--mount", "--", "setpriv", "--pdeathsig", "KILL", "--"];
  const run: PrivateCron["run"] = (words, options = {}) =>
    runToEnd([...inside, ...words], { ...options, env: { HOME: home, ...options.env } });
  const must = async (words: readonly string[], options?: RunOptions) => {
    const { code, stdout, stderr } = await run(words, options);
    if (code !== 0)
      throw new Error(`inside the cron machine, ${words.join(" ")} ended with ${code}:\n${stdout}${stderr}`);
  };
  const logFile = join(directory, "cron.log");
  let steps = 0;
  let daemon: ChildProcess | undefined;

  return {
    directory,
    home,
    run,
    spooled() {
      const file = `/proc/${holderPid}/root${SPOOL}/root`;
      return existsSync(file) ? readFileSync(file, "utf8") : undefined;
    },
    setCrontab: (text) => must(["sh", "-c", 'printf %s "$1" | crontab -', "sh", text]),
    spool: (text) => must(["sh", "-c", `umask 077 && printf %s "$1" >${SPOOL}/root`, "sh", text]),
    async replace(program, by) {
      await must(["mount", "--bind", by, program]);
      return () => must(["umount", program]);
    },
    async startDaemon() {
      const preload = ["env", `LD_PRELOAD=${library}`, `STEP_LOG=${logFile}`];
      const [program = "", ...args] = [...inside, ...preload, ...OWN_CRON.start(logFile)];
      daemon = spawn(program, args, { env: { PATH: SYSTEM_PATH, HOME: "/root" }, stdio: "ignore" });
      await waitFor("the daemon's first word", 20_000, () => (existsSync(logFile) ? true : undefined));
      // It knows a changed spool by the directory's time in whole seconds: what is written in its first second it never sees.
      const readAt = Math.floor(Date.now() / 1000);
      await waitFor("the daemon's next second", 20_000, () => (Date.now() / 1000 >= readAt + 1 ? true : undefined));
    },
    async step(from, to, stepped = OWN_CRON, asleep) {
      const file = join(directory, `steps-${++steps}.log`);
      // A daemon does not run the minute in which it starts.
      const clock = [
        `STEP_FROM=${seconds(from) - 60}`,
        `STEP_TO=${seconds(to)}`,
        `STEP_LOG=${file}`,
        ...(asleep === undefined ? [] : [`STEP_ASLEEP=${seconds(asleep.from)}`, `STEP_AWAKE=${seconds(asleep.to)}`]),
      ];
      const isTraced = stepped.clock === "traced";
      const preload = isTraced ? [] : [`LD_PRELOAD=${library}`];
      const tracer = isTraced ? [await compileTracer(directory)] : [];
      await must(["env", ...preload, ...clock, ...tracer, ...stepped.start(file)], { timeoutMs: 300_000 });
      return (isTraced ? parseTracedLog : parseCronLog)(readFileSync(file, "utf8"));
    },
    log: () => (existsSync(logFile) ? parseCronLog(readFileSync(logFile, "utf8")) : []),
    mails: () =>
      readdirSync(join(directory, "mail"))
        .filter((name) => !name.startsWith("."))
        .map((name) => readFileSync(join(directory, "mail", name), "utf8")),
    processes: () => namespaceProcesses(holderPid).filter(({ pid }) => pid !== holderPid && pid !== daemon?.pid),
    async stop() {
      // The daemon first, so that nothing new starts.
      if (daemon?.exitCode === null) {
        const end = ended(daemon);
        daemon.kill("SIGTERM");
        await end;
      }
      await endProcesses(() => namespaceProcesses(holderPid).filter(({ pid }) => pid !== holderPid));
      const end = ended(holder);
      holder.stdin.end();
      await end;
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

async function compileTracer(directory: string): Promise<string> {
  const program = join(directory, "traced-clock");
  if (!existsSync(program)) await runWell(["cc", "-O2", "-o", program, join(here, "traced-clock.c")]);
  return program;
}

/** Resolves when the machine is ready; rejects with its script's message if it could not be created. */
function saysReady(holder: ReturnType<typeof spawn>): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = "";
    holder.stderr?.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    holder.stdout?.once("data", () => resolve());
    holder.once("error", reject);
    holder.once("close", (code) => reject(new Error(`no private cron machine, code ${code}: ${said}`)));
  });
}
