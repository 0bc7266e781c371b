import { dirname } from "node:path";
import { errorCode, SchedError } from "../errors.ts";
import type { Remote, Scene, Silence } from "./contenders.ts";
import { processLives } from "./process-table.ts";
import { silentMs } from "./silence.ts";
import { parseToken, renderToken, shortBoot, type TokenOwner, tokenFileName } from "./token.ts";

/** What came of watching a holder: its silence, a sign of life, or `gone`: its record was taken away meanwhile. */
export type Watched = Silence | "alive" | "gone";

/** A holder that gave a sign of life within so many heartbeats lives, as far as anyone can tell. */
const FRESH_BEATS = 3;
/** Between two looks no sign of life may have gone unseen for longer: the holder may have been kept from giving one. */
const GAP_BEATS = 2.5;
/** A share that makes us begin anew for so many leases proves nothing, and a start that stays for ever helps no one. */
const LONGEST_LEASES = 4;

/** Younger than three heartbeats by the server's clock. One from the future tells only that this clock was set back. */
async function isFresh(scene: Scene, { token, heartbeatMs }: Remote): Promise<boolean> {
  const silent = await silentMs(scene, token);
  return silent < FRESH_BEATS * heartbeatMs && silent > -heartbeatMs;
}

/** Sees no change for a whole lease, on our own clock and without a gap. */
async function outlast(scene: Scene, { token, heartbeatMs, leaseMs }: Remote): Promise<Watched> {
  const { files, folder, clock, patience } = scene;
  const beatOf = async () => (await files.times(`${folder}/${tokenFileName(token)}`)).ctimeMs;
  let over = false;
  const giveUp = patience.giveUp?.then(() => {
    over = true;
  });
  const beatMs = await beatOf();
  const begun = clock.sinceBootMs();
  /** From here on we know it silent. */
  let since = begun;
  let seenAt = begun;
  for (;;) {
    await clock.pause(heartbeatMs, giveUp);
    const askedAt = clock.sinceBootMs();
    if (over || askedAt - begun > LONGEST_LEASES * leaseMs) return "alive";
    try {
      if ((await beatOf()) !== beatMs) return "alive";
    } catch (error) {
      // What the share cannot tell now it may tell at the next look; if that comes too late, the gap says so.
      if (errorCode(error) === "ENOENT" || error instanceof SchedError) throw error;
      continue;
    }
    const answeredAt = clock.sinceBootMs();
    if (answeredAt - seenAt > GAP_BEATS * heartbeatMs) since = answeredAt;
    seenAt = askedAt;
    if (askedAt - since >= leaseMs) return { token, beatMs };
  }
}

const WATCH = /\.([^/]+)\.watch$/;

/** Who is watching this lock, on this host and not by us. */
function otherWatchers(scene: Scene, names: readonly string[]): readonly TokenOwner[] {
  const { folder, here } = scene;
  const lives = scene.processes?.processLives ?? processLives;
  const before = `${folder.slice(dirname(folder).length + 1)}.`;
  return names
    .filter((name) => name.startsWith(before))
    .flatMap((name) => parseToken(WATCH.exec(name.slice(before.length - 1))?.[1] ?? "") ?? [])
    .filter(({ boot, pidNamespace }) => boot === shortBoot(here.bootId) && pidNamespace === here.pidNamespace)
    .filter(({ pid, startTicks }) => pid !== here.pid && lives(pid, startTicks));
}

/** Whether we are the one of this host that watches: of two that begin at once, the older process. */
async function alone(scene: Scene): Promise<boolean> {
  const { files, folder, here } = scene;
  const others = otherWatchers(scene, await files.list(dirname(folder)));
  return !others.some(
    ({ startTicks, pid }) => startTicks < here.startTicks || (startTicks === here.startTicks && pid < here.pid),
  );
}

/**
 * Stays with another host's holder until it gives a sign of life, or has been silent for its lease and is thereby dead: by
 * then it has stopped its pipeline, if it still runs at all.
 *
 * Of one pipeline's starts on a host one stays, so that they do not heap up.
 *
 * @returns at once for a holder that gave a sign of life just now
 */
export async function watchRemote(scene: Scene, remote: Remote): Promise<Watched> {
  const { files, folder, here, nonce, patience } = scene;
  try {
    if (await isFresh(scene, remote)) return "alive";
    const mark = `${folder}.${renderToken(here, nonce)}.watch`;
    await files.create(mark, "");
    try {
      if (!(await alone(scene))) return "alive";
      patience.onWatch?.(remote.holder, remote.leaseMs);
      return await outlast(scene, remote);
    } finally {
      await files.removeFile(mark).catch(() => {});
    }
  } catch (error) {
    if (errorCode(error) === "ENOENT") return "gone";
    throw error;
  }
}
