import { type CronicleCall, CronicleRefusal } from "./client.ts";
import type { FoundEvent } from "./diff.ts";
import type { Category } from "./read.ts";

/** Groups that every Cronicle begins with. */
const KNOWN_GROUPS = ["allgrp", "maingrp"];

/** Warnings about a state of Cronicle in which it would not start the events, as far as the API key can see it. */
export async function findWarnings(
  call: CronicleCall,
  {
    found,
    category,
    target,
  }: {
    readonly found: readonly FoundEvent[];
    readonly category: Category | undefined;
    readonly target: string;
  },
): Promise<readonly string[]> {
  const { state }: { state?: { enabled?: unknown } } = await call("get_master_state", {});
  const warnings: string[] = [];
  if (state?.enabled !== undefined && state.enabled !== true && state.enabled !== 1) {
    warnings.push("Cronicle's scheduler is switched off: it starts nothing until it is switched on.");
  }
  if (category?.enabled === false) {
    warnings.push(`Cronicle's category ${category.title} is disabled: Cronicle does not start its events.`);
  }
  const isKnown = KNOWN_GROUPS.includes(target) || found.some((event) => event["target"] === target);
  if (!isKnown && !(await serverNames(call)).includes(target)) {
    warnings.push(
      `No Cronicle server is named ${target} (API keys cannot list groups, so it may be a group). If it is misspelt, Cronicle accepts the event but never starts it.`,
    );
  }
  return warnings;
}

/** Only administrators are shown them. */
async function serverNames(call: CronicleCall): Promise<readonly string[]> {
  try {
    const { servers } = await call("get_servers", {});
    return Object.keys(Object(servers));
  } catch (error) {
    if (error instanceof CronicleRefusal) return [];
    throw error;
  }
}
