import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import type { RunRecord } from "../../src/history/record.ts";
import type { LockTiming } from "../../src/lock/timing.ts";
import { SYSTEM_PATH } from "../rig/child.ts";
import { buildQuickRun } from "../rig/quick-run.ts";
import type { Guest } from "./guest.ts";
import { type Laboratory, SHARE } from "./laboratory.ts";

const PROGRAM = resolve("bin/pipelinewise-sched.cjs");
const FAKE_CRONTAB = resolve("test/support/fake-crontab");

/**
 * Stands for PipelineWise: it says when two are at work for one tap, takes as long as the file `seconds-TAP` says, and
 * notes its runs and their ends. All that is beside the share, which may be out of reach.
 */
const PIPELINE = `#!/bin/sh
# A stand-in for PipelineWise: run_tap --tap ID --target ID
tap=$3
cd "$(dirname "$0")"
notes=notes-$(hostname)
mkdir "inside-$tap" || echo "two at once: $tap" >>"$notes"
trap 'kill $sleeper; echo "stopped: $tap" >>"$notes"; rmdir "inside-$tap"; exit 143' TERM
sleep "$(cat "seconds-$tap" 2>&- || echo 0)" &
sleeper=$!
echo "$tap" >>"$notes"
wait $sleeper
rmdir "inside-$tap"
`;

/** One user on both hosts, with the share's folder as their \`~/.pipelinewise\`, and the stand-in on their PATH. */
export interface Cluster {
  /** The stand-in takes so long with a tap from now on. */
  slow(tap: string, seconds: number): void;
  /** Words that call the program on a host, to stand in a script. */
  readonly program: string;
  /** Runs a script as that user. */
  run(host: Guest, script: string): Promise<string>;
  install(schedule: string, hosts: readonly Guest[]): Promise<void>;
  /** What cron executes for a tap on that host. */
  commandOf(host: Guest, tap: string): string;
  /** What the stand-in noted on all hosts: the tap of each run, and its stop. */
  notes(): readonly string[];
  notesOf(host: Guest): readonly string[];
  /** Words that call `run` with other times of its lock. */
  quickRun(timing: LockTiming): Promise<string>;
  /** The stand-in that was at work for a tap is none any more. */
  powerWasCut(tap: string): void;
  history(host: Guest): Promise<readonly Pick<RunRecord, "tap" | "host" | "outcome" | "reason" | "slot" | "detail">[]>;
}

/** @param name of a folder on the share that no other test uses */
export async function makeCluster(laboratory: Laboratory, name: string): Promise<Cluster> {
  const folder = join(laboratory.folder, name);
  const home = `/home/${name}`;
  mkdirSync(folder);
  writeFileSync(join(folder, "pipelinewise"), PIPELINE, { mode: 0o755 });
  for (const client of laboratory.clients) {
    const configDir = `${SHARE}/${name}`;
    await client.run(`mkdir -p -m 700 ${configDir} ${home} && ln -sfn ${configDir} ${home}/.pipelinewise`);
  }
  const tabOf = ({ name: host }: Guest): string => join(folder, `crontab-${host}`);
  const run = (host: Guest, script: string): Promise<string> => {
    const path = `${FAKE_CRONTAB}:${folder}:${SYSTEM_PATH}`;
    return host.run(`export HOME=${home} PATH=${path} FAKE_CRONTAB=${tabOf(host)}; cd $HOME\n${script}`);
  };
  const notesOf = ({ name: host }: Guest): readonly string[] => {
    const file = join(folder, `notes-${host}`);
    return existsSync(file) ? readFileSync(file, "utf8").split("\n").slice(0, -1) : [];
  };
  const program = `${process.execPath} ${PROGRAM}`;
  return {
    program,
    run,
    slow: (tap, seconds) => writeFileSync(join(folder, `seconds-${tap}`), String(seconds)),
    async install(schedule, hosts) {
      writeFileSync(join(folder, "schedule.yml"), schedule);
      // One after the other, as people do.
      for (const host of hosts) await run(host, `${program} install ${folder}/schedule.yml`);
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
      const [node, door, times] = await buildQuickRun(join(folder, "quick"), timing);
      return `${node} ${door} '${times}'`;
    },
    powerWasCut: (tap) => rmdirSync(join(folder, `inside-${tap}`)),
    async history(host) {
      return JSON.parse(await run(host, `${program} history --json --limit 1000`)).runs;
    },
  };
}
