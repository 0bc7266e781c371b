import { hostname, userInfo } from "node:os";
import { errorCode } from "./errors.ts";

/** A stream that takes text, or a pipeline's output as it came; a test fills it by hand. */
export interface TextSink {
  /** `false`: it has enough for now and says `drain` when it can take more. */
  write(text: string | Uint8Array): unknown;
  once?(event: "drain" | "error" | "close", listener: () => void): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** Where this process's signals arrive, by name; a test emits them by hand. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: () => void): unknown;
  off(signal: NodeJS.Signals, listener: () => void): unknown;
}

/** The machine as the program sees it. The only door to the clock, the environment and the process. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly stdin: NodeJS.ReadStream;
  readonly signals: SignalSource;
  readonly now: () => Date;
  /** Name of this machine in files and messages; `PIPELINEWISE_SCHED_HOST` where its own name changes (pods). */
  readonly name: string;
  readonly pid: number;
  /** Folder to take for `/` where the machine itself is looked at: its zone, its processes, its packages. */
  readonly root: string;
  /** Version of Node's time zone data, such as "2025b". */
  readonly tzdata: string;
  /** Folder of this machine where all its users may write: the same in every session, unlike TMPDIR. */
  readonly commonTmp: string;
  /** Numeric user id we act as. */
  readonly uid: number;
  /** Absolute path of the Node binary that runs us. */
  readonly node: string;
  /** Absolute path of our own program, as the scheduler is to call it. */
  readonly program: string;
  readonly version: string;
}

/** A host name as one safe word: it stands in file names. */
function safeHostName(name: string): string {
  const word = name.replace(/[^A-Za-z0-9_.-]/g, "-").replace(/^[^A-Za-z0-9_]+/, "");
  return word === "" ? "localhost" : word.slice(0, 128);
}

/** A reader that has gone (`preview | head`) is no error of ours: what is left is thrown away. */
function quietWhenClosed<S extends NodeJS.WriteStream>(stream: S): S {
  if (stream.listenerCount("error") === 0) {
    stream.on("error", (error) => {
      if (errorCode(error) !== "EPIPE") throw error;
    });
  }
  return stream;
}

/** The real machine. @param program absolute path of bin/pipelinewise-sched.cjs; @param version ours */
export function realHost(program: string, version: string): Host {
  return {
    env: process.env,
    cwd: process.cwd(),
    // Getters: opening a standard stream costs a millisecond or two, and a silent tick needs none of them.
    get stdout() {
      return quietWhenClosed(process.stdout);
    },
    get stderr() {
      return quietWhenClosed(process.stderr);
    },
    get stdin() {
      return process.stdin;
    },
    signals: process,
    now: () => new Date(),
    name: safeHostName(process.env["PIPELINEWISE_SCHED_HOST"] || hostname()),
    pid: process.pid,
    root: "/",
    tzdata: process.versions["tz"] ?? "unknown",
    commonTmp: "/tmp",
    uid: process.getuid?.() ?? 0,
    node: process.execPath,
    program,
    version,
  };
}

/** Login name of the user we act as; falls back to the numeric id where the system knows no name for it. */
export function userName(host: Host): string {
  try {
    return safeHostName(userInfo().username);
  } catch {
    return `uid-${host.uid}`;
  }
}

/** Home folder of the user we act as, as the system has it: the HOME that cron sets. `undefined` where it knows none. */
export function loginHome(): string | undefined {
  try {
    return userInfo().homedir;
  } catch {
    return undefined;
  }
}
