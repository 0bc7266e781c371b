import {
  close,
  closeSync,
  fstat,
  fstatSync,
  fsync,
  lstat as lstatLater,
  lstatSync,
  mkdir as mkdirLater,
  mkdirSync,
  open as openLater,
  openSync,
  readdir as readdirLater,
  readdirSync,
  readFile,
  readFileSync,
  read as readLater,
  readSync,
  realpath as realpathLater,
  realpathSync,
  rename as renameLater,
  renameSync,
  rm,
  rmSync,
  type Stats,
  stat as statLater,
  statSync,
  write,
  writeFile,
  writeFileSync,
  writeSync,
} from "node:fs";

/**
 * What a tick needs of the file system, as promises. node:fs/promises has it too, but loading it, and each of its trips
 * to another thread, takes a skipped tick longer than all else that it does.
 *
 * So it is asked at once where nothing that is mounted could make us wait for ever, and asynchronously where a share
 * might hang, so that it does not hang us.
 */

/**
 * A mount whose kind answers from this machine alone. proc_pid_mountinfo(5): the kind is the first word behind ` - `.
 * systemd's own autofs at binfmt_misc mounts no share. One expression for all lines: a tick runs it once, cold.
 */
const LOCAL_MOUNT =
  /^(?:\S+ \S+ \S+ \S+ \/proc\/sys\/fs\/binfmt_misc .*|.* - (?:ext[234]|xfs|btrfs|zfs|f2fs|overlay|squashfs|erofs|iso9660|vfat|ramfs|rootfs|tmpfs|devtmpfs|devpts|proc|sysfs|cgroup2?|mqueue|hugetlbfs|securityfs|debugfs|tracefs|configfs|pstore|efivarfs|bpf|binfmt_misc|fusectl|rpc_pipefs|nsfs|selinuxfs|fuse\.lxcfs) .*)$/;

/** Whether every mount in the text of /proc/self/mountinfo is local. */
export function allLocal(mountinfo: string): boolean {
  for (const line of mountinfo.split("\n")) if (line !== "" && !LOCAL_MOUNT.test(line)) return false;
  return true;
}

let local: boolean | undefined;

/** Looked at once; /proc never hangs. Where it is not there, nothing is known. */
function nothingHangs(): boolean {
  try {
    local ??= allLocal(readFileSync("/proc/self/mountinfo", "utf8"));
  } catch {
    local = false;
  }
  return local;
}

type Done<T> = (error: NodeJS.ErrnoException | null, value: T) => void;

/** @param now does it at once; @param later the same through another thread */
function act<T>(now: () => T, later: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    if (nothingHangs()) resolve(now());
    else later((error, value) => (error === null ? resolve(value) : reject(error)));
  });
}

type Finished = (error: NodeJS.ErrnoException | null) => void;

const actOnly = (now: () => void, later: (done: Finished) => void): Promise<void> =>
  act<void>(now, (done) => later((error) => done(error, undefined)));

export const lstat = (path: string): Promise<Stats> =>
  act<Stats>(
    () => lstatSync(path),
    (done) => lstatLater(path, done),
  );
export const stat = (path: string): Promise<Stats> =>
  act<Stats>(
    () => statSync(path),
    (done) => statLater(path, done),
  );
export const realpath = (path: string): Promise<string> =>
  act<string>(
    () => realpathSync.native(path),
    (done) => realpathLater.native(path, done),
  );
export const readdir = (path: string): Promise<string[]> =>
  act<string[]>(
    () => readdirSync(path),
    (done) => readdirLater(path, done),
  );
export const mkdir = (path: string, { mode }: { readonly mode: number }): Promise<void> =>
  actOnly(
    () => mkdirSync(path, mode),
    (done) => mkdirLater(path, mode, done),
  );
export const rename = (from: string, to: string): Promise<void> =>
  actOnly(
    () => renameSync(from, to),
    (done) => renameLater(from, to, done),
  );
/** Removes a file; one that is not there is fine. */
export const removeFile = (path: string): Promise<void> =>
  actOnly(
    () => rmSync(path, { force: true }),
    (done) => rm(path, { force: true }, done),
  );

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
  /** Never at once: a disk may take its time. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** @param flags as `fs.constants` has them; @param mode of a file that is made */
export async function open(path: string, flags: number, mode?: number): Promise<OpenFile> {
  const fd = await act<number>(
    () => openSync(path, flags, mode),
    (done) => openLater(path, flags, mode, done),
  );
  return {
    fd,
    stat: () =>
      act<Stats>(
        () => fstatSync(fd),
        (done) => fstat(fd, done),
      ),
    async readAt(position, length) {
      const buffer = Buffer.alloc(length);
      const read = await act<number>(
        () => readSync(fd, buffer, 0, length, position),
        (done) => readLater(fd, buffer, 0, length, position, done),
      );
      return buffer.subarray(0, read);
    },
    readText: (encoding) =>
      act<string>(
        () => readFileSync(fd, encoding),
        (done) => readFile(fd, encoding, done),
      ),
    write: (bytes) =>
      act<number>(
        () => writeSync(fd, bytes),
        (done) => write(fd, bytes, done),
      ),
    writeText: (text, encoding) =>
      actOnly(
        () => writeFileSync(fd, text, encoding),
        (done) => writeFile(fd, text, encoding, done),
      ),
    sync: () => new Promise((resolve, reject) => fsync(fd, (error) => (error === null ? resolve() : reject(error)))),
    close: () =>
      actOnly(
        () => closeSync(fd),
        (done) => close(fd, done),
      ),
  };
}
