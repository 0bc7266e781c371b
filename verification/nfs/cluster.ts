import { existsSync, mkdirSync, readFileSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { RunRecord } from "../../src/history/record.ts";
import type { LockTiming } from "../../src/lock/timing.ts";
import { SYSTEM_PATH } from "../../test/support/run-program.ts";
import { buildQuickRun } from "../rig/quick-run.ts";
import type { Guest } from "./guest.ts";
import { type Laboratory, SHARE } from "./laboratory.ts";
import { STAND_IN } from "./stand-in.ts";

const PROGRAM = resolve("bin/pipelinewise-sched.cjs");
const FAKE_CRONTAB = resolve("test/support/fake-crontab");

/** A start of the program. */
export interface Start {
  readonly host: Guest;
  /** Its output so far. */
  said(): string;
  /** Its exit code. */
  readonly ended: Promise<number>;
}

/** So long a start may last. */
const START_MS = 600_000;

/** A row of `history --json`. */
type HistoryRow = Pick<RunRecord, "id" | "tap" | "host" | "outcome" | "reason" | "slot" | "detail"> & {
  readonly triggeredBy: string | null;
};

/** One user on both hosts, with the share's directory as their \`~/.pipelinewise\`, and the stand-in on their PATH. */
export interface Cluster {
  /** The stand-in takes so long with a tap from now on. */
  slow(tap: string, seconds: number): void;
  /** Each run of the stand-in with a tap lasts from now on until `end`. */
  hold(tap: string): void;
  /** Undoes `hold` for later runs. */
  unhold(tap: string): void;
  /** Ends the run of a tap that `hold` keeps. */
  end(tap: string): void;
  /** The stand-in reports when more than so many are running on both hosts. */
  allow(pipelines: number): void;
  /** Words that call the program on a host, to stand in a script. */
  readonly program: string;
  /** Runs a script as that user. */
  run(host: Guest, script: string, options?: { readonly withinMs?: number }): Promise<string>;
  /** Starts `run` with these words. */
  start(host: Guest, words: string): Start;
  install(schedule: string, hosts: readonly Guest[]): Promise<void>;
  /** The command that cron executes for a tap on that host. */
  commandOf(host: Guest, tap: string): string;
  /** The notes of the stand-in on all hosts: the tap of each run, and its stop. */
  notes(): readonly string[];
  notesOf(host: Guest): readonly string[];
  /** Words that call `run` with other times of its lock. */
  quickRun(timing: LockTiming): Promise<string>;
  /** Marks the stand-in of a tap as ended. */
  powerWasCut(tap: string): void;
  history(host: Guest): Promise<readonly HistoryRow[]>;
}

/** @param name of a directory on the share that no other test uses */
export async function makeCluster(laboratory: Laboratory, name: string): Promise<Cluster> {
  const directory = join(laboratory.directory, name);
  const home = `/home/${name}`;
  mkdirSync(directory);
  writeFileSync(join(directory, "pipelinewise"), STAND_IN, { mode: 0o755 });
  for (const client of laboratory.clients) {
    const configDir = `${SHARE}/${name}`;
    await client.run(`mkdir -p -m 700 ${configDir} ${home} && ln -sfn ${configDir} ${home}/.pipelinewise`);
  }
  const tabOf = ({ name: host }: Guest): string => join(directory, `crontab-${host}`);
  const run: Cluster["run"] = (host, script, options) => {
    const path = `${FAKE_CRONTAB}:${directory}:${SYSTEM_PATH}`;
    return host.run(`export HOME=${home} PATH=${path} FAKE_CRONTAB=${tabOf(host)}; cd $HOME\n${script}`, options);
  };
  const notesOf = ({ name: host }: Guest): readonly string[] => {
    const file = join(directory, `notes-${host}`);
    return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
  };
  const program = `${process.execPath} ${PROGRAM}`;
  let starts = 0;
  return {
    program,
    run,
    start(host, words) {
      const output = join(directory, `said-${++starts}`);
      const script = `code=0; ${program} run ${words} >${output} 2>&1 || code=$?; echo $code`;
      const ended = run(host, script, { withinMs: START_MS }).then(Number);
      // A test that fails earlier awaits it no more.
      ended.catch(() => {});
      return { host, said: () => (existsSync(output) ? readFileSync(output, "utf8") : ""), ended };
    },
    hold: (tap) => writeFileSync(join(directory, `hold-${tap}`), ""),
    unhold: (tap) => rmSync(join(directory, `hold-${tap}`)),
    end: (tap) => writeFileSync(join(directory, `inside-${tap}`, "end"), ""),
    allow: (pipelines) => writeFileSync(join(directory, "limit"), String(pipelines)),
    slow: (tap, seconds) => writeFileSync(join(directory, `seconds-${tap}`), String(seconds)),
    async install(schedule, hosts) {
      writeFileSync(join(directory, "schedule.yml"), schedule);
      // One after the other, as people do.
      for (const host of hosts) await run(host, `${program} install ${directory}/schedule.yml`);
    },
    commandOf(host, tap) {
      const lines = readFileSync(tabOf(host), "utf8").split("\n");
      const line = lines.find((text) => !text.startsWith("#") && text.includes(`--tap ${tap} `));
      if (line === undefined) throw new Error(`no line for ${tap} in the crontab of ${host.name}`);
      return line.split(" ").slice(5).join(" ");
    },
    notes: () => laboratory.clients.flatMap(notesOf),
    notesOf,
    async quickRun(timing) {
      const [node, door, times] = await buildQuickRun(join(directory, "quick"), timing);
      return `${node} ${door} '${times}'`;
    },
    powerWasCut: (tap) => rmdirSync(join(directory, `inside-${tap}`)),
    async history(host) {
      return JSON.parse(await run(host, `${program} history --json --limit 1000`)).runs;
    },
  };
}
