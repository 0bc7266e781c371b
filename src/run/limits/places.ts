import { join } from "node:path";
import { errorCode } from "../../errors.ts";
import { diskLockFs, type LockFs, removeIfEmpty, renameOnce } from "../../lock/lock-directory.ts";
import { parseToken } from "../../lock/owner-record.ts";
import type { StartLimit } from "../../policies.ts";
import { ensureDirectory } from "../../storage/directory.ts";
import { placesDir, type StatePaths } from "../../storage/paths.ts";
import { type PlaceClaim, parseClaim, renderClaim } from "./claim.ts";
import { usablePlaces } from "./grant.ts";
import type { Owners } from "./owners.ts";

/** A place of a limit that is taken. */
export interface Place {
  /** Its number, from 0. */
  readonly index: number;
  readonly token: string;
  /** `undefined` if its file is garbled. */
  readonly claim: PlaceClaim | undefined;
}

/** A place that this process has. */
export interface OwnPlace {
  release(): Promise<void>;
}

const FILE = /^(.+)\.json$/;
const INDEX = /^\d{1,6}$/;

const fileName = (token: string): string => `${token}.json`;

const tokenOf = (name: string): string | undefined => {
  const token = FILE.exec(name)?.[1];
  return token !== undefined && parseToken(token) !== undefined ? token : undefined;
};

/** Result of an operation; `undefined` if another process has removed the file or directory first. */
async function unlessGone<T>(work: Promise<T>): Promise<T | undefined> {
  try {
    return await work;
  } catch (error) {
    if (errorCode(error) === "ENOENT" || errorCode(error) === "ENOTDIR") return undefined;
    throw error;
  }
}

/**
 * Frees a place: moves the token's file out of its directory, which is then empty. Only the first process that does it
 * moves the file. It is not removed in the directory, because over NFS that may leave a file there.
 */
async function free(files: LockFs, directory: string, index: number, token: string): Promise<void> {
  const place = `${directory}/${index}`;
  const gone = `${directory}/.${token}.${index}.gone`;
  if (await renameOnce(files, `${place}/${fileName(token)}`, gone)) await unlessGone(files.removeFile(gone));
  await removeIfEmpty(files, place);
}

/** Removes a place that a killed start was preparing or removing. */
async function removeLeftover(files: LockFs, path: string): Promise<void> {
  const names = await unlessGone(files.list(path));
  if (names === undefined) {
    await unlessGone(files.removeFile(path));
    return;
  }
  for (const name of names) await unlessGone(files.removeFile(join(path, name)));
  await removeIfEmpty(files, path);
}

const LEFTOVER = /^\.(\w+\.\d+\.\d+\.\d+\.[0-9a-f]+)(?:\.\d+\.gone)?$/;

interface PlacesOptions {
  readonly paths: StatePaths;
  readonly owners: Owners;
  readonly uid: number;
  /** A test can replace these two. */
  readonly files?: LockFs;
  readonly prepare?: typeof ensureDirectory;
}

/** The places of all limits. */
export interface Places {
  /** The places of a limit that are taken. Frees those whose owner no longer has its lock. */
  read(limit: StartLimit): Promise<readonly Place[]>;
  /** Takes a place; `undefined` if the limit is reached. */
  take(limit: StartLimit, token: string, claim: PlaceClaim): Promise<OwnPlace | undefined>;
}

/**
 * Opens the places of all limits.
 *
 * A place is a directory that contains the file of its owner. It is prepared under another name and then renamed: the
 * rename fails if a directory with a file has that name, so a place has one owner. A process frees the place of an
 * owner by the token in the file name, so it never frees the place of a later owner.
 */
export function openPlaces(options: PlacesOptions): Places {
  const { paths, owners, uid, files = diskLockFs, prepare = ensureDirectory } = options;
  const claims = new Map<string, PlaceClaim>();

  async function readClaim(path: string, token: string): Promise<PlaceClaim | undefined> {
    const known = claims.get(token);
    if (known !== undefined) return known;
    const text = await unlessGone(files.read(path));
    const claim = text === undefined ? undefined : parseClaim(text);
    if (claim !== undefined) claims.set(token, claim);
    return claim;
  }

  async function readPlace(directory: string, index: number): Promise<readonly Place[]> {
    const names = (await unlessGone(files.list(`${directory}/${index}`))) ?? [];
    const found: Place[] = [];
    for (const token of names.flatMap((name) => tokenOf(name) ?? [])) {
      const claim = await readClaim(`${directory}/${index}/${fileName(token)}`, token);
      if (await owners.holdsLock(token, claim)) found.push({ index, token, claim });
      else await free(files, directory, index, token);
    }
    return found;
  }

  async function prune(directory: string, names: readonly string[]): Promise<void> {
    for (const name of names) {
      const token = LEFTOVER.exec(name)?.[1];
      if (token === undefined) continue;
      const path = `${directory}/${name}`;
      const file = name.endsWith(".gone") ? path : `${path}/${fileName(token)}`;
      if (!(await owners.holdsLock(token, await readClaim(file, token)))) await removeLeftover(files, path);
    }
  }

  async function read(limit: StartLimit): Promise<readonly Place[]> {
    const directory = placesDir(paths, limit.kind, limit.name);
    const names = (await unlessGone(files.list(directory))) ?? [];
    await prune(directory, names);
    const places: Place[] = [];
    for (const name of names) if (INDEX.test(name)) places.push(...(await readPlace(directory, Number(name))));
    return places;
  }

  /** Renames the prepared directory to a free place. @returns whether this process has the place now */
  async function claimPlace(prepared: string, place: string, token: string): Promise<boolean> {
    try {
      await files.rename(prepared, place);
    } catch (error) {
      if (["ENOTEMPTY", "EEXIST"].includes(errorCode(error) ?? "")) return false;
      // An NFS client may repeat a rename whose answer was lost.
      if (errorCode(error) !== "ENOENT") throw error;
    }
    return ((await unlessGone(files.list(place))) ?? []).includes(fileName(token));
  }

  return {
    read,
    async take(limit, token, claim) {
      const directory = placesDir(paths, limit.kind, limit.name);
      const taken = (await read(limit)).map(({ index }) => index);
      const usable = usablePlaces(taken, limit.places);
      const candidates = Array.from({ length: usable }, (_, index) => index).filter((index) => !taken.includes(index));
      if (candidates.length === 0) return undefined;
      const prepared = `${directory}/.${token}`;
      await prepare(paths, directory, uid);
      await removeLeftover(files, prepared);
      await files.makeDirectory(prepared);
      await files.create(`${prepared}/${fileName(token)}`, renderClaim(claim));
      for (const index of candidates) {
        if (await claimPlace(prepared, `${directory}/${index}`, token)) {
          return { release: () => free(files, directory, index, token) };
        }
      }
      await removeLeftover(files, prepared);
      return undefined;
    },
  };
}
