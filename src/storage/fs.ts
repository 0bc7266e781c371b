import {
  access as accessLater,
  accessSync,
  close,
  closeSync,
  constants,
  fstat,
  fstatSync,
  fsync,
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
  readFileSync,
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
import { errorCode } from "../errors.ts";
import { anchorOf } from "./anchor.ts";
import { act, actLater, actOnly, answerOf, ask, askLater, askOnly, type Done } from "./deadline.ts";

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
    ? act<T>(
        path,
        () => now(path),
        (done) => later(path, done),
      )
    : answerOf(
        anchor.at(path, (safe) => askLater<T>((done) => later(safe, done))),
        path,
      );
}

/** `at` for what gives nothing. */
const onlyAt = (
  path: string,
  now: (path: string) => void,
  later: (path: string, done: Finished) => void,
): Promise<void> => at<void>(path, now, (safe, done) => later(safe, (error) => done(error, undefined)));

export const lstat = (path: string): Promise<Stats> => at<Stats>(path, lstatSync, lstatLater);
/** Follows links, so it is not for what lies in a config directory. */
export const stat = (path: string): Promise<Stats> =>
  act<Stats>(
    path,
    () => statSync(path),
    (done) => statLater(path, done),
  );
/** Fails where this process may not do with the file what `mode` says. Follows links. */
export const access = (path: string, mode: number): Promise<void> =>
  actOnly(
    path,
    () => accessSync(path, mode),
    (done) => accessLater(path, mode, done),
  );
export const realpath = (path: string): Promise<string> =>
  act<string>(
    path,
    () => realpathSync.native(path),
    (done) => realpathLater.native(path, done),
  );
export function readdir(path: string): Promise<string[]> {
  // The directory itself is entered, as a lookup of its name would follow a link.
  return at<string[]>(anchorOf(path) === undefined ? path : `${path}/.`, (folder) => readdirSync(folder), readdirLater);
}
export function mkdir(path: string, { mode }: { readonly mode: number }): Promise<void> {
  const anchor = anchorOf(path);
  if (anchor !== undefined) return answerOf(anchor.makeDirectory(path, mode), path);
  return actOnly(
    path,
    () => mkdirSync(path, mode),
    (done) => mkdirLater(path, mode, done),
  );
}
export function rename(from: string, to: string): Promise<void> {
  const anchor = anchorOf(from);
  if (anchor === undefined) {
    return actOnly(
      to,
      () => renameSync(from, to),
      (done) => renameLater(from, to, done),
    );
  }
  const move = (safeFrom: string, safeTo: string) =>
    askLater<void>((done) => renameLater(safeFrom, safeTo, (error) => done(error, undefined)));
  return answerOf(
    anchor.at(from, (safeFrom) => anchor.at(to, (safeTo) => move(safeFrom, safeTo))),
    to,
  );
}
/** Fails where the file is not there. */
export const unlink = (path: string): Promise<void> => onlyAt(path, unlinkSync, unlinkLater);
/** Removes a file; one that is not there is fine. */
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
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW;
  return ask<number>(
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
    await askOnly(
      () => futimesSync(fd, at, at),
      (done) => futimes(fd, at, at, done),
    );
  } finally {
    await askOnly(
      () => closeSync(fd),
      (done) => close(fd, done),
    );
  }
}

const CHUNK = 65_536;

/**
 * Reads to the end of a file. Node's own readFile, given a descriptor, ignores a read error and returns the part that
 * it has read as the whole text.
 */
export function readToEnd(fd: number, encoding: BufferEncoding, done: Done<string>): void {
  const chunks: Buffer[] = [];
  const next = (): void => {
    const chunk = Buffer.allocUnsafe(CHUNK);
    readLater(fd, chunk, 0, CHUNK, null, (error, count) => {
      if (error !== null) return done(error, "");
      if (count === 0) return done(null, Buffer.concat(chunks).toString(encoding));
      chunks.push(chunk.subarray(0, count));
      next();
    });
  };
  next();
}

/** An open file. */
export interface OpenFile {
  readonly fd: number;
  stat(): Promise<Stats>;
  /** What stands at `position`, at most `length` bytes. */
  readAt(position: number, length: number): Promise<Buffer>;
  /** All of it. */
  readText(encoding: BufferEncoding): Promise<string>;
  /** In one write. @returns how many bytes the system took */
  write(bytes: Uint8Array): Promise<number>;
  /** All of it, in as many writes as the system wants. */
  writeText(text: string, encoding: BufferEncoding): Promise<void>;
  /** The same for bytes. */
  writeAll(bytes: Uint8Array): Promise<void>;
  /** Never at once: a disk may take its time. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

function openDescriptor(path: string, flags: number, mode?: number): Promise<number> {
  const anchor = anchorOf(path);
  if (anchor !== undefined) return answerOf(anchor.open(path, flags, mode), path);
  return act<number>(
    path,
    () => openSync(path, flags, mode),
    (done) => openLater(path, flags, mode, done),
  );
}

/** @param flags as `fs.constants` has them; @param mode of a file that is made */
export async function open(path: string, flags: number, mode?: number): Promise<OpenFile> {
  const fd = await openDescriptor(path, flags, mode);
  return {
    fd,
    stat: () =>
      act<Stats>(
        path,
        () => fstatSync(fd),
        (done) => fstat(fd, done),
      ),
    async readAt(position, length) {
      const buffer = Buffer.alloc(length);
      const read = await act<number>(
        path,
        () => readSync(fd, buffer, 0, length, position),
        (done) => readLater(fd, buffer, 0, length, position, done),
      );
      return buffer.subarray(0, read);
    },
    readText: (encoding) =>
      act<string>(
        path,
        () => readFileSync(fd, encoding),
        (done) => readToEnd(fd, encoding, done),
      ),
    write: (bytes) =>
      act<number>(
        path,
        () => writeSync(fd, bytes),
        (done) => write(fd, bytes, done),
      ),
    writeText: (text, encoding) =>
      actOnly(
        path,
        () => writeFileSync(fd, text, encoding),
        (done) => writeFile(fd, text, encoding, done),
      ),
    writeAll: (bytes) =>
      actOnly(
        path,
        () => writeFileSync(fd, bytes),
        (done) => writeFile(fd, bytes, done),
      ),
    sync: () => actLater(path, (done) => fsync(fd, (error) => done(error, undefined))),
    close: () =>
      actOnly(
        path,
        () => closeSync(fd),
        (done) => close(fd, done),
      ),
  };
}
