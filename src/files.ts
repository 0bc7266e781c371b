import {
  access as accessLater,
  accessSync,
  close,
  closeSync,
  constants,
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
} from "node:fs";
import { act, actOnly, ask, askOnly } from "./share.ts";

/**
 * What a tick needs of the file system, as promises. node:fs/promises has it too, but loading it, and each of its trips
 * to another thread, takes a skipped tick longer than all else that it does.
 *
 * So it is asked at once where nothing that is mounted could make us wait for ever, and asynchronously where a share
 * might hang, so that it does not hang us: what has no answer within `ANSWER_MS` is a StoreError.
 */

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
