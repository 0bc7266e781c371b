import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { main } from "../../src/cli/main.ts";
import { type FakeCrontab, fakeCrontab } from "./crontab.ts";
import { tempDirectory, testHost } from "./host.ts";

const PIPELINES = `pipelines:
  - {tap: orders, target: redshift, cron: "*/5 * * * *", note: Sync every 5 minutes}
  - {tap: stock, target: redshift, cron: ["0 3 * * 1-5", "0 9 * * 6"]}
`;

/** A machine to install on: a home with PipelineWise in it, a crontab that is a file, a schedule. */
export interface FakeMachine {
  readonly home: string;
  readonly configDir: string;
  /** Its `signals` are those of each command line. */
  readonly crontab: FakeCrontab;
  /** The environment of each command line. A test may change it between two. */
  readonly env: NodeJS.ProcessEnv;
  /** Runs one command line; a new host each time, a second later. */
  run(...argv: string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }>;
  /** The same on a host with another name that has the same files. */
  runOn(
    host: string,
    ...argv: string[]
  ): Promise<{ readonly code: number; readonly out: string; readonly err: string }>;
  /** Lets the clock of the machine run for a while. */
  passMinutes(minutes: number): void;
  /** Writes a file below home. */
  put(path: string, text: string): void;
  /** Text of a file below home; `undefined` when it is not there. */
  text(path: string): string | undefined;
  /** Everything below `.sched`, directories with a slash behind; empty when there is none. */
  stored(): readonly string[];
}

/**
 * @param options.does what the `crontab` program does wrong
 * @param options.env variables to add to the environment
 * @param options.node path of Node; `options.program` is the path of this program
 * @param options.hasPrograms Node and this program are files below home; otherwise their paths are short and do not
 * exist
 */
export function fakeMachine(
  options: {
    crontab?: string | undefined;
    does?: string;
    env?: Record<string, string>;
    host?: string;
    hasPrograms?: boolean;
    node?: string;
    program?: string;
  } = {},
): FakeMachine {
  const home = tempDirectory();
  const configDir = join(home, ".pipelinewise");
  const crontab = fakeCrontab(options.crontab, options.does);
  const put = (path: string, text: string): void => writeFileSync(join(home, path), text);
  mkdirSync(configDir);
  mkdirSync(join(home, "bin"));
  const programs = options.hasPrograms === true ? ["pipelinewise", "node", "pipelinewise-sched"] : ["pipelinewise"];
  for (const program of programs) writeFileSync(join(home, "bin", program), "#!/bin/sh\n", { mode: 0o755 });
  const taps = ["orders", "stock", "third"].map((id) => ({ id, enabled: true }));
  put(".pipelinewise/config.json", JSON.stringify({ targets: [{ id: "redshift", taps }] }));
  put("schedule.yml", PIPELINES);
  const env: NodeJS.ProcessEnv = {
    ...crontab.env,
    HOME: home,
    PATH: `${home}/bin:${crontab.env["PATH"]}`,
    ...options.env,
  };
  let second = 0;
  const runOn: FakeMachine["runOn"] = async (name, ...argv) => {
    const at = new Date(Date.UTC(2026, 10, 23, 12, 0, second++));
    const host = testHost({
      env,
      cwd: home,
      now: () => at,
      node: options.node ?? (options.hasPrograms === true ? `${home}/bin/node` : "/usr/bin/node"),
      program:
        options.program ??
        (options.hasPrograms === true ? `${home}/bin/pipelinewise-sched` : "/usr/local/bin/pipelinewise-sched"),
      name,
      root: home,
      signals: crontab.signals,
    });
    const code = await main(argv, host);
    return { code, out: host.out().replaceAll(home, "~"), err: host.err().replaceAll(home, "~") };
  };
  return {
    home,
    configDir,
    crontab,
    env,
    put,
    text: (path) => (existsSync(join(home, path)) ? readFileSync(join(home, path), "utf8") : undefined),
    run: (...argv) => runOn(options.host ?? "testhost", ...argv),
    runOn,
    passMinutes: (minutes) => {
      second += minutes * 60;
    },
    stored() {
      const root = join(configDir, ".sched");
      if (!existsSync(root)) return [];
      const entries = readdirSync(root, { recursive: true, withFileTypes: true });
      return entries
        .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1) + (entry.isDirectory() ? "/" : ""))
        .sort();
    },
  };
}
