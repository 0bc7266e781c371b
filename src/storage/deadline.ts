import { readFileSync } from "node:fs";
import { StoreError } from "../errors.ts";

/** Kinds of file systems that answer from this machine alone. */
const LOCAL_KINDS = new Set(
  (
    "ext2 ext3 ext4 xfs btrfs zfs f2fs overlay squashfs erofs iso9660 vfat ramfs rootfs tmpfs devtmpfs devpts proc sysfs " +
    "cgroup cgroup2 mqueue hugetlbfs securityfs debugfs tracefs configfs pstore efivarfs bpf binfmt_misc fusectl " +
    "rpc_pipefs nsfs selinuxfs fuse.lxcfs"
  ).split(" "),
);
/** systemd's own autofs mount here is local. */
const NO_SHARE = " /proc/sys/fs/binfmt_misc ";

/**
 * proc_pid_mountinfo(5): the kind is the first word after ` - `. Parsed by hand, because a scheduled start runs this
 * once, cold.
 */
function isLocal(line: string): boolean {
  const kindAt = line.indexOf(" - ") + 3;
  return LOCAL_KINDS.has(line.slice(kindAt, line.indexOf(" ", kindAt))) || line.includes(NO_SHARE);
}

/** Whether every mount in the text of /proc/self/mountinfo is local. */
export function allLocal(mountinfo: string): boolean {
  for (const line of mountinfo.split("\n")) if (line !== "" && !isLocal(line)) return false;
  return true;
}

let local: boolean | undefined;

/** Looked at once; /proc never hangs. Where it is not there, nothing is known. */
function isAllLocal(): boolean {
  try {
    local ??= allLocal(readFileSync("/proc/self/mountinfo", "utf8"));
  } catch {
    local = false;
  }
  return local;
}

export type Done<T> = (error: NodeJS.ErrnoException | null, value: T) => void;

/** How long a network file system may take to answer. NFS itself would wait for ever. */
const ANSWER_MS = 60_000;
/** The timeout after a first failure: cleaning up does not wait as long again. */
const HURRIED_MS = 1_000;

let pending = 0;
let givenUp = 0;

/** Number of unanswered file system calls: a process with such calls cannot end by itself, nor by `process.exit`. */
export const pendingOperations = (): number => pending;

/** Asks through another thread, however long it takes. */
export function callFsAsync<T>(later: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    pending += 1;
    later((error, value) => {
      pending -= 1;
      if (error === null) resolve(value);
      else reject(error);
    });
  });
}

const atOnce = <T>(now: () => T): Promise<T> => new Promise((resolve) => resolve(now()));

/** Asks the file system. @param now does it at once; @param later the same through another thread, however long it takes */
export const callFs = <T>(now: () => T, later: (done: Done<T>) => void): Promise<T> =>
  isAllLocal() ? atOnce(now) : callFsAsync(later);

/**
 * Resolves to the result of `work`, unless that takes too long.
 *
 * @throws StoreError after `ms`; a later result is ignored
 */
export function limitTime<T>(work: Promise<T>, path: string, ms = ANSWER_MS): Promise<T> {
  return new Promise((resolve, reject) => {
    let late = false;
    const giveUp = () => {
      late = true;
      givenUp += 1;
      reject(
        new StoreError(`${path} did not respond within ${ms / 1000} s`, {
          hint: "Check the network file system: it hangs, or its server is down. The next start tries again.",
        }),
      );
    };
    const timer = setTimeout(giveUp, givenUp > 0 ? Math.min(ms, HURRIED_MS) : ms);
    const settle = () => {
      clearTimeout(timer);
      if (late) givenUp -= 1;
    };
    work.then(
      (value) => {
        settle();
        resolve(value);
      },
      (error) => {
        settle();
        reject(error);
      },
    );
  });
}

/** Like `ask`, with a timeout. @param path shown to the user */
export const withDeadline = <T>(path: string, now: () => T, later: (done: Done<T>) => void): Promise<T> =>
  isAllLocal() ? atOnce(now) : limitTime(callFsAsync(later), path);

/** The same, but never at once: a disk may take its time. */
export const withDeadlineAsync = <T>(path: string, later: (done: Done<T>) => void): Promise<T> =>
  isAllLocal() ? callFsAsync(later) : limitTime(callFsAsync(later), path);

type Finished = (error: NodeJS.ErrnoException | null) => void;

const forget =
  (later: (done: Finished) => void) =>
  (done: Done<void>): void =>
    later((error) => done(error, undefined));

/** `act` for what gives nothing. */
export const withDeadlineVoid = (path: string, now: () => void, later: (done: Finished) => void): Promise<void> =>
  withDeadline<void>(path, now, forget(later));

/** `ask` for what gives nothing. */
export const callFsVoid = (now: () => void, later: (done: Finished) => void): Promise<void> =>
  callFs<void>(now, forget(later));
