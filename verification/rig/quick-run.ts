import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import type { LockTiming } from "../../src/lock/timing.ts";

const QUICK_DOOR = fileURLToPath(new URL("./quick-door.ts", import.meta.url));

/** Bundles the product's `run` with other times of its lock into a directory. @returns the words that call it */
export async function buildQuickRun(dir: string, timing: LockTiming): Promise<readonly string[]> {
  const build = await rolldown({ input: QUICK_DOOR, platform: "node", transform: { target: "node20" } });
  await build.write({ dir, format: "cjs", entryFileNames: "quick.cjs", chunkFileNames: "[name].cjs" });
  await build.close();
  return [process.execPath, join(dir, "quick.cjs"), JSON.stringify(timing)];
}
