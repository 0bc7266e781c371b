import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { errorMessage, StoreError } from "../errors.ts";
import { type Host, userName } from "../host.ts";
import { type StoredInstall, schedulersOf } from "../installed/schedule.ts";
import type { InstalledSchedule } from "../installed/store.ts";
import { type EntryId, entryPath } from "../pipeline-id.ts";
import { loadScheduler } from "../schedulers/registry.ts";
import type { InstallProblem } from "../schedulers/scheduler.ts";

/** A difference from what `install` stored, or a reason why no run will start. */
interface Problem {
  /** One sentence. */
  readonly message: string;
  /** Hints in the imperative; absent if an install does not repair the problem. */
  readonly repair?: { readonly compare: string; readonly install: string };
}

/**
 * A problem as a warning for the user.
 *
 * @param options.inDiff `diff` prints it, so that it needs no hint to call `diff`
 */
export const renderProblem = ({ message, repair }: Problem, { inDiff }: { readonly inDiff: boolean }): string =>
  [message, ...(repair === undefined ? [] : inDiff ? [repair.install] : [repair.compare, repair.install])].join(". ");

/** The state of an installed schedule on this machine and at its schedulers. */
export interface Inspection {
  readonly problems: readonly Problem[];
  /** Whether a scheduler still starts the entry as it is stored, as far as that can be determined. */
  readonly starts: (entry: EntryId) => boolean;
  /** Reasons why `starts` is false for all entries although nobody took them out of the scheduler. */
  readonly obstacles: readonly string[];
}

/**
 * Inspects an installed schedule: whether its schedulers still contain what `install` stored and are running, and
 * whether the programs in its commands exist. Writes nothing. `status`, `validate`, `preview` and `diff` show the
 * result.
 */
export async function inspectInstalled(
  installed: Pick<InstalledSchedule, "storedSchedule" | "host" | "formerHost">,
  host: Host,
): Promise<Inspection> {
  const { storedSchedule, host: stored, formerHost } = installed;
  // Another host may start the schedule, unless that host is this one by its old name.
  if (stored === undefined) {
    return { problems: [], starts: () => formerHost === undefined, obstacles: [] };
  }
  const missing = await missingPrograms(stored, storedSchedule.source.path);
  const found = await Promise.all(
    schedulersOf(stored).map(async (on) => ({ on, problems: await inspectScheduler(on, installed, stored, host) })),
  );
  const atSchedulers = found.flatMap(({ on, problems }) => {
    const words = `${storedSchedule.source.path}${on === "cron" ? "" : ` --on ${on}`}`;
    const repair = {
      compare: `Show the differences: pipelinewise-sched diff ${words}`,
      install: `Install it again: pipelinewise-sched install ${words}`,
    };
    return problems.map(({ message, differs }) => (differs ? { message, repair } : { message }));
  });
  return {
    problems: [...missing.map((message) => ({ message })), ...atSchedulers],
    starts: (entry) =>
      missing.length === 0 &&
      (found.length === 0 || found.some(({ problems }) => !problems.some((one) => concerns(one, entry)))),
    obstacles: [
      ...missing,
      ...found.flatMap(({ problems }) =>
        problems.flatMap(({ entries, message }) => (entries === undefined ? [message] : [])),
      ),
    ],
  };
}

const concerns = ({ entries }: InstallProblem, entry: EntryId): boolean =>
  entries === undefined || entries.includes(entryPath(entry));

async function inspectScheduler(
  on: string,
  { storedSchedule: { name, configDir, entries, limits } }: Pick<InstalledSchedule, "storedSchedule">,
  { lines, on: others, user }: StoredInstall,
  host: Host,
): Promise<readonly InstallProblem[]> {
  const scheduler = await loadScheduler(on);
  const [title, caller] = [scheduler.title, userName(host)];
  if (on === "cron" && user !== caller) {
    const message = `the schedule ${name} is in the crontab of ${user}, which the user ${caller} cannot inspect`;
    return [{ message, differs: false, entries: [] }];
  }
  try {
    const { place = {}, written = {} } = others?.[on] ?? {};
    return await scheduler.inspect({ name, configDir, entries, limits, lines, place, written }, host);
  } catch (error) {
    if (!(error instanceof StoreError)) throw error;
    const fault = `could not check whether ${title} starts the schedule ${name}: ${errorMessage(error)}`;
    return [{ message: error.hint === undefined ? fault : `${fault}. ${error.hint}`, differs: false }];
  }
}

/** The programs in the commands of a schedule that this machine does not have. */
async function missingPrograms(stored: StoredInstall, source: string): Promise<readonly string[]> {
  const { name, node, program, command } = stored;
  const schedulers = await Promise.all(schedulersOf(stored).map(loadScheduler));
  // On workers, a command finds this program on the PATH.
  const hasPaths = schedulers.some(({ hasWorkers }) => !hasWorkers);
  const wanted = [
    ...(hasPaths ? [{ what: "Node", path: node, mode: constants.X_OK }] : []),
    ...(hasPaths ? [{ what: "pipelinewise-sched", path: program, mode: constants.R_OK }] : []),
    { what: "PipelineWise", path: command[0] ?? "", mode: constants.X_OK },
  ];
  const checked = wanted.map(async ({ what, path, mode }) => {
    const fault = await access(path, mode).then(() => undefined, errorMessage);
    return fault === undefined
      ? undefined
      : `every start of the schedule ${name} will fail: ${what} cannot be used at its installed path (${fault}). Put it back, or install the schedule again: pipelinewise-sched install ${source}`;
  });
  return (await Promise.all(checked)).filter((warning) => warning !== undefined);
}
