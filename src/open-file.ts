import {
  close,
  closeSync,
  fstat,
  fstatSync,
  fsync,
  open as openLater,
  openSync,
  readFileSync,
  read as readLater,
  readSync,
  type Stats,
  write,
  writeFile,
  writeFileSync,
  writeSync,
} from "node:fs";
import { anchorOf } from "./anchor.ts";
import { act, actLater, actOnly, answerOf, type Done } from "./share.ts";

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
