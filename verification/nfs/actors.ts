import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import type { HolderState } from "../../src/lock/lock.ts";
import type { LockTiming } from "../../src/lock/timing.ts";
import { waitFor } from "../../test/support/wait.ts";
import type { Guest } from "./guest.ts";
import { type Laboratory, SHARE } from "./laboratory.ts";

export interface Ask {
  readonly verb: "take" | "start" | "release" | "await-loss";
  readonly tap: string;
}

/** What verification/nfs/actor.ts answers. */
export interface Answer {
  readonly kind: "acquired" | "held" | "failed" | "started" | "lost" | "released";
  /** Host that has the lock. */
  readonly by?: string | undefined;
  readonly state?: HolderState["kind"];
  readonly weakness?: string | undefined;
  /** Host whose dead run's lock was taken over. */
  readonly from?: string | undefined;
  /** Of the actor; of the pipeline that was started. */
  readonly pid?: number | undefined;
  readonly why?: string | undefined;
}

/** A process in a guest that takes locks. */
export interface Actor {
  readonly guest: Guest;
  ask(verb: Ask["verb"], tap: string, options?: { readonly withinMs?: number }): Promise<Answer>;
  /** By SIGKILL. */
  kill(): Promise<void>;
}

export interface Actors {
  /** Starts one. @param configDir below the share */
  start(guest: Guest, configDir: string, timing?: LockTiming): Promise<Actor>;
}

/** Bundles the actor into the laboratory. */
export async function prepareActors(laboratory: Laboratory): Promise<Actors> {
  const directory = join(laboratory.directory, "actors");
  const build = await rolldown({ input: fileURLToPath(new URL("./actor.ts", import.meta.url)), platform: "node" });
  await build.write({ dir: directory, format: "cjs", entryFileNames: "actor.cjs", chunkFileNames: "[name].cjs" });
  await build.close();
  let count = 0;
  return {
    async start(guest, configDir, timing) {
      const place = join(directory, String(++count));
      mkdirSync(place);
      // Guests are slow, and many locks are asked for at once: what counts as a broken share elsewhere is a busy one here.
      const patient = { flockTimeoutMs: 60_000, settleMs: 120_000 };
      const options = JSON.stringify({ ...patient, ...(timing === undefined ? {} : { timing }) });
      const words = `${process.execPath} ${directory}/actor.cjs ${place} ${SHARE}/${configDir} '${options}'`;
      await guest.run(
        `mkdir -p -m 700 ${SHARE}/${configDir}/.sched; ${words} >${place}/said 2>&1 & echo $! >${place}/pid`,
      );
      await waitFor(`an actor on ${guest.name}`, 60_000, () => existsSync(join(place, "ready")) || undefined);
      let asked = 0;
      return {
        guest,
        async ask(verb, tap, { withinMs = 60_000 } = {}) {
          const file = join(place, String(++asked));
          writeFileSync(`${file}.writing`, JSON.stringify({ verb, tap }));
          renameSync(`${file}.writing`, `${file}.ask`);
          await waitFor(`${guest.name}: ${verb} ${tap}`, withinMs, () => existsSync(`${file}.answer`) || undefined);
          return JSON.parse(readFileSync(`${file}.answer`, "utf8"));
        },
        kill: () => guest.run(`kill -9 ${readFileSync(join(place, "pid"), "utf8")}`).then(() => {}),
      };
    },
  };
}
