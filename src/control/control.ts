import type { Host } from "../host.ts";
import type { StatePaths } from "../state-paths.ts";

/** Who acts on a run from outside, and why. */
export interface Actor {
  /** `ada on host etl-1`. */
  readonly by: string;
  readonly why: string | undefined;
}

/** Where one acts, and who hears of it. */
export interface Control {
  readonly paths: StatePaths;
  readonly host: Host;
  /** Takes one sentence on how far it is. */
  readonly say: (text: string) => void;
}

/** Who did it, in a record's words: `ada on host etl-1 (maintenance)`. */
export const actorWords = ({ by, why }: Actor): string => (why === undefined ? by : `${by} (${why})`);
