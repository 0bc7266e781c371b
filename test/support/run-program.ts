import { type ChildProcess, spawn } from "node:child_process";

/** How a program ended, and all it said. */
export interface Finished {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Where programs of the system are looked for; nothing else of this process's environment is handed on. */
export const SYSTEM_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

export interface RunOptions {
  /** The whole environment, beside PATH. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** The program is killed after so long. */
  readonly timeoutMs?: number;
}

/** Runs a program to its end, stdin empty. Any exit code is an answer; only a program that cannot be started throws. */
export async function runToEnd(words: readonly string[], options: RunOptions = {}): Promise<Finished> {
  const [program = "", ...args] = words;
  const child = spawn(program, args, {
    env: { PATH: SYSTEM_PATH, ...options.env },
    cwd: options.cwd,
    stdio: ["ignore", "pipe", "pipe"],
    timeout: options.timeoutMs ?? 120_000,
    killSignal: "SIGKILL",
  });
  const said = { stdout: "", stderr: "" };
  child.stdout.setEncoding("utf8").on("data", (text: string) => {
    said.stdout += text;
  });
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    said.stderr += text;
  });
  const { code, signal } = await ended(child);
  return { code, signal, ...said };
}

/** Runs a program that must succeed. @returns its stdout */
export async function runWell(words: readonly string[], options: RunOptions = {}): Promise<string> {
  const { code, signal, stdout, stderr } = await runToEnd(words, options);
  if (code !== 0) throw new Error(`${words.join(" ")} ended with ${signal ?? code}:\n${stdout}${stderr}`);
  return stdout;
}

/** The end of a child, its streams read to their ends too. */
export function ended(child: ChildProcess): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code, signal) => resolve({ code, signal }));
  });
}
