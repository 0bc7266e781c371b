import { join } from "node:path";
import type { PipelineId } from "../command/request.ts";
import { readStateFile } from "../state-file.ts";

/** What we look at in PipelineWise's config.json; it is not ours, so anything may be missing. */
interface MainConfig {
  readonly targets?: readonly {
    readonly id?: unknown;
    readonly taps?: readonly { readonly id?: unknown; readonly enabled?: unknown }[];
  }[];
}

/**
 * Whether PipelineWise's config.json says that a tap is disabled: PipelineWise would refuse to run it. Whatever cannot be
 * read or understood is left to PipelineWise, which says it better.
 */
export async function isDisabled(configDir: string, { tap, target }: PipelineId): Promise<boolean> {
  try {
    const text = await readStateFile(join(configDir, "config.json"));
    const config: MainConfig | null = text === undefined ? null : JSON.parse(text);
    const taps = config?.targets?.find(({ id }) => id === target)?.taps;
    return taps?.find(({ id }) => id === tap)?.enabled === false;
  } catch {
    return false;
  }
}
