import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { errorCode, StoreError } from "../errors.ts";
import { storeFault } from "../storage/store-error.ts";

/** A zone, and where we have it from, in words that go behind "from". */
export interface MachineZone {
  readonly zone: string;
  readonly source: string;
}

const LOCALTIME = "/etc/localtime";
const ZONEINFO = "/usr/share/zoneinfo";
const MOST_LINKS = 8;
/** What lies in the zone folder and is none, or is one with leap seconds or by another path. */
const NO_ZONES = new Set(["posix", "right", "localtime", "posixrules", "Factory"]);

/**
 * The zone that cron follows: /etc/localtime, and UTC where there is none. The caller's TZ is not asked, as cron does
 * not see it; nor is /etc/timezone, except to tell which of several equal zones is meant.
 *
 * @param root folder to take for `/`
 * @throws StoreError where /etc/localtime is a file of no known zone
 */
export function readMachineZone(root = "/"): MachineZone {
  const { path, zone } = followLinks(LOCALTIME, root);
  const bytes = readIfThere(join(root, path));
  if (bytes === undefined) return { zone: "UTC", source: `${LOCALTIME}, which is missing` };
  if (zone !== undefined) return { zone, source: LOCALTIME };
  const candidates = zoneCandidates(root);
  const equal = candidates.find((name) => readIfThere(join(root, ZONEINFO, name))?.equals(bytes));
  if (equal !== undefined) return { zone: equal, source: `${LOCALTIME}, a copy of its file` };
  // A copy made with other zone data, such as a host's file in a container: the rules in force now are its last line.
  const rules = lastLine(bytes);
  const alike = candidates.find((name) => rules !== "" && rules === lastLine(readIfThere(join(root, ZONEINFO, name))));
  if (alike !== undefined) return { zone: alike, source: `${LOCALTIME}, which has its rules` };
  throw new StoreError(`${LOCALTIME} does not match any known time zone, so the zone that cron uses is unknown`, {
    hint: `Make it a link: ln -sf ${ZONEINFO}/Region/City ${LOCALTIME}`,
  });
}

/** What /etc/timezone says, which cron does not read; `undefined` where it is missing or names no zone. */
export function readEtcTimezone(root = "/"): string | undefined {
  const said = readIfThere(join(root, "/etc/timezone"))?.toString().trim() ?? "";
  return /^[A-Za-z][\w+/-]*$/.test(said) ? said : undefined;
}

/** Where a path leads, and the zone that the first link into a zone folder names. */
function followLinks(start: string, root: string): { readonly path: string; readonly zone?: string } {
  let path = start;
  for (let count = 0; count < MOST_LINKS; count++) {
    if (!lstatSync(join(root, path), { throwIfNoEntry: false })?.isSymbolicLink()) break;
    path = resolve(path, "..", readlinkSync(join(root, path)));
    const zone = /\/zoneinfo\/(?:posix\/)?(.+)$/.exec(path)?.[1];
    if (zone !== undefined && !NO_ZONES.has(zone)) return { path, zone };
  }
  return { path };
}

/** Every zone of the machine, the likeliest name first: /etc/timezone's, then the principal names, then the links. */
function zoneCandidates(root: string): readonly string[] {
  const said = readEtcTimezone(root);
  const table = readIfThere(join(root, ZONEINFO, "zone1970.tab"))?.toString() ?? "";
  const principal = [...table.matchAll(/^[^#\t]+\t[^\t]+\t([^\t\n]+)/gm)].map(([, name = ""]) => name);
  return [
    ...new Set([
      ...(said === undefined ? [] : [said]),
      "Etc/UTC",
      ...principal,
      ...zoneFiles(join(root, ZONEINFO), ""),
    ]),
  ];
}

function zoneFiles(folder: string, prefix: string): string[] {
  const entries = readIfThereDir(join(folder, prefix));
  return entries.flatMap((entry) => {
    if (prefix === "" && NO_ZONES.has(entry.name)) return [];
    const name = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
    return entry.isDirectory() ? zoneFiles(folder, name) : [name];
  });
}

const lastLine = (bytes: Buffer | undefined): string => bytes?.toString("latin1").trimEnd().split("\n").at(-1) ?? "";

function readIfThere(path: string): Buffer | undefined {
  return orNothing(path, () => readFileSync(path));
}

function readIfThereDir(path: string) {
  return orNothing(path, () => readdirSync(path, { withFileTypes: true })) ?? [];
}

function orNothing<T>(path: string, read: () => T): T | undefined {
  try {
    return read();
  } catch (error) {
    if (["ENOENT", "ENOTDIR", "EISDIR", "ELOOP"].includes(errorCode(error) ?? "")) return undefined;
    throw storeFault("read", path, error);
  }
}
