import * as fs from "node:fs";

/**
 * What a tick needs of the file system, as promises. node:fs/promises has it too, but loading it takes a twentieth of
 * what a whole `node` takes to start, at every tick. Asynchronous, so that a share that hangs does not hang us.
 */

type Done<T> = (error: NodeJS.ErrnoException | null, value: T) => void;

function promised<T>(start: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    start((error, value) => (error === null ? resolve(value) : reject(error)));
  });
}

const finished = (start: (done: (error: NodeJS.ErrnoException | null) => void) => void): Promise<void> =>
  promised<void>((done) => start((error) => done(error, undefined)));

export const lstat = (path: string): Promise<fs.Stats> => promised((done) => fs.lstat(path, done));
export const stat = (path: string): Promise<fs.Stats> => promised((done) => fs.stat(path, done));
export const realpath = (path: string): Promise<string> => promised((done) => fs.realpath.native(path, done));
export const readdir = (path: string): Promise<string[]> => promised((done) => fs.readdir(path, done));
export const mkdir = (path: string, options: { readonly mode: number }): Promise<void> =>
  finished((done) => fs.mkdir(path, options.mode, done));
export const rename = (from: string, to: string): Promise<void> => finished((done) => fs.rename(from, to, done));
/** Removes a file; one that is not there is fine. */
export const removeFile = (path: string): Promise<void> => finished((done) => fs.rm(path, { force: true }, done));

/** An open file. */
export interface OpenFile {
  readonly fd: number;
  stat(): Promise<fs.Stats>;
  /** What stands at `position`, at most `length` bytes. */
  readAt(position: number, length: number): Promise<Buffer>;
  /** All of it. */
  readText(encoding: BufferEncoding): Promise<string>;
  /** In one write. @returns how many bytes the system took */
  write(bytes: Uint8Array): Promise<number>;
  /** All of it, in as many writes as the system wants. */
  writeText(text: string, encoding: BufferEncoding): Promise<void>;
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** @param flags as `fs.constants` has them; @param mode of a file that is made */
export async function open(path: string, flags: number, mode?: number): Promise<OpenFile> {
  const fd = await promised<number>((done) => fs.open(path, flags, mode, done));
  return {
    fd,
    stat: () => promised<fs.Stats>((done) => fs.fstat(fd, done)),
    async readAt(position, length) {
      const buffer = Buffer.alloc(length);
      const read = await promised<number>((done) => fs.read(fd, buffer, 0, length, position, done));
      return buffer.subarray(0, read);
    },
    readText: (encoding) => promised<string>((done) => fs.readFile(fd, encoding, done)),
    write: (bytes) => promised<number>((done) => fs.write(fd, bytes, done)),
    writeText: (text, encoding) => finished((done) => fs.writeFile(fd, text, encoding, done)),
    sync: () => finished((done) => fs.fsync(fd, done)),
    close: () => finished((done) => fs.close(fd, done)),
  };
}
