import type { Command } from "commander";
import { findRunning } from "../../control/reap.ts";
import { EXIT, errorCode, errorMessage, SchedError } from "../../errors.ts";
import { readLast } from "../../history/store.ts";
import type { Host } from "../../host.ts";
import { type InstalledSchedule, listCompiled, readCompiled } from "../../installed/store.ts";
import type { ZonesNow } from "../../installed/zone-warnings.ts";
import { readWeaknesses, renderWeakness } from "../../lock/degraded.ts";
import { type LockId, lockLabel, lockOf, type PipelineId } from "../../pipeline-id.ts";
import { readUndue } from "../../slots/store.ts";
import { findStateFolder, type StateFolder } from "../../storage/directory.ts";
import { readMachineZone } from "../../system/time-zone.ts";
import { askPipelinewise, type PipelinewiseRow } from "../status/pipelinewise.ts";
import { renderStatus, renderStatusJson } from "../status/render.ts";
import { joinStatus, nextOf, type PipelineState, pairKey, type ScheduledEntry } from "../status/rows.ts";
import { noticesOf } from "../status/warnings.ts";
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
      const state = await findStateFolder(configDir, host.uid);
      const installed = await chooseSchedules(state, flags.name, host);
      const wanted = ({ tap, target }: PipelineId) => (flags.tap ?? tap) === tap && (flags.target ?? target) === target;
      const { rows: theirs, why } = await askTheirs(installed, configDir, host);
      const zones = zonesNow(installed, host);
      const entries = (await scheduledEntries(installed, state, { host, zones })).filter(({ entry }) => wanted(entry));
      const named = new Set(entries.map(({ entry }) => pairKey(entry)));
      // With --name, pipelines that the schedule does not contain are omitted.
      const known = theirs.filter((row) => wanted(row) && (flags.name === undefined || named.has(pairKey(row))));
      const locks = [
        ...known.map(({ tap, target }): LockId => ({ tap, target })),
        ...entries.map(({ entry }) => lockOf(entry)),
      ];
      const states = await readStates(state, locks, host);
      const rows = joinStatus(known, entries, (lock) => states.get(lockLabel(lock)) ?? NOTHING);
      const faults = [...states.values()].flatMap(({ last }) => last.faults);
      const notices = await Promise.all(installed.map((one) => noticesOf(one, host.name, zones)));
      const weak = state === undefined ? [] : (await readWeaknesses(state.paths)).map(renderWeakness);
      const said = [
        ...(why === undefined ? [] : [why]),
        ...(state?.warnings ?? []),
        ...weak,
        ...notices.flat(),
        ...faults,
      ];
      for (const notice of said) host.stderr.write(`warning: ${notice}\n`);
      if (flags.json === true) host.stdout.write(renderStatusJson(rows));
      else host.stdout.write(rows.length > 0 ? renderStatus(rows, host.now()) : "No pipeline to show.\n");
    });
}

const NOTHING: PipelineState = { last: { runs: new Map(), skip: undefined, faults: [] }, running: undefined };

async function chooseSchedules(
  state: StateFolder | undefined,
  name: string | undefined,
  host: Host,
): Promise<readonly InstalledSchedule[]> {
  if (name === undefined) return state === undefined ? [] : listCompiled(state.paths, host);
  const found = state === undefined ? undefined : await readCompiled(state.paths, name, host);
  if (found !== undefined) return [found];
  throw new SchedError(`no schedule named ${name} is installed here`, { exitCode: EXIT.noInput });
}

/** Asks the PipelineWise that the schedules call, or the one on the PATH if nothing is installed. */
async function askTheirs(
  installed: readonly InstalledSchedule[],
  configDir: string,
  host: Host,
): Promise<{ readonly rows: readonly PipelinewiseRow[]; readonly why: string | undefined }> {
  const resolved = installed.map((one) => one.host).find((one) => one !== undefined);
  const home = resolved?.pipelinewiseHome;
  const answer = await askPipelinewise(resolved?.command ?? ["pipelinewise"], {
    ...(home === undefined ? {} : { PIPELINEWISE_HOME: home }),
    ...host.env,
    PIPELINEWISE_CONFIG_DIRECTORY: configDir,
  });
  if (answer.rows !== undefined) return { rows: answer.rows, why: undefined };
  return {
    rows: [],
    why: `the columns of PipelineWise are empty because \`pipelinewise status\` failed: ${answer.why}`,
  };
}

/** The time zones as they are now. The machine's zone is read only if something is installed. */
const zonesNow = (installed: readonly InstalledSchedule[], host: Host): ZonesNow => ({
  now: host.now(),
  data: host.tzdata,
  machineZone: installed.length === 0 ? "UTC" : readMachineZone(host.root).zone,
});

async function scheduledEntries(
  installed: readonly InstalledSchedule[],
  state: StateFolder | undefined,
  { host, zones: { now, machineZone } }: { readonly host: Host; readonly zones: ZonesNow },
): Promise<readonly ScheduledEntry[]> {
  const all = installed.flatMap(({ meaning }) => meaning.entries.map((entry) => ({ entry, schedule: meaning.name })));
  const scheduled = all.map(async ({ entry, schedule }) => ({
    entry,
    schedule,
    nextAt: nextOf(entry, now, machineZone),
    undueStarts: state === undefined ? 0 : await readUndue(state.paths, entry, host),
  }));
  return Promise.all(scheduled);
}

async function readStates(state: StateFolder | undefined, locks: readonly LockId[], host: Host) {
  const states = new Map<string, PipelineState>();
  if (state === undefined) return states;
  for (const lock of locks) {
    const key = lockLabel(lock);
    if (states.has(key)) continue;
    const last = async () => readLast(state.paths, lock);
    try {
      const running = await findRunning({ paths: state.paths, host }, lock);
      states.set(key, { last: await last(), running });
    } catch (error) {
      // For example a read-only mount. Everything else that is known is shown.
      if (!(error instanceof SchedError) && errorCode(error) === undefined) throw error;
      const { faults, ...rest } = await last();
      const fault = `cannot check whether ${lockLabel(lock)} is running: ${errorMessage(error)}`;
      states.set(key, { last: { ...rest, faults: [...faults, fault] }, running: undefined });
    }
  }
  return states;
}
