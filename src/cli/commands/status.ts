import type { Command } from "commander";
import { alertWarnings } from "../../alerts/state.ts";
import { readPipelineState } from "../../control/lock-state.ts";
import { nextDue, startsAfter } from "../../control/next-due.ts";
import { EXIT, errorCode, errorMessage, SchedError } from "../../errors.ts";
import type { Host } from "../../host.ts";
import { type Inspection, inspectInstalled, renderProblem } from "../../install/inspect.ts";
import { checkTaps } from "../../install/pipelinewise.ts";
import { schedulersOf } from "../../installed/schedule.ts";
import { type InstalledSchedule, listStored, readStored } from "../../installed/store.ts";
import type { ZonesNow } from "../../installed/zone-warnings.ts";
import { readLimitations, renderLimitations } from "../../lock/degraded.ts";
import { hasRunToken } from "../../lock/processes.ts";
import {
  type LockId,
  lockLabel,
  lockOf,
  mainLockOf,
  overlaps,
  type PipelineId,
  waiterLockOf,
} from "../../pipeline-id.ts";
import { searchForeignProcesses } from "../../run/checks/foreign-runs.ts";
import { findForeignRun, renderForeignRun } from "../../run/checks/preflight.ts";
import { renderContainer } from "../../run/containers/find.ts";
import { findInstalledContainers } from "../../run/containers/installed.ts";
import { type QueuedStart, readQueue } from "../../run/limits/read-queue.ts";
import { openEntryStore, openPipelineStore } from "../../run/pipeline-store.ts";
import { listPauses, type Pauses } from "../../run/policies/pauses.ts";
import { configuredSecrets, environmentSecrets } from "../../run/secrets.ts";
import type { SlotStore } from "../../slots/store.ts";
import { findStateDirectory, type StateDirectory } from "../../storage/directory.ts";
import { type StatePaths, statePaths } from "../../storage/paths.ts";
import { addRunOptions, variableOptions } from "../../system/container-command.ts";
import { readMachineZone } from "../../system/time-zone.ts";
import { maskValues } from "../../text/mask.ts";
import { assertKnown } from "../known-pipelines.ts";
import { retainedWalWarnings } from "../retained-wal.ts";
import { addFreshness } from "../status/freshness.ts";
import { pauseFaults, renderPauses } from "../status/pauses.ts";
import { type PipelinewiseRow, readPipelinewiseStatus } from "../status/pipelinewise.ts";
import { renderStatus, renderStatusJson } from "../status/render.ts";
import {
  isReplicationDisabled,
  joinStatus,
  type PipelineState,
  pipelineKey,
  type ScheduledEntry,
} from "../status/rows.ts";
import { warningsOf } from "../status/warnings.ts";
import { actAsOwner } from "../switch-user.ts";

interface StatusFlags {
  readonly tap?: string;
  readonly target?: string;
  readonly name?: string;
  readonly json?: boolean;
  readonly configDir?: string;
}

export function addStatus(command: Command, caller: Host): void {
  command
    .option("--tap <tap>", "only this tap")
    .option("--target <target>", "only this target")
    .option("--name <name>", "only the entries of this installed schedule")
    .option("--json", 'print {"pipelines": [...]}')
    .option("--config-dir <dir>", "PipelineWise's config directory")
    .action(async (flags: StatusFlags) => {
      const { host, configDir } = await actAsOwner(caller, flags.configDir);
      const state = await findStateDirectory(configDir, host.uid);
      const installed = await chooseSchedules(state, flags.name, host);
      const isSelected = ({ tap, target }: PipelineId) =>
        (flags.tap ?? tap) === tap && (flags.target ?? target) === target;
      const pipelinewise = await askPipelinewise(installed, configDir, host);
      const zones = zonesNow(installed, host);
      const inspections = await Promise.all(
        installed.map(async (one) => ({ ...one, inspection: await inspectInstalled(one, host) })),
      );
      const pauses = state === undefined ? { active: [], faults: [] } : await listPauses(state.paths, host.now());
      const shownPauses = pauses.active.filter(({ scope }) => overlaps(scope, flags));
      const entries = (await scheduledEntries(inspections, state, { host, zones, pauses })).filter(({ entry }) =>
        isSelected(entry),
      );
      const named = new Set(entries.map(({ entry }) => pipelineKey(entry)));
      // With --name, pipelines that the schedule does not contain are omitted.
      const known = pipelinewise.rows.filter(
        (row) => isSelected(row) && (flags.name === undefined || named.has(pipelineKey(row))),
      );
      const locks = [...known.map(mainLockOf), ...entries.map(({ entry }) => lockOf(entry))];
      const paths = state?.paths ?? statePaths(configDir);
      const states = await readStates(paths, locks, host);
      const stateOf = (lock: LockId) => states.get(lockLabel(lock)) ?? NOTHING;
      const freshness = await addFreshness(entries, { paths, stateOf, now: host.now() });
      const rows = joinStatus(known, freshness.entries, { stateOf, pauses: pauses.active });
      if (rows.length === 0) await assertKnown(paths, flags, host);
      const faults = [...states.values()].flatMap(({ last }) => last.faults);
      const ofSchedules = await Promise.all(installed.map((one) => warningsOf(one, host.name, zones)));
      const limitations = state === undefined ? [] : (await readLimitations(state.paths)).map(renderLimitations);
      const warnings = [
        ...pipelinewise.warnings,
        ...(await checkTaps(configDir, [])).map(({ message }) => message),
        ...(state?.warnings ?? []),
        ...limitations,
        ...(state === undefined
          ? []
          : (
              await Promise.all(
                installed.map(({ storedSchedule: { name } }) => alertWarnings({ paths: state.paths, schedule: name })),
              )
            ).flat()),
        ...ofSchedules.flat(),
        ...new Set(
          inspections.flatMap(({ inspection }) =>
            inspection.problems.map((problem) => renderProblem(problem, { inDiff: false })),
          ),
        ),
        ...entries.flatMap(({ blocked }) => blocked ?? []),
        ...pauseFaults(pauses),
        ...(await retainedWalWarnings(
          configDir,
          rows.filter((row) => row.pauses.length > 0 || isReplicationDisabled(row)),
        )),
        ...faults,
        ...freshness.faults,
      ];
      for (const warning of warnings) host.stderr.write(`warning: ${warning}\n`);
      if (installed.length === 0) host.stderr.write(FIRST_STEPS);
      if (flags.json === true) host.stdout.write(renderStatusJson(rows, host.now()));
      else {
        host.stdout.write(rows.length > 0 ? renderStatus(rows, host.now()) : "No pipeline to show.\n");
        host.stdout.write(renderPauses(shownPauses));
      }
    });
}

/** Shown while no schedule is installed. */
const FIRST_STEPS =
  "No schedule is installed in this config directory. Write the times of your pipelines in schedule.yml, check them with `pipelinewise-sched validate schedule.yml`, then install them: pipelinewise-sched install schedule.yml\n";

const NOTHING: PipelineState = {
  last: { runs: new Map(), skip: undefined, faults: [], unusable: [] },
  running: undefined,
  foreignRun: undefined,
  waiting: undefined,
};

async function chooseSchedules(
  state: StateDirectory | undefined,
  name: string | undefined,
  host: Host,
): Promise<readonly InstalledSchedule[]> {
  if (name === undefined) return state === undefined ? [] : listStored(state.paths, host);
  const found = state === undefined ? undefined : await readStored(state.paths, name, host);
  if (found !== undefined) return [found];
  throw new SchedError(`no schedule named ${name} is installed here`, { exitCode: EXIT.noInput });
}

/** Asks the PipelineWise that the schedules call, or the one on the PATH if nothing is installed. */
async function askPipelinewise(
  installed: readonly InstalledSchedule[],
  configDir: string,
  host: Host,
): Promise<{ readonly rows: readonly PipelinewiseRow[]; readonly warnings: readonly string[] }> {
  const resolved = installed.map((one) => one.host).find((one) => one !== undefined);
  const home = resolved?.pipelinewiseHome;
  const env = {
    ...(home === undefined ? {} : { PIPELINEWISE_HOME: home }),
    ...host.env,
    PIPELINEWISE_CONFIG_DIRECTORY: configDir,
  };
  const { signals } = host;
  const variables = variableOptions(["PIPELINEWISE_CONFIG_DIRECTORY"]);
  const command = addRunOptions(resolved?.command ?? ["pipelinewise"], variables);
  const status = await readPipelinewiseStatus(command, { env, signals });
  if (status.rows !== undefined) return { rows: status.rows, warnings: [] };
  const pipelines = installed.flatMap(({ storedSchedule }) => storedSchedule.entries);
  const secrets = await Promise.all(pipelines.map((pipeline) => configuredSecrets(configDir, pipeline)));
  const reason = maskValues(status.reason, [...environmentSecrets(host.env, []), ...secrets.flat()]);
  return {
    rows: [],
    warnings: [`the columns of PipelineWise are empty because \`pipelinewise status\` failed: ${reason}`],
  };
}

/** The time zones as they are now. The machine's zone is read only if something is installed. */
const zonesNow = (installed: readonly InstalledSchedule[], host: Host): ZonesNow => ({
  now: host.now(),
  data: host.tzdata,
  machineZone: installed.length === 0 ? "UTC" : readMachineZone(host.root).zone,
});

type InspectedSchedule = InstalledSchedule & { readonly inspection: Inspection };

async function scheduledEntries(
  installed: readonly InspectedSchedule[],
  state: StateDirectory | undefined,
  {
    host,
    zones: { now, machineZone },
    pauses,
  }: { readonly host: Host; readonly zones: ZonesNow; readonly pauses: Pauses },
): Promise<readonly ScheduledEntry[]> {
  const all = installed.flatMap(({ storedSchedule, host: stored, inspection }) =>
    storedSchedule.entries.map((entry) => ({
      entry,
      schedule: storedSchedule.name,
      schedulers: stored === undefined ? [] : schedulersOf(stored),
      installedAt: stored?.installedAt,
      starts: inspection.starts(entry),
    })),
  );
  const scheduled = all.map(async ({ entry, schedule, schedulers, installedAt, starts }) => {
    const slots = state && openEntryStore(entry, { paths: state.paths, host }).slots;
    const blocked = slots && (await findBlock(slots));
    const after = starts && blocked === undefined ? startsAfter(entry, pauses, now) : undefined;
    return {
      entry,
      schedule,
      schedulers,
      blocked,
      nextAt: after && nextDue(entry, { after, machineZone }),
      installedAt,
      idleStarts: slots === undefined ? 0 : await slots.readNotDueCount(),
    };
  });
  return Promise.all(scheduled);
}

/** The error with which every scheduled start of an entry ends; `undefined` if there is none. */
async function findBlock(slots: SlotStore): Promise<string | undefined> {
  try {
    await slots.findLast();
    return undefined;
  } catch (error) {
    if (!(error instanceof SchedError)) throw error;
    return `scheduled starts are blocked: ${error.message}${error.hint === undefined ? "" : `. ${error.hint}`}`;
  }
}

async function readStates(paths: StatePaths, locks: readonly LockId[], host: Host) {
  const findProcess = searchForeignProcesses(paths.configDir, host.pid, hasRunToken);
  const states = new Map<string, PipelineState>();
  let queue: ReadonlyMap<string, QueuedStart> | undefined;
  for (const lock of locks) {
    const label = lockLabel(lock);
    if (states.has(label)) continue;
    const store = openPipelineStore(lock, { paths, host });
    const faults: string[] = [];
    /** On an error, for example on a read-only mount, the rest of the status is shown. */
    const attempt = async <T>(what: string, read: () => Promise<T>): Promise<T | undefined> => {
      try {
        return await read();
      } catch (error) {
        if (!(error instanceof SchedError) && errorCode(error) === undefined) throw error;
        faults.push(`cannot check whether ${label} is running${what}: ${errorMessage(error)}`);
        return undefined;
      }
    };
    const found = await attempt("", () => {
      const waiter = openPipelineStore(waiterLockOf(lock), { paths, host });
      return readPipelineState({ store, waiter }, host);
    });
    const { running, waiting, last } = found ?? {
      running: undefined,
      waiting: undefined,
      last: await store.lastRun.read(),
    };
    if (running !== undefined) queue ??= await attempt(" or waits for a place", () => readQueue(paths));
    const queued = running && queue?.get(running.runId);
    // A lost run may have left a container without a wrapper.
    const mayHaveLeft = running === undefined && [...last.runs.values()].some(({ outcome }) => outcome === "lost");
    const search = () => findInstalledContainers(store, host);
    for (const container of mayHaveLeft ? ((await attempt(" in a container", search)) ?? []) : []) {
      const { tap, target } = lock;
      faults.push(
        `${label} ${renderContainer(container)}. To stop it: pipelinewise-sched stop --tap ${tap} --target ${target}`,
      );
    }
    const isFree = found !== undefined && running === undefined;
    const foreignRun = await attempt(" outside pipelinewise-sched", () =>
      findForeignRun(store, { host, ourRuns: last.runs.values(), findProcess, isFree }),
    );
    if (foreignRun !== undefined && foreignRun.kind !== "process")
      faults.push(`${label} ${renderForeignRun(foreignRun)}`);
    states.set(label, {
      last: { ...last, faults: [...last.faults, ...faults] },
      running: running && { ...running, queued },
      waiting,
      foreignRun,
    });
  }
  return states;
}
