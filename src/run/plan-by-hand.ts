import { UsageError } from "../errors.ts";
import type { StoredEntry } from "../installed/schedule.ts";
import { DEFAULT_COMMAND, type EntryId, entryKey, entryLabel } from "../pipeline-id.ts";
import { type Installed, isEntry, type PlanContext, planOf, type RunPlan, type RunRequest } from "./plan.ts";

const isPair = (entry: EntryId, wanted: RunRequest): boolean =>
  entry.tap === wanted.tap && entry.target === wanted.target;

/**
 * The entries for a run by hand. Both names of fast sync fit an entry with either, unless an entry has exactly the
 * wanted name.
 */
function findFitting(request: RunRequest, wanted: EntryId, entries: readonly StoredEntry[]): readonly StoredEntry[] {
  const fits = entries.filter(
    (entry) => isEntry(entry, wanted) && (request.id === undefined || entry.id === request.id),
  );
  const exact = fits.filter(({ command }) => command === wanted.command);
  return exact.length > 0 ? exact : fits;
}

/** The installed entry for a run by hand; `undefined` if the pipeline has none for this command. */
function chooseEntry(request: RunRequest, wanted: EntryId, ofPair: readonly StoredEntry[]): StoredEntry | undefined {
  const fits = findFitting(request, wanted, ofPair);
  if (fits.length > 1) {
    throw new UsageError(
      `${entryLabel(wanted)} appears ${fits.length} times in the schedule: ${fits.map(({ id }) => id).join(", ")}`,
      "Choose one with --id ID.",
    );
  }
  if (fits[0] === undefined && request.id !== undefined) {
    const known = ofPair
      .filter(({ id }) => id !== undefined)
      .map(({ command, id }) => `${command === wanted.command ? "" : `--command ${command} `}--id ${id}`)
      .join(", ");
    throw new UsageError(
      `${request.tap} → ${request.target} has no installed entry ${entryKey(wanted)}`,
      known === "" ? "Remove --id: no entry of this pipeline has an id." : `Use one of these: ${known}`,
    );
  }
  return fits[0];
}

/**
 * The plan of a run by hand: the installed entry if there is one, otherwise only the config directory.
 *
 * @param installed all schedules to search
 */
export function planByHand(request: RunRequest, installed: readonly Installed[], context: PlanContext): RunPlan {
  const wanted: EntryId = { ...request, command: request.command ?? DEFAULT_COMMAND };
  const having = installed.filter(({ storedSchedule }) =>
    storedSchedule.entries.some((entry) => isPair(entry, request)),
  );
  const fitting = having.filter(
    ({ storedSchedule }) => findFitting(request, wanted, storedSchedule.entries).length > 0,
  );
  const candidates = fitting.length > 0 ? fitting : having;
  if (candidates.length > 1) {
    throw new UsageError(
      `${request.tap} → ${request.target} is in several installed schedules: ${candidates.map(({ storedSchedule }) => storedSchedule.name).join(", ")}`,
      "Choose one with --schedule NAME.",
    );
  }
  const from = candidates[0];
  const ofPair = from?.storedSchedule.entries.filter((entry) => isPair(entry, request)) ?? [];
  const entry = chooseEntry(request, wanted, ofPair);
  return planOf(entry ?? wanted, from, request, context);
}
