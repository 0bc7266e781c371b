import { SECOND_MS } from "../../time-units.ts";
import { shortLimitWarning, type TimedSchedule } from "../longest-start.ts";
import { type CronicleCall, CronicleRefusal } from "./client.ts";
import { type FoundEvent, isEnabled, isRetired } from "./diff.ts";
import { type CronicleEvent, isEventOf } from "./event.ts";
import type { Category } from "./read.ts";

/** Groups of a new Cronicle. */
const KNOWN_GROUPS = ["allgrp", "maingrp"];

/** An install leaves an event disabled, so only a person can enable it. */
export const disabledWarning = ({ id, title = id }: FoundEvent): string =>
  `The event ${title} is disabled in Cronicle: it starts nothing until somebody enables it there.`;

/** Warnings about events whose timeout in Cronicle would stop a run that the policies of their entries allow. */
export const timeoutWarnings = (
  found: readonly FoundEvent[],
  { name, entries, limits }: TimedSchedule & { readonly name: string },
): readonly string[] =>
  found.flatMap(({ id, title = id, timeout }) => {
    const entry = entries.find((one) => isEventOf(name, one, id));
    // 0 turns the timeout off.
    if (entry === undefined || typeof timeout !== "number" || timeout === 0) return [];
    const what = `The timeout of the event ${title} in Cronicle`;
    const limit = { what, ms: timeout * SECOND_MS, remedy: "Set it to 0 in Cronicle, or higher." };
    return shortLimitWarning(limit, entry, { entries, limits }) ?? [];
  });

/** Warnings about a state of Cronicle in which it would not start the events, as far as the API key can see it. */
export async function findWarnings(
  call: CronicleCall,
  {
    found,
    wanted,
    category,
    target,
  }: {
    readonly found: readonly FoundEvent[];
    readonly wanted: readonly CronicleEvent[];
    readonly category: Category | undefined;
    readonly target: string | undefined;
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
  for (const { id } of wanted) {
    const first = found.find((event) => event.id === id);
    if (first === undefined || isEnabled(first) || isRetired(first)) continue;
    warnings.push(disabledWarning(first));
  }
  if (target === undefined) return warnings;
  const isKnown = KNOWN_GROUPS.includes(target) || found.some((event) => event["target"] === target);
  if (!isKnown && !(await serverNames(call)).includes(target)) {
    warnings.push(
      `No Cronicle server is named ${target} (API keys cannot list groups, so it may be a group). If it is misspelt, Cronicle accepts the event but never starts it.`,
    );
  }
  return warnings;
}

/** Reads the servers. Only administrators can see them. */
async function serverNames(call: CronicleCall): Promise<readonly string[]> {
  try {
    const { servers } = await call("get_servers", {});
    return Object.keys(Object(servers));
  } catch (error) {
    if (error instanceof CronicleRefusal) return [];
    throw error;
  }
}
