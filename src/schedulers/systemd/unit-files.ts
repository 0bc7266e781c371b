import { lstat, mkdir, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "../../errors.ts";
import { storeFault } from "../../storage/store-error.ts";
import { type Mark, readFileMark } from "../owner-mark.ts";
import { PREFIX, type Unit } from "./units.ts";

/** A unit file as it is found. */
export interface FoundUnit extends Unit {
  /** `undefined`: not ours, a link, or no file at all. */
  readonly mark: Mark | undefined;
}

/** Where systemd keeps the timers that are started with it. */
const WANTS = "timers.target.wants";

/** What may follow is anyone's, and may quote one of ours. */
const firstLine = (text: string): string => text.slice(0, text.indexOf("\n"));

const isAbsent = (error: unknown): boolean => errorCode(error) === "ENOENT";

/** The unit files of our names in a folder, by name; none where there is no such folder. */
export async function readUnits(folder: string): Promise<ReadonlyMap<string, FoundUnit>> {
  const names = await readdir(folder).catch((error) => {
    if (isAbsent(error)) return [];
    throw storeFault("read", folder, error);
  });
  const found = new Map<string, FoundUnit>();
  for (const name of names.sort()) {
    if (!name.startsWith(PREFIX) || !/\.(service|timer)$/.test(name)) continue;
    const unit = await readUnit(folder, name);
    if (unit !== undefined) found.set(name, unit);
  }
  return found;
}

async function readUnit(folder: string, name: string): Promise<FoundUnit | undefined> {
  const path = join(folder, name);
  try {
    // A link is how a unit is masked, or put there by others.
    if (!(await lstat(path)).isFile()) return { name, text: "", mark: undefined };
    const text = await readFile(path, "utf8");
    return { name, text, mark: readFileMark(firstLine(text)) };
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw storeFault("read", path, error);
  }
}

/** Writes a unit file in one step; systemd passes over the name that it has meanwhile. */
export async function writeUnit(folder: string, { name, text }: Unit): Promise<void> {
  const path = join(folder, name);
  const beside = join(folder, `.${name}.${process.pid}.tmp`);
  try {
    await mkdir(folder, { recursive: true });
    await writeFile(beside, text, { mode: 0o644 });
    await rename(beside, path);
  } catch (error) {
    await rm(beside, { force: true }).catch(() => {});
    throw storeFault("write", path, error);
  }
}

/** Removes a unit file, and the link that starts it with systemd where that is left. */
export async function removeUnit(folder: string, name: string): Promise<void> {
  for (const path of [join(folder, name), join(folder, WANTS, name)]) {
    await rm(path, { force: true }).catch((error) => {
      throw storeFault("remove", path, error);
    });
  }
}
