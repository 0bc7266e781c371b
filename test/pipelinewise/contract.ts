import { describe } from "vitest";
import { besideFacts } from "./beside.ts";
import { commandFacts } from "./commands.ts";
import type { Dialect } from "./dialect.ts";
import { leftoverFacts } from "./leftovers.ts";
import { outcomeFacts } from "./outcomes.ts";
import { type NewSandbox, Sandbox } from "./sandbox.ts";
import { signalFacts } from "./signals.ts";
import { statusFacts } from "./status.ts";

/**
 * Holds a PipelineWise to what a scheduler was built on. The stand-in is honest as long as the same tests pass on the real one;
 * connectors are the stand-in's in both cases, so that a test can control a tap.
 *
 * @param program absolute path, called as cron would call it; @param dialect what it speaks
 */
export function holdToContract(program: string, dialect: Dialect): void {
  const newSandbox: NewSandbox = (behaviour, types) => new Sandbox(program, behaviour, { ...types, dialect });
  describe("what it says and returns", () => outcomeFacts(newSandbox, dialect));
  describe("commands, and the table copies among them", () => commandFacts(newSandbox, dialect));
  describe("signals", () => signalFacts(newSandbox));
  describe("what a run leaves behind, and what that does to the next", () => leftoverFacts(newSandbox));
  describe("status and import", () => statusFacts(newSandbox));
  describe("our program beside it", () => besideFacts(newSandbox, dialect));
}
