import { type ChildProcess, spawn } from "node:child_process";
import { type BigIntStats, constants, fstat, fstatSync } from "node:fs";
import { withDeadline } from "../storage/deadline.ts";
import { open } from "../storage/fs.ts";
import { ioError } from "../storage/store-error.ts";

/** The kernel's answer. `unavailable`: flock(1) failed; then only the lock file protects the pipeline. */
export type FlockAnswer =
  | { readonly kind: "taken" }
  | { readonly kind: "held" }
  | { readonly kind: "unavailable"; readonly why: string };

/** A pipeline's open flock file. The kernel lock ends when the last process closes this descriptor. */
export interface FlockFile {
  readonly fd: number;
  /** `device:inode` of the locked file; another file may get its path later. */
  readonly id: string;
  close(): Promise<void>;
}

/** Read and write: NFS turns the flock into a byte-range lock, which needs both. */
const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW;

const statOf = (path: string, fd: number): Promise<BigIntStats> =>
  withDeadline<BigIntStats>(
    path,
    () => fstatSync(fd, { bigint: true }),
    (done) => fstat(fd, { bigint: true }, done),
  );

/** Opens the flock file and creates it if it is missing. It is never removed: a second file would be a second lock. */
export async function openFlock(path: string): Promise<FlockFile> {
  const file = await open(path, FLAGS, 0o600).catch((error) => {
    throw ioError("open", path, error);
  });
  const closeFile = (): Promise<void> => file.close().catch(() => {});
  const stats = await statOf(path, file.fd);
  return { fd: file.fd, id: `${stats.dev}:${stats.ino}`, close: closeFile };
}

/** @param complaint text on stderr; "" if stderr was not read */
function answerOf(code: number | null, signal: string | null, complaint: string): FlockAnswer {
  if (code === 0) return { kind: "taken" };
  if (code === 1 && complaint === "") return { kind: "held" };
  return { kind: "unavailable", why: complaint.trim() || `flock ended with ${signal ?? code}` };
}

function outcomeOf(child: ChildProcess, timeoutMs: number): Promise<FlockAnswer> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      // A process that waits for a network file system may survive SIGKILL, so this one does not wait for it.
      child.kill("SIGKILL");
      child.unref();
      child.stderr?.destroy();
      resolve({ kind: "unavailable", why: `flock did not answer within ${timeoutMs / 1000} s` });
    }, timeoutMs);
    let complaint = "";
    child.stderr?.setEncoding("utf8").on("data", (text: string) => {
      complaint += text;
    });
    child.once("error", (error) => {
      clearTimeout(timer);
      resolve({ kind: "unavailable", why: `flock could not be started: ${error.message}` });
    });
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      resolve(answerOf(code, signal, complaint));
    });
  });
}

export interface FlockOptions {
  /** util-linux's or busybox's `flock`, by name or path. */
  readonly program: string;
  readonly timeoutMs: number;
}

/** English messages, and a short PATH: almost every system has flock in one of its first two directories. */
const environment = (): NodeJS.ProcessEnv => ({ LC_ALL: "C", PATH: `/usr/bin:/bin:${process.env["PATH"] ?? ""}` });

/**
 * Waits until the kernel would grant the lock, in a process that uses no processor time meanwhile. This process does
 * not hold the lock afterwards. Resolves at once if flock(1) fails.
 *
 * @param options.prefix command that starts `flock`, for example one that ends it together with this process
 * @param options.over ends the wait
 */
export async function waitForFlock(
  path: string,
  {
    program,
    prefix,
    over,
  }: { readonly program: string; readonly prefix: readonly string[]; readonly over: Promise<unknown> },
): Promise<void> {
  const file = await openFlock(path);
  try {
    const [first = program, ...words] = [...prefix, program, "3"];
    const child = spawn(first, words, { stdio: ["ignore", "ignore", "ignore", file.fd], cwd: "/", env: environment() });
    const ended = new Promise<void>((resolve) => {
      child.once("error", () => resolve());
      child.once("exit", () => resolve());
    });
    await Promise.race([ended, over]);
    child.kill("SIGKILL");
    child.unref();
  } finally {
    await file.close();
  }
}

const ask = (fd: number, { program, timeoutMs }: FlockOptions, stderr: "ignore" | "pipe"): Promise<FlockAnswer> =>
  outcomeOf(
    spawn(program, ["-n", "3"], { stdio: ["ignore", "ignore", stderr, fd], cwd: "/", env: environment() }),
    timeoutMs,
  );

/**
 * Locks an open file. flock(1) locks the descriptor that it inherits from this process; the lock stays after flock(1) has
 * ended. Never rejects.
 */
export async function takeFlock(fd: number, options: FlockOptions): Promise<FlockAnswer> {
  const answer = await ask(fd, options, "ignore");
  // busybox also ends with 1 after an error, but then it writes on stderr. A pipe costs a millisecond, so it is only used here.
  return answer.kind === "held" ? ask(fd, options, "pipe") : answer;
}
