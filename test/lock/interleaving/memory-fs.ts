import { dirname } from "node:path";
import type { LockFs } from "../../../src/lock/lock-directory.ts";

interface Entry {
  readonly kind: "directory" | "file";
  text: string;
  mtime: number;
}

const fault = (code: string): Error => Object.assign(new Error(code), { code });

/** A file system in memory. Every method is one atomic step, with POSIX's answers; its root is always there. */
export class MemoryFs {
  readonly #entries = new Map<string, Entry>();

  #at(path: string): Entry {
    const entry = this.#entries.get(path);
    if (entry === undefined) throw fault("ENOENT");
    return entry;
  }

  #put(path: string, entry: Entry): void {
    if (this.#entries.has(path)) throw fault("EEXIST");
    const parent = dirname(path);
    if (parent !== "/" && !this.#entries.has(parent)) throw fault("ENOENT");
    this.#entries.set(path, entry);
  }

  has(path: string): boolean {
    return this.#entries.has(path);
  }

  mkdir(path: string): void {
    this.#put(path, { kind: "directory", text: "", mtime: Date.now() });
  }

  create(path: string): void {
    this.#put(path, { kind: "file", text: "", mtime: Date.now() });
  }

  write(path: string, text: string): void {
    const entry = this.#entries.get(path);
    // A process that has the file open writes into it even after a rename.
    if (entry !== undefined) entry.text = text;
  }

  list(path: string): readonly string[] {
    if (path !== "/") this.#at(path);
    return [...this.#entries.keys()]
      .filter((name) => dirname(name) === path)
      .map((name) => name.slice(path.length + 1))
      .sort();
  }

  kind(path: string): "directory" | "other" {
    return this.#at(path).kind === "directory" ? "directory" : "other";
  }

  read(path: string): string {
    return this.#at(path).text;
  }

  mtime(path: string): Date {
    return new Date(this.#at(path).mtime);
  }

  touch(path: string, at: Date): void {
    this.#at(path).mtime = at.getTime();
  }

  rename(from: string, to: string): void {
    this.#at(from);
    // A directory replaces an empty one.
    if (this.#entries.get(to)?.kind === "directory" && this.list(to).length > 0) throw fault("ENOTEMPTY");
    for (const [path, entry] of [...this.#entries]) {
      if (path !== from && !path.startsWith(`${from}/`)) continue;
      this.#entries.delete(path);
      this.#entries.set(to + path.slice(from.length), entry);
    }
  }

  unlink(path: string): void {
    this.#at(path);
    this.#entries.delete(path);
  }

  rmdir(path: string): void {
    if (this.list(path).length > 0) throw fault("ENOTEMPTY");
    this.#entries.delete(path);
  }

  /** All that is there, as one text. Times are left out: nothing that is explored goes by them. */
  toString(): string {
    return [...this.#entries]
      .map(([path, { text }]) => `${path}=${text}`)
      .sort()
      .join("\n");
  }
}

/** Runs `act` when the scheduler lets this process go on. @param what tells the step in a report */
export type Step = <T>(what: string, act: () => T) => Promise<T>;

/** When a file changed last, by the file server's clock. */
export type BeatOf = (path: string) => number;

/**
 * The lock's view of it, every step of which waits for the scheduler. What no other process can see (a change of times; the
 * end of a token that was taken out of the directory) is no step of its own.
 *
 * @param beatOf where it matters: then a look at it is a step too
 */
export function memoryLockFs(fs: MemoryFs, step: Step, beatOf?: BeatOf): LockFs {
  return {
    makeDirectory: (path) => step("makeDirectory", () => fs.mkdir(path)),
    async create(path, text) {
      await step("create", () => fs.create(path));
      await step("write", () => fs.write(path, text));
    },
    list: (path) => step("list", () => fs.list(path)),
    kind: (path) => step("kind", () => fs.kind(path)),
    read: (path) => step("read", () => fs.read(path)),
    async times(path) {
      if (beatOf === undefined) return { mtime: fs.mtime(path), ctimeMs: 0 };
      const look = () => (fs.kind(path) === "directory" ? 0 : beatOf(path));
      return { mtime: new Date(0), ctimeMs: await step("times", look) };
    },
    touch: async (path, at) => fs.touch(path, at),
    rename: (from, to) => step("rename", () => fs.rename(from, to)),
    removeFile: async (path) => fs.unlink(path),
    removeDirectory: (path) => step("removeDirectory", () => fs.rmdir(path)),
  };
}
