import * as fs from "node:fs";

/**
 * What a tick needs of the file system, as promises. node:fs/promises has it too, but loading it, and each of its trips
 * to another thread, takes a skipped tick longer than all else that it does.
 *
 * So it is asked at once where nothing that is mounted could make us wait for ever, and asynchronously where a share
 * might hang, so that it does not hang us.
 */

/** Kinds of file systems that answer from this machine alone. */
const LOCAL =
  /^(?:ext[234]|xfs|btrfs|zfs|f2fs|overlay|squashfs|erofs|iso9660|vfat|ramfs|rootfs|tmpfs|devtmpfs|devpts|proc|sysfs|cgroup2?|mqueue|hugetlbfs|securityfs|debugfs|tracefs|configfs|pstore|efivarfs|bpf|binfmt_misc|fusectl|rpc_pipefs|nsfs|selinuxfs|fuse\.lxcfs)$/;

/** proc_pid_mountinfo(5): the mount point is the fifth word, the kind the first behind ` - `. systemd's own autofs mounts no share. */
function isLocal(mount: string): boolean {
  const [place = "", kind = ""] = mount.split(" - ");
  return LOCAL.test(kind.split(" ", 1)[0] ?? "") || place.split(" ")[4] === "/proc/sys/fs/binfmt_misc";
}

/** Whether every mount in the text of /proc/self/mountinfo is local. */
export const allLocal = (mountinfo: string): boolean =>
  mountinfo
    .split("\n")
    .filter((line) => line !== "")
    .every(isLocal);

let local: boolean | undefined;

/** Looked at once; /proc never hangs. Where it is not there, nothing is known. */
function nothingHangs(): boolean {
  try {
    local ??= allLocal(fs.readFileSync("/proc/self/mountinfo", "latin1"));
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

export const lstat = (path: string): Promise<fs.Stats> =>
  act<fs.Stats>(
    () => fs.lstatSync(path),
    (done) => fs.lstat(path, done),
  );
export const stat = (path: string): Promise<fs.Stats> =>
  act<fs.Stats>(
    () => fs.statSync(path),
    (done) => fs.stat(path, done),
  );
export const realpath = (path: string): Promise<string> =>
  act<string>(
    () => fs.realpathSync.native(path),
    (done) => fs.realpath.native(path, done),
  );
export const readdir = (path: string): Promise<string[]> =>
  act<string[]>(
    () => fs.readdirSync(path),
    (done) => fs.readdir(path, done),
  );
export const mkdir = (path: string, { mode }: { readonly mode: number }): Promise<void> =>
  actOnly(
    () => fs.mkdirSync(path, mode),
    (done) => fs.mkdir(path, mode, done),
  );
export const rename = (from: string, to: string): Promise<void> =>
  actOnly(
    () => fs.renameSync(from, to),
    (done) => fs.rename(from, to, done),
  );
/** Removes a file; one that is not there is fine. */
export const removeFile = (path: string): Promise<void> =>
  actOnly(
    () => fs.rmSync(path, { force: true }),
    (done) => fs.rm(path, { force: true }, done),
  );

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
  /** Never at once: a disk may take its time. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** @param flags as `fs.constants` has them; @param mode of a file that is made */
export async function open(path: string, flags: number, mode?: number): Promise<OpenFile> {
  const fd = await act<number>(
    () => fs.openSync(path, flags, mode),
    (done) => fs.open(path, flags, mode, done),
  );
  return {
    fd,
    stat: () =>
      act<fs.Stats>(
        () => fs.fstatSync(fd),
        (done) => fs.fstat(fd, done),
      ),
    async readAt(position, length) {
      const buffer = Buffer.alloc(length);
      const read = await act<number>(
        () => fs.readSync(fd, buffer, 0, length, position),
        (done) => fs.read(fd, buffer, 0, length, position, done),
      );
      return buffer.subarray(0, read);
    },
    readText: (encoding) =>
      act<string>(
        () => fs.readFileSync(fd, encoding),
        (done) => fs.readFile(fd, encoding, done),
      ),
    write: (bytes) =>
      act<number>(
        () => fs.writeSync(fd, bytes),
        (done) => fs.write(fd, bytes, done),
      ),
    writeText: (text, encoding) =>
      actOnly(
        () => fs.writeFileSync(fd, text, encoding),
        (done) => fs.writeFile(fd, text, encoding, done),
      ),
    sync: () => new Promise((resolve, reject) => fs.fsync(fd, (error) => (error === null ? resolve() : reject(error)))),
    close: () =>
      actOnly(
        () => fs.closeSync(fd),
        (done) => fs.close(fd, done),
      ),
  };
}
