import { lstatSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { errorCode, StoreError } from "../errors.ts";
import { ioError } from "../storage/store-error.ts";

/** A time zone, and the text that follows "from" in a message about it. */
export interface MachineZone {
  readonly zone: string;
  readonly source: string;
}

const LOCALTIME = "/etc/localtime";
const ZONEINFO = "/usr/share/zoneinfo";
const MOST_LINKS = 8;
/** Entries of the zone directory that are no zones, or are zones with leap seconds or under another path. */
const NO_ZONES = new Set(["posix", "right", "localtime", "posixrules", "Factory"]);

/**
 * The time zone that cron uses: /etc/localtime, or UTC if that is missing. The TZ variable does not count, because cron
 * does not see it. /etc/timezone only decides which of several equal zones is meant.
 *
 * @param root directory that replaces `/`
 * @throws StoreError if /etc/localtime is a file that matches no known zone
 */
export function readMachineZone(root = "/"): MachineZone {
  const { path, zone } = followLinks(LOCALTIME, root);
  const bytes = readIfThere(join(root, path));
  if (bytes === undefined) return { zone: "UTC", source: `${LOCALTIME}, which is missing` };
  if (zone !== undefined) return { zone, source: LOCALTIME };
  const candidates = zoneCandidates(root);
  const equal = candidates.find((name) => readIfThere(join(root, ZONEINFO, name))?.equals(bytes));
  if (equal !== undefined) return { zone: equal, source: `${LOCALTIME}, a copy of its file` };
  // A copy from other zone data, such as the host's file in a container. Its last line has the rules that apply now.
  const rules = lastLine(bytes);
  const alike = candidates.find((name) => rules !== "" && rules === lastLine(readIfThere(join(root, ZONEINFO, name))));
  if (alike !== undefined) return { zone: alike, source: `${LOCALTIME}, which has its rules` };
  throw new StoreError(`${LOCALTIME} does not match any known time zone, so the zone that cron uses is unknown`, {
    hint: `Make it a link: ln -sf ${ZONEINFO}/Region/City ${LOCALTIME}`,
  });
}

/** The zone in /etc/timezone, which cron does not read; `undefined` if the file is missing or names no zone. */
export function readEtcTimezone(root = "/"): string | undefined {
  const said = readIfThere(join(root, "/etc/timezone"))?.toString().trim() ?? "";
  return /^[A-Za-z][\w+/-]*$/.test(said) ? said : undefined;
}

/** Follows the links of a path; also returns the zone that the first link into a zone directory names. */
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

/** All zones of the machine, the most likely name first: /etc/timezone's, then the principal names, then the aliases. */
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

function zoneFiles(directory: string, prefix: string): string[] {
  const entries = readIfThereDir(join(directory, prefix));
  return entries.flatMap((entry) => {
    if (prefix === "" && NO_ZONES.has(entry.name)) return [];
    const name = prefix === "" ? entry.name : `${prefix}/${entry.name}`;
    return entry.isDirectory() ? zoneFiles(directory, name) : [name];
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
    throw ioError("read", path, error);
  }
}
