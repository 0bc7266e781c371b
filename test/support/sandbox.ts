import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readHistory } from "../../src/history/read.ts";
import type { Host } from "../../src/host.ts";
import { encodeStored } from "../../src/installed/decode.ts";
import type { StoredEntry, StoredInstall, StoredSchedule } from "../../src/installed/schedule.ts";
import type { PipelineLocks } from "../../src/lock/lock.ts";
import { waiterLockOf } from "../../src/pipeline-id.ts";
import {
  installFile,
  lockDirectory,
  type StatePaths,
  scheduleFile,
  schedulesDir,
  statePaths,
} from "../../src/storage/paths.ts";
import { testHost } from "./host.ts";

const PAIR = { tap: "microserv_1", target: "redshift" } as const;

/** The words of a run of the sandbox's pipeline. */
export const PAIR_WORDS = ["--tap", PAIR.tap, "--target", PAIR.target];

export const anEntry = (changes: Partial<StoredEntry> = {}): StoredEntry => ({
  ...PAIR,
  command: "run_tap",
  crons: ["*/5 * * * *"],
  args: [],
  ...changes,
});

/** Whether a start waits for the running run of the sandbox's pipeline, with a complete owner record. */
export function hasWaiter(paths: StatePaths): boolean {
  const directory = lockDirectory(paths, waiterLockOf({ ...PAIR, dataDiff: false }));
  const [name] = existsSync(directory) ? readdirSync(directory) : [];
  return name !== undefined && readFileSync(join(directory, name), "utf8").endsWith("\n");
}

/** A home with a config directory, and a shell script that stands for `pipelinewise`, first on the PATH. */
export function sandbox(script = "exit 0", changes: Partial<Omit<Host, "signals">> = {}) {
  const first = testHost();
  const { home } = first;
  const configDir = join(home, ".pipelinewise");
  const paths = statePaths(configDir);
  const bin = join(home, "bin");
  mkdirSync(configDir, { mode: 0o700 });
  mkdirSync(bin);
  const program = join(bin, "pipelinewise");
  writeFileSync(program, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  const path = `${bin}:/usr/bin:/bin`;
  const host = testHost({ env: { HOME: home, PATH: path }, cwd: home, ...changes });
  return {
    home,
    bin,
    host,
    paths,
    program,
    file: (name: string) => join(home, name),
    /** Writes what `install` would have written. */
    install(
      entries: readonly StoredEntry[] = [anEntry()],
      more: Partial<StoredSchedule> = {},
      onHost: Partial<StoredInstall> = {},
    ) {
      const name = more.name ?? "pipelinewise";
      const source = { path: join(home, "schedule.yml"), digest: "0" };
      mkdirSync(schedulesDir(paths), { recursive: true, mode: 0o700 });
      const meaning: StoredSchedule = { format: 1, name, source, configDir, env: {}, entries, ...more };
      const installed: StoredInstall = {
        format: 1,
        name,
        host: host.name,
        user: "tester",
        installedAt: "2026-11-01T00:00:00.000Z",
        meaningDigest: "0",
        command: [program],
        node: host.node,
        program: host.program,
        machineZone: "UTC",
        lines: [],
        ...onHost,
      };
      writeFileSync(scheduleFile(paths, name), encodeStored(meaning), { mode: 0o600 });
      writeFileSync(installFile(paths, name, host.name), encodeStored(installed), { mode: 0o600 });
    },
    records: async () => (await readHistory(paths)).runs,
    /** Text of the only run log. */
    logText(): string {
      const directory = join(paths.root, "logs", PAIR.target, PAIR.tap);
      const names = readdirSync(directory);
      if (names.length !== 1) throw new Error(`${names.length} logs`);
      return readFileSync(join(directory, names[0] ?? ""), "utf8");
    },
  };
}

/** A lock that is always free, and says that it is lost when told so. */
export function looseLocks(
  lost: Promise<string> = new Promise(() => {}),
): PipelineLocks & { readonly released: () => number } {
  let released = 0;
  return {
    released: () => released,
    findLiveHolder: async () => undefined,
    readHolder: async () => undefined,
    waitForRelease: async () => {},
    acquire: async () => ({
      kind: "acquired",
      lock: {
        token: `token-of-the-test-${randomUUID()}`,
        stdin: undefined,
        limitation: undefined,
        tookOverFrom: undefined,
        lost,
        rest: () => () => {},
        keepEnd: () => {},
        release: async () => {
          released++;
        },
      },
    }),
  };
}
