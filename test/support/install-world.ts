import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { main } from "../../src/cli/main.ts";
import { type FakeCrontab, fakeCrontab } from "./crontab.ts";
import { tempFolder, testHost } from "./host.ts";

const PIPELINES = `pipelines:
  - {tap: orders, target: redshift, cron: "*/5 * * * *", note: Sync every 5 minutes}
  - {tap: stock, target: redshift, cron: ["0 3 * * 1-5", "0 9 * * 6"]}
`;

/** A machine to install on: a home with PipelineWise in it, a crontab that is a file, a schedule. */
export interface InstallWorld {
  readonly home: string;
  readonly configDir: string;
  readonly crontab: FakeCrontab;
  /** Runs one command line; a new host each time, a second later. */
  run(...argv: string[]): Promise<{ readonly code: number; readonly out: string; readonly err: string }>;
  /** Writes a file below home. */
  put(path: string, text: string): void;
  /** Text of a file below home; `undefined` when it is not there. */
  text(path: string): string | undefined;
  /** Everything below `.sched`, folders with a slash behind; empty when there is none. */
  stored(): readonly string[];
}

/** @param options.does what the `crontab` program does wrong; @param options.env what the environment has besides */
export function installWorld(
  options: { crontab?: string | undefined; does?: string; env?: Record<string, string>; host?: string } = {},
): InstallWorld {
  const home = tempFolder();
  const configDir = join(home, ".pipelinewise");
  const crontab = fakeCrontab(options.crontab, options.does);
  const put = (path: string, text: string): void => writeFileSync(join(home, path), text);
  mkdirSync(configDir);
  mkdirSync(join(home, "bin"));
  writeFileSync(join(home, "bin", "pipelinewise"), "#!/bin/sh\n", { mode: 0o755 });
  const taps = ["orders", "stock"].map((id) => ({ id, enabled: true }));
  put(".pipelinewise/config.json", JSON.stringify({ targets: [{ id: "redshift", taps }] }));
  put("schedule.yml", PIPELINES);
  const env = { ...crontab.env, HOME: home, PATH: `${home}/bin:${crontab.env["PATH"]}`, ...options.env };
  let second = 0;
  return {
    home,
    configDir,
    crontab,
    put,
    text: (path) => (existsSync(join(home, path)) ? readFileSync(join(home, path), "utf8") : undefined),
    async run(...argv) {
      const at = new Date(Date.UTC(2026, 10, 23, 12, 0, second++));
      const host = testHost({
        env,
        cwd: home,
        now: () => at,
        node: "/usr/bin/node",
        program: "/usr/local/bin/pipelinewise-sched",
        name: options.host ?? "testhost",
        root: home,
      });
      const code = await main(argv, host);
      return { code, out: host.out().replaceAll(home, "~"), err: host.err().replaceAll(home, "~") };
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
