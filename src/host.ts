import { hostname, userInfo } from "node:os";
import { errorCode } from "./errors.ts";

/** A stream for text or for a pipeline's unchanged output. Tests implement it by hand. */
export interface TextSink {
  /** Returns `false` if its buffer is full; it emits `drain` when it can take more. */
  write(text: string | Uint8Array): unknown;
  once?(event: "drain" | "error" | "close", listener: () => void): unknown;
  readonly isTTY?: boolean | undefined;
  readonly columns?: number | undefined;
}

/** Delivers the signals of this process. Tests emit them by hand. */
export interface SignalSource {
  on(signal: NodeJS.Signals, listener: () => void): unknown;
  off(signal: NodeJS.Signals, listener: () => void): unknown;
}

/** The machine as the program sees it: the only access to the clock, the environment and the process. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly cwd: string;
  readonly stdout: TextSink;
  readonly stderr: TextSink;
  readonly stdin: NodeJS.ReadStream;
  readonly signals: SignalSource;
  readonly now: () => Date;
  /** Name of this machine in files and messages; `PIPELINEWISE_SCHED_HOST` overrides it where it changes (pods). */
  readonly name: string;
  readonly pid: number;
  /** Directory that replaces `/` when the time zone, the processes and the packages of the machine are read. */
  readonly root: string;
  /** Version of Node's time zone data, such as "2025b". */
  readonly tzdata: string;
  /** Directory in which all users of this machine may write. Unlike TMPDIR, it is the same in every session. */
  readonly commonTmp: string;
  /** Numeric id of the user of this process. */
  readonly uid: number;
  /** Absolute path of the Node binary of this process. */
  readonly node: string;
  /** Absolute path of this program, as a scheduler should call it. */
  readonly program: string;
  readonly version: string;
}

/** A host name that is safe in file names. */
function safeHostName(name: string): string {
  const word = name.replace(/[^A-Za-z0-9_.-]/g, "-").replace(/^[^A-Za-z0-9_]+/, "");
  return word === "" ? "localhost" : word.slice(0, 128);
}

/** Ignores EPIPE: if the reader has ended (`preview | head`), the rest of the output is discarded. */
function quietWhenClosed<S extends NodeJS.WriteStream>(stream: S): S {
  if (stream.listenerCount("error") === 0) {
    stream.on("error", (error) => {
      if (errorCode(error) !== "EPIPE") throw error;
    });
  }
  return stream;
}

/**
 * The real machine.
 *
 * @param program absolute path of bin/pipelinewise-sched.cjs
 * @param version version of this program
 */
export function realHost(program: string, version: string): Host {
  return {
    env: process.env,
    cwd: process.cwd(),
    // Getters: opening a standard stream takes a millisecond or two, and a silent scheduled start needs none.
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

/** Login name of the user of this process, or `uid-` and the numeric id if the system has no name for it. */
export function userName(host: Host): string {
  try {
    return safeHostName(userInfo().username);
  } catch {
    return `uid-${host.uid}`;
  }
}

/** Home directory in the user database, which is the HOME that cron sets; `undefined` if there is none. */
export function loginHome(): string | undefined {
  try {
    return userInfo().homedir;
  } catch {
    return undefined;
  }
}
