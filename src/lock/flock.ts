import { type ChildProcess, spawn } from "node:child_process";
import { type BigIntStats, constants, fstat, fstatSync } from "node:fs";
import { StoreError } from "../errors.ts";
import { act } from "../storage/deadline.ts";
import { open } from "../storage/fs.ts";
import { storeFault } from "../storage/store-error.ts";

/** The kernel's answer. `unavailable`: it could not be asked; the lock then stands on its record alone. */
export type FlockAnswer =
  | { readonly kind: "taken" }
  | { readonly kind: "held" }
  | { readonly kind: "unavailable"; readonly why: string };

/** A pipeline's flock file, open. The kernel lock lives as long as any process has this descriptor. */
export interface FlockFile {
  readonly fd: number;
  /** `device:inode`: which file was locked, should another one stand at its path later. */
  readonly id: string;
  close(): Promise<void>;
}

/** Read-write, because NFS makes a byte-range lock of it. */
const FLAGS = constants.O_RDWR | constants.O_CREAT | constants.O_APPEND | constants.O_NOFOLLOW | constants.O_NONBLOCK;

const statOf = (path: string, fd: number): Promise<BigIntStats> =>
  act<BigIntStats>(
    path,
    () => fstatSync(fd, { bigint: true }),
    (done) => fstat(fd, { bigint: true }, done),
  );

/** Opens the flock file, made where it is missing. It is never removed: two files of one name would be two locks. */
export async function openFlock(path: string): Promise<FlockFile> {
  const file = await open(path, FLAGS, 0o600).catch((error) => {
    throw storeFault("open", path, error);
  });
  const closeFile = (): Promise<void> => file.close().catch(() => {});
  const stats = await statOf(path, file.fd);
  if (!stats.isFile()) {
    await closeFile();
    throw new StoreError(`${path} is not a regular file, so it cannot be a lock`, {
      hint: "Check it, then remove it.",
    });
  }
  return { fd: file.fd, id: `${stats.dev}:${stats.ino}`, close: closeFile };
}

/** `complaint`: what it wrote on stderr, where that was asked for. */
function answerOf(code: number | null, signal: string | null, complaint: string): FlockAnswer {
  if (code === 0) return { kind: "taken" };
  if (code === 1 && complaint === "") return { kind: "held" };
  return { kind: "unavailable", why: complaint.trim() || `flock ended with ${signal ?? code}` };
}

function outcomeOf(child: ChildProcess, timeoutMs: number): Promise<FlockAnswer> {
  return new Promise((resolve) => {
    const timer = setTimeout(() => {
      // A process that waits for a share may not even die of this; we do not wait for it.
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

/** A system has it in one of the first two folders; its complaints are English then, and it starts a little sooner. */
const environment = (): NodeJS.ProcessEnv => ({ LC_ALL: "C", PATH: `/usr/bin:/bin:${process.env["PATH"] ?? ""}` });

const ask = (fd: number, { program, timeoutMs }: FlockOptions, stderr: "ignore" | "pipe"): Promise<FlockAnswer> =>
  outcomeOf(
    spawn(program, ["-n", "3"], { stdio: ["ignore", "ignore", stderr, fd], cwd: "/", env: environment() }),
    timeoutMs,
  );

/**
 * Locks an open file: flock(1) takes the lock on the descriptor that it shares with us, and leaves it with us. Never
 * rejects.
 */
export async function takeFlock(fd: number, options: FlockOptions): Promise<FlockAnswer> {
  const answer = await ask(fd, options, "ignore");
  // busybox ends with 1 after an error too, but not without a word. A pipe costs a millisecond: only now is it worth it.
  return answer.kind === "held" ? ask(fd, options, "pipe") : answer;
}
