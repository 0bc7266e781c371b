import {
  access as accessLater,
  accessSync,
  close,
  closeSync,
  constants,
  fstat,
  fstatSync,
  fsync,
  ftruncate,
  ftruncateSync,
  futimes,
  futimesSync,
  lstat as lstatLater,
  lstatSync,
  mkdir as mkdirLater,
  mkdirSync,
  open as openLater,
  openSync,
  readdir as readdirLater,
  readdirSync,
  read as readLater,
  readSync,
  realpath as realpathLater,
  realpathSync,
  rename as renameLater,
  renameSync,
  rmdir as rmdirLater,
  rmdirSync,
  type Stats,
  stat as statLater,
  statSync,
  unlink as unlinkLater,
  unlinkSync,
  write,
  writeFile,
  writeFileSync,
  writeSync,
} from "node:fs";
import { errorCode, StoreError, TooLargeError } from "../errors.ts";
import { anchorOf } from "./anchor.ts";
import {
  callFs,
  callFsAsync,
  callFsVoid,
  type Done,
  limitTime,
  withDeadline,
  withDeadlineAsync,
  withDeadlineVoid,
} from "./deadline.ts";

/**
 * File system functions for a scheduled start, as promises. Loading node:fs/promises, and each of its calls in another
 * thread, takes a skipped start longer than everything else that it does.
 *
 * So calls are synchronous if every mount is local, and asynchronous if a network file system might hang: a call
 * without an answer within `ANSWER_MS` is a StoreError.
 *
 * In a config directory that others can change, root's steps start at the open directory (`anchor.ts`).
 */

type Finished = (error: NodeJS.ErrnoException | null) => void;

function at<T>(path: string, now: (path: string) => T, later: (path: string, done: Done<T>) => void): Promise<T> {
  const anchor = anchorOf(path);
  return anchor === undefined
    ? withDeadline<T>(
        path,
        () => now(path),
        (done) => later(path, done),
      )
    : limitTime(
        anchor.at(path, (safe) => callFsAsync<T>((done) => later(safe, done))),
        path,
      );
}

/** Like `at`, for an operation without a result. */
const onlyAt = (
  path: string,
  now: (path: string) => void,
  later: (path: string, done: Finished) => void,
): Promise<void> => at<void>(path, now, (safe, done) => later(safe, (error) => done(error, undefined)));

export const lstat = (path: string): Promise<Stats> => at<Stats>(path, lstatSync, lstatLater);
/** Follows links, so do not use it inside a config directory. */
export const stat = (path: string): Promise<Stats> =>
  withDeadline<Stats>(
    path,
    () => statSync(path),
    (done) => statLater(path, done),
  );
/** Fails if this process does not have the permissions of `mode` for the file. Follows links. */
export const access = (path: string, mode: number): Promise<void> =>
  withDeadlineVoid(
    path,
    () => accessSync(path, mode),
    (done) => accessLater(path, mode, done),
  );
export const realpath = (path: string): Promise<string> =>
  withDeadline<string>(
    path,
    () => realpathSync.native(path),
    (done) => realpathLater.native(path, done),
  );
export function readdir(path: string): Promise<string[]> {
  // `/.` enters the directory itself; its name alone could be a link.
  return at<string[]>(
    anchorOf(path) === undefined ? path : `${path}/.`,
    (directory) => readdirSync(directory),
    readdirLater,
  );
}
export function mkdir(path: string, { mode }: { readonly mode: number }): Promise<void> {
  const anchor = anchorOf(path);
  if (anchor !== undefined) return limitTime(anchor.makeDirectory(path, mode), path);
  return withDeadlineVoid(
    path,
    () => mkdirSync(path, mode),
    (done) => mkdirLater(path, mode, done),
  );
}
export function rename(from: string, to: string): Promise<void> {
  const anchor = anchorOf(from);
  if (anchor === undefined) {
    return withDeadlineVoid(
      to,
      () => renameSync(from, to),
      (done) => renameLater(from, to, done),
    );
  }
  const move = (safeFrom: string, safeTo: string) =>
    callFsAsync<void>((done) => renameLater(safeFrom, safeTo, (error) => done(error, undefined)));
  return limitTime(
    anchor.at(from, (safeFrom) => anchor.at(to, (safeTo) => move(safeFrom, safeTo))),
    to,
  );
}
/** Fails if the file does not exist. */
export const unlink = (path: string): Promise<void> => onlyAt(path, unlinkSync, unlinkLater);
/** Removes a file if it exists. */
export async function removeFile(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (errorCode(error) !== "ENOENT") throw error;
  }
}
export const rmdir = (path: string): Promise<void> => onlyAt(path, rmdirSync, rmdirLater);

/** Has no timeout: the caller has its own watchdog. */
function openToTouch(path: string): Promise<number> {
  const anchor = anchorOf(path);
  if (anchor !== undefined) return anchor.openToTouch(path);
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  return callFs<number>(
    () => openSync(path, flags),
    (done) => openLater(path, flags, done),
  );
}

/**
 * Sets atime and mtime; never creates the file. Opens the file first, because an NFS client with a cached name could
 * otherwise touch a file that has since been renamed.
 */
export async function touch(path: string, at: Date): Promise<void> {
  const fd = await openToTouch(path);
  try {
    await callFsVoid(
      () => futimesSync(fd, at, at),
      (done) => futimes(fd, at, at, done),
    );
  } finally {
    await callFsVoid(
      () => closeSync(fd),
      (done) => close(fd, done),
    );
  }
}

const CHUNK = 65_536;
/** No file that is read as a whole is nearly as large. A sparse file and some files in /proc have no useful end. */
const LONGEST_TEXT = 16 * 1024 * 1024;

/** Reads the next bytes of an open file; none at its end. */
function readNext(fd: number, path: string): Promise<Buffer> {
  const chunk = Buffer.allocUnsafe(CHUNK);
  return withDeadline<number>(
    path,
    () => readSync(fd, chunk, 0, CHUNK, null),
    (done) => readLater(fd, chunk, 0, CHUNK, null, done),
  ).then((count) => chunk.subarray(0, count));
}

/**
 * Reads to the end of a file. Node's own readFile, given a descriptor, ignores a read error and returns the part that
 * it has read as the whole text.
 */
async function readToEnd(fd: number, path: string): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let length = 0;
  for (;;) {
    const chunk = await readNext(fd, path);
    if (chunk.length === 0) return Buffer.concat(chunks);
    chunks.push(chunk);
    length += chunk.length;
    if (length > LONGEST_TEXT) {
      throw new TooLargeError(`${path} is larger than ${LONGEST_TEXT / 1024 / 1024} MiB, so it is not read`, {
        hint: "Check that it is the right file.",
      });
    }
  }
}

/** An open file. */
export interface OpenFile {
  readonly fd: number;
  stat(): Promise<Stats>;
  /** Reads at most `length` bytes at `position`. */
  readAt(position: number, length: number): Promise<Buffer>;
  /** Reads the whole file. Throws if it is larger than any file of this program or of PipelineWise. */
  readAll(): Promise<Buffer>;
  /** `readAll`, decoded. */
  readText(encoding: BufferEncoding): Promise<string>;
  /** Writes with one system call. @returns the number of bytes that were written */
  write(bytes: Uint8Array): Promise<number>;
  /** Writes the whole text, with as many system calls as needed. */
  writeText(text: string, encoding: BufferEncoding): Promise<void>;
  /** Writes all bytes, with as many system calls as needed. */
  writeAll(bytes: Uint8Array): Promise<void>;
  /** Writes all bytes at `position`, also into the middle of the file. */
  writeAt(position: number, bytes: Uint8Array): Promise<void>;
  /** Cuts the file off at `length`. */
  truncate(length: number): Promise<void>;
  /** Always asynchronous, because even a local disk may be slow. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

function openDescriptor(path: string, flags: number, mode?: number): Promise<number> {
  const anchor = anchorOf(path);
  if (anchor !== undefined) return limitTime(anchor.open(path, flags, mode), path);
  return withDeadline<number>(
    path,
    () => openSync(path, flags, mode),
    (done) => openLater(path, flags, mode, done),
  );
}

const statDescriptor = (fd: number, path: string): Promise<Stats> =>
  withDeadline<Stats>(
    path,
    () => fstatSync(fd),
    (done) => fstat(fd, done),
  );

const closeDescriptor = (fd: number, path: string): Promise<void> =>
  withDeadlineVoid(
    path,
    () => closeSync(fd),
    (done) => close(fd, done),
  );

function kindOf(found: Stats): string {
  if (found.isDirectory()) return "a directory";
  if (found.isFIFO()) return "a FIFO";
  if (found.isSocket()) return "a socket";
  return "a device";
}

const notRegular = (path: string, kind: string): StoreError =>
  new StoreError(`${path} is ${kind}, not a regular file`, {
    hint: "Find out who created it, then remove it, or name another file.",
  });

async function assertRegular(fd: number, path: string): Promise<void> {
  try {
    const found = await statDescriptor(fd, path);
    if (!found.isFile()) throw notRegular(path, kindOf(found));
  } catch (error) {
    await closeDescriptor(fd, path);
    throw error;
  }
}

/**
 * Opens a regular file, or with `O_DIRECTORY` a directory. Rejects everything else: a FIFO, a device or a socket would
 * make this process wait for ever, often while it has the lock.
 *
 * @param flags from `fs.constants`
 * @param mode of a file that is created
 */
export async function open(path: string, flags: number, mode?: number): Promise<OpenFile> {
  // NONBLOCK: open(2) itself waits at a FIFO. It changes nothing for a regular file.
  const fd = await openDescriptor(path, flags | constants.O_NONBLOCK, mode).catch((error) => {
    // The kernel answers ENXIO for a FIFO without a reader, a socket, or a device that does not exist.
    throw errorCode(error) === "ENXIO" ? notRegular(path, "a FIFO, a socket or a device") : error;
  });
  // A file that O_EXCL has created is a regular file.
  if ((flags & (constants.O_DIRECTORY | constants.O_EXCL)) === 0) await assertRegular(fd, path);
  return {
    fd,
    stat: () => statDescriptor(fd, path),
    async readAt(position, length) {
      const buffer = Buffer.alloc(length);
      const read = await withDeadline<number>(
        path,
        () => readSync(fd, buffer, 0, length, position),
        (done) => readLater(fd, buffer, 0, length, position, done),
      );
      return buffer.subarray(0, read);
    },
    readAll: () => readToEnd(fd, path),
    readText: async (encoding) => (await readToEnd(fd, path)).toString(encoding),
    write: (bytes) =>
      withDeadline<number>(
        path,
        () => writeSync(fd, bytes),
        (done) => write(fd, bytes, done),
      ),
    writeText: (text, encoding) =>
      withDeadlineVoid(
        path,
        () => writeFileSync(fd, text, encoding),
        (done) => writeFile(fd, text, encoding, done),
      ),
    writeAll: (bytes) =>
      withDeadlineVoid(
        path,
        () => writeFileSync(fd, bytes),
        (done) => writeFile(fd, bytes, done),
      ),
    async writeAt(position, bytes) {
      for (let done = 0; done < bytes.length; ) {
        done += await withDeadline<number>(
          path,
          () => writeSync(fd, bytes, done, undefined, position + done),
          (later) => write(fd, bytes, done, undefined, position + done, later),
        );
      }
    },
    truncate: (length) =>
      withDeadlineVoid(
        path,
        () => ftruncateSync(fd, length),
        (done) => ftruncate(fd, length, done),
      ),
    sync: () => withDeadlineAsync(path, (done) => fsync(fd, (error) => done(error, undefined))),
    close: () => closeDescriptor(fd, path),
  };
}
