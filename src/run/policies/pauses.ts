import { basename, dirname } from "node:path";
import { SchedError, StoreError } from "../../errors.ts";
import { connectorIdError, type PipelineScope, scopeLabel } from "../../pipeline-id.ts";
import { ensureDirectory } from "../../storage/directory.ts";
import { readStateFile, removeStateFile, writeStateFile } from "../../storage/file.ts";
import { pauseFile, type StatePaths } from "../../storage/paths.ts";
import { renderInstant } from "../../text/format-time.ts";
import { listPausesDir, listTargetDir } from "./pause-files.ts";

const ENDING = ".json";

/** Keeps the pipelines of a scope from being started. */
export interface Pause {
  /** `ada on host etl-1`. */
  readonly by: string;
  readonly reason?: string | undefined;
  readonly since: Date;
  /** Its end; `undefined`: the pause lasts until `resume`. Each host compares it with its own clock. */
  readonly until?: Date | undefined;
}

export interface ScopedPause extends Pause {
  readonly scope: PipelineScope;
}

export const isSameScope = (one: PipelineScope, other: PipelineScope): boolean =>
  one.target === other.target && one.tap === other.tap;

/** The command that ends the pause of a scope. */
export function resumeCommand({ tap, target }: PipelineScope): string {
  const words = [...(tap === undefined ? [] : ["--tap", tap]), ...(target === undefined ? [] : ["--target", target])];
  return ["pipelinewise-sched", "resume", ...(words.length === 0 ? ["--all"] : words)].join(" ");
}

/** Such as `by ada on host etl-1 since 2026-11-23 12:00:00Z until 2026-11-23 14:00:00Z (the source is moved)`. */
export function renderPause({ by, reason, since, until }: Pause): string {
  const end = until === undefined ? "" : ` until ${renderInstant(until)}`;
  return `by ${by} since ${renderInstant(since)}${end}${reason === undefined ? "" : ` (${reason})`}`;
}

/** Whether a pause is in force. */
const isActive = ({ until }: Pause, now: Date): boolean => until === undefined || until > now;

/** Whether a pause was in force at an earlier time. */
const wasActive = (pause: Pause, at: Date): boolean => pause.since <= at && isActive(pause, at);

/** The pause as it is stored. */
export const encodePause = ({ by, reason, since, until }: Pause): string =>
  `${JSON.stringify({ by, reason, since: since.toISOString(), until: until?.toISOString() })}\n`;

function instant(value: unknown): Date | undefined {
  const at = typeof value === "string" ? new Date(value) : undefined;
  return at === undefined || Number.isNaN(at.getTime()) ? undefined : at;
}

/** The pause in a file's text; `undefined` if the text is garbled. */
export function parsePause(text: string): Pause | undefined {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== "object" || value === null) return undefined;
    const { by, reason, ...times }: Partial<Record<string, unknown>> = { ...value };
    const [since, until] = [instant(times["since"]), instant(times["until"])];
    if (typeof by !== "string" || since === undefined) return undefined;
    if (until === undefined && times["until"] !== undefined) return undefined;
    return { by, reason: typeof reason === "string" ? reason : undefined, since, until };
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/**
 * The pause of a scope, which may be over; `undefined` if there is none.
 *
 * @throws StoreError if the file cannot be read or is garbled: the pipelines count neither as paused nor as not paused
 */
async function readPause(paths: StatePaths, scope: PipelineScope): Promise<ScopedPause | undefined> {
  const path = pauseFile(paths, scope);
  const text = await readStateFile(path);
  if (text === undefined) return undefined;
  const pause = parsePause(text);
  if (pause !== undefined) return { ...pause, scope };
  throw new StoreError(`${path} is garbled, so it is unknown whether ${scopeLabel(scope)} may start`, {
    hint: `Remove it to let them start: ${resumeCommand(scope)}. Or replace it: pause them again.`,
  });
}

/**
 * The pauses of these scopes that are in force.
 *
 * @param slot the due time of a start that catches up: a pause counts too if it was in force at that time
 */
export async function readPauses(
  paths: StatePaths,
  scopes: readonly PipelineScope[],
  { now, slot }: { readonly now: Date; readonly slot?: Date | undefined },
): Promise<readonly ScopedPause[]> {
  const pauses = await Promise.all(scopes.map((scope) => readPause(paths, scope)));
  return pauses
    .filter((pause) => pause !== undefined)
    .filter((pause) => isActive(pause, now) || (slot !== undefined && wasActive(pause, slot)));
}

const DISABLED =
  "is paused by `enabled: false` in the schedule file; to resume: remove that key, then install the schedule again";

/**
 * Describes why a pipeline is paused, as a sentence fragment that follows its name; empty if it is not paused.
 *
 * @param options.isDisabled whether the schedule file pauses the entry
 */
export function describePauses(
  pauses: readonly ScopedPause[],
  { isDisabled, now }: { readonly isDisabled: boolean; readonly now: Date },
): string {
  const reasons = pauses.map((pause) => {
    const others = pause.scope.tap === undefined ? ` with ${scopeLabel(pause.scope)}` : "";
    return isActive(pause, now)
      ? `is paused${others} ${renderPause(pause)}; to resume: ${resumeCommand(pause.scope)}`
      : `was paused${others} ${renderPause(pause)} when it was due`;
  });
  return [...reasons, ...(isDisabled ? [DISABLED] : [])].join("; it ");
}

/** A pause file that cannot be read. Every start in its scope ends with this error. */
interface PauseFault {
  readonly scope: PipelineScope;
  readonly error: SchedError;
}

/** The scopes that have a pause file, by target and tap. */
async function listScopes(paths: StatePaths): Promise<readonly PipelineScope[]> {
  const all = basename(pauseFile(paths, {}));
  const top = await listPausesDir(paths);
  const targets = top.filter((name) => connectorIdError(name) === undefined).sort();
  const ofTargets = targets.map(async (target): Promise<readonly PipelineScope[]> => {
    const names = [...(await listTargetDir(paths, target, top))].sort();
    const taps = names.flatMap((name) => (name.endsWith(ENDING) ? [name.slice(0, -ENDING.length)] : []));
    return [
      ...(names.includes(all) ? [{ target }] : []),
      ...taps.filter((tap) => connectorIdError(tap) === undefined).map((tap) => ({ target, tap })),
    ];
  });
  return [...(top.includes(all) ? [{}] : []), ...(await Promise.all(ofTargets)).flat()];
}

/** The pauses in force of a config directory, and the pause files that cannot be read. */
export interface Pauses {
  readonly active: readonly ScopedPause[];
  readonly faults: readonly PauseFault[];
}

/** Reads all pauses. */
export async function listPauses(paths: StatePaths, now: Date): Promise<Pauses> {
  const active: ScopedPause[] = [];
  const faults: PauseFault[] = [];
  const attempt = async <T>(scope: PipelineScope, read: () => Promise<T>): Promise<T | undefined> => {
    try {
      return await read();
    } catch (error) {
      if (!(error instanceof SchedError)) throw error;
      faults.push({ scope, error });
      return undefined;
    }
  };
  for (const scope of (await attempt({}, () => listScopes(paths))) ?? []) {
    const pause = await attempt(scope, () => readPause(paths, scope));
    if (pause !== undefined && isActive(pause, now)) active.push(pause);
  }
  return { active, faults };
}

/** Pauses a scope, or replaces its pause. */
export async function writePause(paths: StatePaths, { scope, ...pause }: ScopedPause, uid: number): Promise<void> {
  const path = pauseFile(paths, scope);
  await ensureDirectory(paths, dirname(path), uid);
  await writeStateFile(path, encodePause(pause));
}

/** Ends the pause of a scope, also if its file is garbled. */
export const removePause = (paths: StatePaths, scope: PipelineScope): Promise<void> =>
  removeStateFile(pauseFile(paths, scope));
