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
  rm,
  rmdir as rmdirLater,
  rmdirSync,
  rmSync,
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
import { act, actLater, ask, type Done } from "./share.ts";

/**
 * What a tick needs of the file system, as promises. node:fs/promises has it too, but loading it, and each of its trips
 * to another thread, takes a skipped tick longer than all else that it does.
 *
 * So it is asked at once where nothing that is mounted could make us wait for ever, and asynchronously where a share
 * might hang, so that it does not hang us: what has no answer within `ANSWER_MS` is a StoreError.
 */

type Finished = (error: NodeJS.ErrnoException | null) => void;

const forget =
  (later: (done: Finished) => void) =>
  (done: Done<void>): void =>
    later((error) => done(error, undefined));

const actOnly = (path: string, now: () => void, later: (done: Finished) => void): Promise<void> =>
  act<void>(path, now, forget(later));

const askOnly = (now: () => void, later: (done: Finished) => void): Promise<void> => ask<void>(now, forget(later));

export const lstat = (path: string): Promise<Stats> =>
  act<Stats>(
    path,
    () => lstatSync(path),
    (done) => lstatLater(path, done),
  );
export const stat = (path: string): Promise<Stats> =>
  act<Stats>(
    path,
    () => statSync(path),
    (done) => statLater(path, done),
  );
/** Fails where this process may not do with the file what `mode` says. */
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
export const readdir = (path: string): Promise<string[]> =>
  act<string[]>(
    path,
    () => readdirSync(path),
    (done) => readdirLater(path, done),
  );
export const mkdir = (path: string, { mode }: { readonly mode: number }): Promise<void> =>
  actOnly(
    path,
    () => mkdirSync(path, mode),
    (done) => mkdirLater(path, mode, done),
  );
export const rename = (from: string, to: string): Promise<void> =>
  actOnly(
    to,
    () => renameSync(from, to),
    (done) => renameLater(from, to, done),
  );
/** Removes a file; one that is not there is fine. */
export const removeFile = (path: string): Promise<void> =>
  actOnly(
    path,
    () => rmSync(path, { force: true }),
    (done) => rm(path, { force: true }, done),
  );

export const rmdir = (path: string): Promise<void> =>
  actOnly(
    path,
    () => rmdirSync(path),
    (done) => rmdirLater(path, done),
  );
/** The same as `removeFile`, but one that is not there is an error. */
export const unlink = (path: string): Promise<void> =>
  actOnly(
    path,
    () => unlinkSync(path),
    (done) => unlinkLater(path, done),
  );

/**
 * Sets both times of a file, and never makes it. By opening it: a share's client that has its name in mind would else touch
 * a file that was renamed meanwhile. However long it takes: whoever asks has a watch of his own.
 */
export async function touch(path: string, at: Date): Promise<void> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW;
  const fd = await ask<number>(
    () => openSync(path, flags),
    (done) => openLater(path, flags, done),
  );
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
 * All that is left to read. Node's own readFile, given a descriptor, loses the error of a read that fails, and calls what
 * it has so far the whole text.
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

/** @param flags as `fs.constants` has them; @param mode of a file that is made */
export async function open(path: string, flags: number, mode?: number): Promise<OpenFile> {
  const fd = await act<number>(
    path,
    () => openSync(path, flags, mode),
    (done) => openLater(path, flags, mode, done),
  );
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
