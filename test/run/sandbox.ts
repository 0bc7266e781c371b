import { randomUUID } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { readHistory } from "../../src/history/read.ts";
import type { Host } from "../../src/host.ts";
import { encodeCompiled } from "../../src/installed/decode.ts";
import type { CompiledEntry, CompiledSchedule, HostSchedule } from "../../src/installed/schedule.ts";
import type { PipelineLocks } from "../../src/lock/lock.ts";
import { hostFile, meaningFile, schedulesDir, statePaths } from "../../src/storage/paths.ts";
import { testHost } from "../support/host.ts";

const PAIR = { tap: "microserv_1", target: "redshift" } as const;

/** The words of a run of the sandbox's pipeline. */
export const PAIR_WORDS = ["--tap", PAIR.tap, "--target", PAIR.target];

export const anEntry = (changes: Partial<CompiledEntry> = {}): CompiledEntry => ({
  ...PAIR,
  command: "run_tap",
  crons: ["*/5 * * * *"],
  args: [],
  ...changes,
});

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
      entries: readonly CompiledEntry[] = [anEntry()],
      more: Partial<CompiledSchedule> = {},
      onHost: Partial<HostSchedule> = {},
    ) {
      const name = more.name ?? "pipelinewise";
      const source = { path: join(home, "schedule.yml"), digest: "0" };
      mkdirSync(schedulesDir(paths), { recursive: true, mode: 0o700 });
      const meaning: CompiledSchedule = { format: 1, name, source, configDir, env: {}, entries, ...more };
      const installed: HostSchedule = {
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
      writeFileSync(meaningFile(paths, name), encodeCompiled(meaning), { mode: 0o600 });
      writeFileSync(hostFile(paths, name, host.name), encodeCompiled(installed), { mode: 0o600 });
    },
    records: async () => (await readHistory(paths)).runs,
    /** Text of the only run log. */
    logText(): string {
      const folder = join(paths.root, "logs", PAIR.target, PAIR.tap);
      const names = readdirSync(folder);
      if (names.length !== 1) throw new Error(`${names.length} logs`);
      return readFileSync(join(folder, names[0] ?? ""), "utf8");
    },
  };
}

/** Resolves when `condition` holds. Fails by the test's own time limit. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await sleep(10);
}

export const untilFile = (path: string): Promise<void> => until(() => existsSync(path));

/** A pid that a script wrote into a file, once it has. */
export async function pidIn(path: string): Promise<number> {
  await until(() => existsSync(path) && readFileSync(path, "utf8").endsWith("\n"));
  return Number(readFileSync(path, "utf8"));
}

/** Whether a process still does something; a zombie does not. */
export function works(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "latin1");
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(")") + 2));
  } catch {
    return false;
  }
}

/** A lock that is always free, and says that it is lost when told so. */
export function looseLocks(
  lost: Promise<string> = new Promise(() => {}),
): PipelineLocks & { readonly released: () => number } {
  let released = 0;
  return {
    released: () => released,
    findLiveHolder: async () => undefined,
    findNamedHolder: async () => undefined,
    acquire: async () => ({
      kind: "acquired",
      lock: {
        token: `token-of-the-test-${randomUUID()}`,
        stdin: undefined,
        weakness: undefined,
        tookOverFrom: undefined,
        lost,
        release: async () => {
          released++;
        },
      },
    }),
  };
}
