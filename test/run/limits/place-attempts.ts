import { checkOwners, type LockContext } from "../../../src/lock/liveness.ts";
import { type LockFs, removeIfEmpty } from "../../../src/lock/lock-directory.ts";
import { parseToken, shortBoot, tokenFileName } from "../../../src/lock/owner-record.ts";
import { reap, watchFromOutside } from "../../../src/lock/take-over.ts";
import type { StartLimit } from "../../../src/policies.ts";
import { type PlaceClaim, renderClaim } from "../../../src/run/limits/claim.ts";
import type { Owners } from "../../../src/run/limits/owners.ts";
import { openPlaces } from "../../../src/run/limits/places.ts";
import { placesDir, statePaths } from "../../../src/storage/paths.ts";
import {
  DEAD_TOKEN,
  type HeldScene,
  leaveDeadToken,
  realAttempt,
  type Spoil,
  workAlone,
} from "../../lock/interleaving/attempts.ts";
import type { MemoryFs } from "../../lock/interleaving/memory-fs.ts";
import type { Actor, Attempt } from "../../lock/interleaving/simulation.ts";

const LIMIT: StartLimit = { kind: "target", name: "redshift", places: 1 };
const paths = statePaths("/");
const PLACES = placesDir(paths, LIMIT.kind, LIMIT.name);
/** The only place of the limit. */
export const PLACE = `${PLACES}/0`;
const DEAD_LOCK = "dead";
export const DEAD_PLACE_FILE = `${PLACE}/${DEAD_TOKEN}.json`;

const lockDirectoryOf = (lock: string): string => `/${lock}.lock`;

const claimOf = (lock: string): PlaceClaim => ({
  ...{ target: LIMIT.name, lock, runId: "r", host: "here", since: "2026-11-23T12:00:00.000Z", limits: [LIMIT] },
});

/** Creates the directory of the limit. */
export function prepareLimit(fs: MemoryFs): void {
  const names = PLACES.split("/").slice(1);
  for (const [index] of names.entries()) fs.mkdir(`/${names.slice(0, index + 1).join("/")}`);
}

/** Leaves the place of a killed run, and its lock. */
export function leaveDeadPlace(fs: MemoryFs): void {
  prepareLimit(fs);
  leaveDeadToken(fs, lockDirectoryOf(DEAD_LOCK));
  fs.mkdir(PLACE);
  fs.create(DEAD_PLACE_FILE);
  fs.write(DEAD_PLACE_FILE, renderClaim(claimOf(DEAD_LOCK)));
}

async function contains(files: LockFs, directory: string, token: string): Promise<boolean> {
  return files.list(directory).then(
    (names) => names.includes(tokenFileName(token)),
    () => false,
  );
}

/** As `openOwners`, but on the file system of the simulation. */
const ownersOf = ({ lives }: Actor, { context }: HeldScene): Owners => ({
  findLocal: () => undefined,
  isLocal: () => false,
  async holdsLock(token, claim) {
    const owner = parseToken(token);
    const isLocal = owner?.boot === shortBoot(context.here.bootId);
    if (isLocal && lives(owner.pid - 1)) return true;
    if (claim === undefined) return !isLocal;
    const directory = lockDirectoryOf(claim.lock);
    const { files } = context;
    if (!(await contains(files, directory, token))) return false;
    await removeIfDead({ ...context, directory }, token);
    return contains(files, directory, token);
  },
});

async function removeIfDead(scene: LockContext, token: string): Promise<void> {
  let found = await checkOwners(scene, [token]);
  if (found.kind === "remote") {
    const expired = await watchFromOutside(scene, found.remote);
    if (expired === "alive" || expired === "gone") return;
    found = await checkOwners({ ...scene, expired }, [token]);
  }
  if (found.kind !== "dead") return;
  for (const leftover of found.leftovers) await reap(scene, leftover);
  await removeIfEmpty(scene.files, scene.directory);
}

/** A start that has its own lock, takes a place of the limit, and works if it gets one. */
export const placeAttempt = (spoil: Spoil = (files) => files): Attempt =>
  realAttempt({
    directoryOf: (id) => lockDirectoryOf(`tap${id}`),
    atOnce: true,
    async inside(actor, held) {
      const { id, fs, step, forget } = actor;
      const { token } = held;
      forget(token);
      // Other starts see a file in a place, so its removal is a step.
      const removeFile = (path: string) => step("removeFile", () => fs.unlink(path));
      const files = spoil({ ...held.files, removeFile }, actor);
      const owners = ownersOf(actor, held);
      const places = openPlaces({ paths, owners, uid: 0, files, prepare: async () => {} });
      const place = await places.take(LIMIT, token, claimOf(`tap${id}`));
      if (place === undefined) return false;
      forget(token);
      await workAlone(actor);
      await place.release();
      return true;
    },
  });
