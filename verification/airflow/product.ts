import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Finished, runToEnd } from "../../test/support/run-program.ts";
import { waitFor } from "../../test/support/wait.ts";
import type { TaskInstance } from "./api.ts";
import type { AirflowServer } from "./server.ts";

const PROGRAM = resolve("bin/pipelinewise-sched.cjs");

/** A line of `history --json`. */
interface HistoryRow {
  readonly id: string;
  readonly tap: string;
  readonly outcome: string;
  readonly reason: string | null;
  readonly detail: string | null;
  readonly slot: string | null;
  readonly triggeredBy: string | null;
  readonly exitCode: number;
}

/** Our built program with a stand-in for PipelineWise, in a private Airflow. The schedule is `shop`, the target `dwh`. */
export interface AirflowProduct {
  /** The schedule file. */
  readonly file: string;
  readonly configDir: string;
  /** The metrics file, which `tend` writes. */
  readonly metrics: string;
  /** Runs our program with the Airflow's environment. */
  readonly sched: (...words: readonly string[]) => Promise<Finished>;
  /** Installs the schedule. This program is not on the PATH of the workers. */
  readonly install: () => Promise<Finished>;
  /** Newest first. */
  readonly history: (tap: string) => Promise<readonly HistoryRow[]>;
  /** Those of a tap's tasks that are so, once there is one: oldest first. */
  readonly tasksOf: (
    tap: string,
    what: string,
    isSo: (task: TaskInstance) => boolean,
  ) => Promise<readonly [TaskInstance, ...TaskInstance[]]>;
  /** Pids that the hanging tap has written down, those of its own and of its child. */
  readonly hanging: () => readonly number[];
  /** From now on the hanging tap ends at once. */
  readonly hangNoMore: () => void;
}

/** `bad` fails, `slow` hangs with a child and both are deaf to SIGTERM, all others do well. */
const STAND_IN = (directory: string): string => `#!/bin/sh
echo "$* has $(pwd) and $GREETING"
case "$3" in
  bad) echo 'no route to the tap' >&2; exit 3;;
  slow)
    [ -e ${directory}/hang ] || exit 0
    trap '' TERM
    echo $$ >>${directory}/pids
    sh -c 'echo $$ >>${directory}/pids; while :; do sleep 0.2; done' &
    while :; do sleep 0.2; done;;
esac
`;

/** @param directory for everything of the test's own */
export function airflowProduct(
  machine: AirflowServer,
  directory: string,
  pipelines: readonly string[],
): AirflowProduct {
  const configDir = join(directory, "config");
  const file = join(directory, "schedule.yml");
  const metrics = join(directory, "pipelines.prom");
  const program = join(directory, "pipelinewise");
  mkdirSync(configDir);
  writeFileSync(program, STAND_IN(directory), { mode: 0o755 });
  writeFileSync(join(directory, "hang"), "");
  writeFileSync(
    file,
    `name: shop\npipelinewise: {command: ${program}, config_dir: ${configDir}}\nmetrics: {file: ${metrics}}\npipelines:\n${pipelines.map((one) => `  - ${one}\n`).join("")}`,
  );
  const sched = (...words: readonly string[]) =>
    runToEnd([process.execPath, PROGRAM, ...words], { env: machine.env, cwd: directory });
  return {
    file,
    configDir,
    metrics,
    sched,
    install: () => sched("install", "--on", "airflow", "--node", process.execPath, "--program", PROGRAM, file),
    async history(tap) {
      const { code, stdout, stderr } = await sched("history", "--json", "--tap", tap, "--config-dir", configDir);
      if (code !== 0) throw new Error(`history ended with ${code}: ${stderr}`);
      return (JSON.parse(stdout) as { readonly runs: readonly HistoryRow[] }).runs;
    },
    tasksOf: (tap, what, isSo) =>
      waitFor(`${tap}: ${what}`, 180_000, async () => {
        const [first, ...more] = (await machine.tasks()).filter((one) => one.dag_id === `shop.dwh.${tap}` && isSo(one));
        return first === undefined ? undefined : [first, ...more];
      }),
    hanging: () => readFileSync(join(directory, "pids"), "utf8").trim().split("\n").map(Number),
    hangNoMore: () => rmSync(join(directory, "hang")),
  };
}
