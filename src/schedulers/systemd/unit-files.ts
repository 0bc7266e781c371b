import { lstat, readdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { errorCode } from "../../errors.ts";
import { ioError } from "../../storage/store-error.ts";
import { replaceFile } from "../../system/replace-file.ts";
import { type Mark, readFileMark } from "../owner-mark.ts";
import { PREFIX, type Unit } from "./units.ts";

/** An existing unit file. */
export interface FoundUnit extends Unit {
  /** `undefined` if the file is a link, is not a regular file, or has no mark of this program. */
  readonly mark: Mark | undefined;
}

/** Directory with the links to the timers that systemd starts by itself. */
const WANTS = "timers.target.wants";

/** Reads a unit's ownership mark. Only the first line can be the mark; later lines may quote one. */
export const readUnitMark = (text: string): Mark | undefined => readFileMark(text.slice(0, text.indexOf("\n")));

const isAbsent = (error: unknown): boolean => errorCode(error) === "ENOENT";

/** Reads the unit files with this program's names, by name. The directory may be missing. */
export async function readUnits(directory: string): Promise<ReadonlyMap<string, FoundUnit>> {
  const names = await readdir(directory).catch((error) => {
    if (isAbsent(error)) return [];
    throw ioError("read", directory, error);
  });
  const found = new Map<string, FoundUnit>();
  for (const name of names.sort()) {
    if (!name.startsWith(PREFIX) || !/\.(service|timer)$/.test(name)) continue;
    const unit = await readUnit(directory, name);
    if (unit !== undefined) found.set(name, unit);
  }
  return found;
}

async function readUnit(directory: string, name: string): Promise<FoundUnit | undefined> {
  const path = join(directory, name);
  try {
    // A link masks a unit, or others created it.
    if (!(await lstat(path)).isFile()) return { name, text: "", mark: undefined };
    const text = await readFile(path, "utf8");
    return { name, text, mark: readUnitMark(text) };
  } catch (error) {
    if (isAbsent(error)) return undefined;
    throw ioError("read", path, error);
  }
}

/** Writes a unit file. systemd ignores the temporary file. */
export const writeUnit = (directory: string, { name, text }: Unit): Promise<void> =>
  replaceFile(join(directory, name), text, 0o644);

/** Removes a unit file, and the link by which systemd starts it. */
export async function removeUnit(directory: string, name: string): Promise<void> {
  for (const path of [join(directory, name), join(directory, WANTS, name)]) {
    await rm(path, { force: true }).catch((error) => {
      throw ioError("remove", path, error);
    });
  }
}
