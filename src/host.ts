import { hostname, userInfo } from "node:os";
import { join } from "node:path";
import { isatty } from "node:tty";
import { EXIT, errorCode, errorMessage, SchedError } from "./errors.ts";
import { showControlCharacters } from "./text/control-characters.ts";

/** A stream for text or for a pipeline's unchanged output. Tests implement it by hand. */
export interface TextSink {
  /**
   * Writes a string with its control characters made visible, and bytes as they are: they are a pipeline's output.
   * Returns `false` if its buffer is full; it emits `drain` when it can take more.
   */
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
  /** The first error of stdout or stderr, except that the reader has gone; `undefined` if there was none. */
  readonly outputError: () => string | undefined;
  readonly signals: SignalSource;
  /**
   * Whether stdin, stdout or stderr is a terminal. Ask before a signal arrives: a closed terminal no longer counts as
   * one.
   */
  readonly hasTerminal: () => boolean;
  readonly now: () => Date;
  /** Name of this machine in files and messages; `PIPELINEWISE_SCHED_HOST` overrides it where it changes (pods). */
  readonly name: string;
  readonly pid: number;
  /** Directory that replaces `/` when the time zone, the processes and the packages of the machine are read. */
  readonly root: string;
  /** Version of Node's time zone data, such as "2025b". */
  readonly tzdata: string;
  /**
   * Directory in the user's home for the user's own files about this machine; `undefined` for a user without a home. It
   * is the same in every session, whatever the environment.
   */
  readonly ownState: string | undefined;
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

/**
 * A standard stream that never ends the program. After the first error the rest of the output is discarded: the terminal
 * may be closed, the disk behind a redirection full, or the reader gone (`preview | head`).
 */
export function standardStream(stream: NodeJS.WriteStream, onError: (error: Error) => void): TextSink {
  let hasFailed = false;
  stream.on("error", (error) => {
    hasFailed = true;
    onError(error);
  });
  return {
    // A stream that has failed may never emit `drain`, so it must not report a full buffer.
    write: (text) =>
      hasFailed || stream.write(typeof text === "string" ? showControlCharacters(text, stream.isTTY === true) : text),
    once: (event, listener) => stream.once(event, listener),
    isTTY: stream.isTTY,
    get columns() {
      return stream.columns;
    },
  };
}

/** An error that the user should learn about. EPIPE is not one: the reader has ended on purpose. */
const isOutputError = (error: Error): boolean => errorCode(error) !== "EPIPE";

function workingDirectory(): string {
  try {
    return process.cwd();
  } catch (error) {
    throw new SchedError(`the working directory cannot be found: ${errorCode(error) ?? error}; was it deleted?`, {
      exitCode: EXIT.noInput,
      hint: "Change to a directory that exists, then try again: cd",
      cause: error,
    });
  }
}

/**
 * The real machine.
 *
 * @param program absolute path of bin/pipelinewise-sched.cjs
 * @param version version of this program
 * @throws SchedError if the working directory was deleted
 */
export function realHost(program: string, version: string): Host {
  let outputError: string | undefined;
  const streams: Partial<Record<"stdout" | "stderr", TextSink>> = {};
  const open = (name: "stdout" | "stderr"): TextSink =>
    (streams[name] ??= standardStream(process[name], (error) => {
      if (isOutputError(error)) outputError ??= `cannot write to ${name}: ${errorMessage(error)}`;
    }));
  return {
    env: process.env,
    cwd: workingDirectory(),
    // Getters: opening a standard stream takes a millisecond or two, and a silent scheduled start needs none.
    get stdout() {
      return open("stdout");
    },
    get stderr() {
      return open("stderr");
    },
    get stdin() {
      return process.stdin;
    },
    outputError: () => outputError,
    signals: process,
    hasTerminal: () => [0, 1, 2].some((fd) => isatty(fd)),
    now: () => new Date(),
    name: safeHostName(process.env["PIPELINEWISE_SCHED_HOST"] || hostname()),
    pid: process.pid,
    root: "/",
    tzdata: process.versions["tz"] ?? "unknown",
    get ownState() {
      // The host's name is part of it, because homes may be on a network file system.
      const home = loginHome();
      return home === undefined ? undefined : join(home, ".local/state/pipelinewise-sched", safeHostName(hostname()));
    },
    commonTmp: "/tmp",
    uid: process.getuid?.() ?? 0,
    node: process.execPath,
    program,
    version,
  };
}

/** Login name of the user of this process, or `uid-` and the numeric id if the system has no name for it. */
export function userName(host: Pick<Host, "uid">): string {
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
