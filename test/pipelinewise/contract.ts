import { describe } from "vitest";
import { leftoverFacts } from "./leftovers.ts";
import { outcomeFacts } from "./outcomes.ts";
import { signalFacts } from "./signals.ts";
import { statusFacts } from "./status.ts";

/**
 * Holds a PipelineWise to what a scheduler was built on. The stand-in is honest as long as the same tests pass on the real one;
 * connectors are the stand-in's in both cases, so that a tap can be told what to do.
 *
 * @param program absolute path, called as cron would call it
 */
export function holdToContract(program: string): void {
  describe("what it says and returns", () => outcomeFacts(program));
  describe("signals", () => signalFacts(program));
  describe("what a run leaves behind, and what that does to the next", () => leftoverFacts(program));
  describe("status and import", () => statusFacts(program));
}
