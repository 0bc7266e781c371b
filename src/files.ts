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
  rmdir as rmdirLater,
  rmdirSync,
  type Stats,
  stat as statLater,
  statSync,
  unlink as unlinkLater,
  unlinkSync,
} from "node:fs";
import { anchorOf } from "./anchor.ts";
import { errorCode } from "./errors.ts";
import { act, actOnly, answerOf, ask, askLater, askOnly, type Done } from "./share.ts";

/**
 * What a tick needs of the file system, as promises. node:fs/promises has it too, but loading it, and each of its trips
 * to another thread, takes a skipped tick longer than all else that it does.
 *
 * So it is asked at once where nothing that is mounted could make us wait for ever, and asynchronously where a share
 * might hang, so that it does not hang us: what has no answer within `ANSWER_MS` is a StoreError.
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

/** However long it takes: whoever asks has a watch of his own. */
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
 * Sets both times of a file, and never makes it. By opening it: a share's client that has its name in mind would else touch
 * a file that was renamed meanwhile.
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
