import { type Command, Option } from "commander";
import { alertWarnings } from "../../alerts/state.ts";
import type { Host } from "../../host.ts";
import { inspectInstalled, renderProblem } from "../../install/inspect.ts";
import { checkTaps } from "../../install/pipelinewise.ts";
import { type InstalledSchedule, listStored, readStored } from "../../installed/store.ts";
import type { ZonesNow } from "../../installed/zone-warnings.ts";
import { readLimitations, renderLimitations } from "../../lock/degraded.ts";
import { lockOf, mainLockOf, overlaps, type PipelineId } from "../../pipeline-id.ts";
import { listPauses } from "../../run/policies/pauses.ts";
import { configuredSecrets, environmentSecrets } from "../../run/secrets.ts";
import { findStateDirectory } from "../../storage/directory.ts";
import { type StatePaths, statePaths } from "../../storage/paths.ts";
import { addRunOptions, variableOptions } from "../../system/container-command.ts";
import { readMachineZone } from "../../system/time-zone.ts";
import { paintFor } from "../../text/colors.ts";
import { maskValues } from "../../text/mask.ts";
import { examples, type Finish } from "../command.ts";
import { assertKnown } from "../known-pipelines.ts";
import { notInstalled } from "../not-installed.ts";
import { retainedWalWarnings } from "../retained-wal.ts";
import { checkStatus } from "../status/check.ts";
import { addFreshness } from "../status/freshness.ts";
import { renderStatusJson } from "../status/json.ts";
import { pauseFaults, renderPauses } from "../status/pauses.ts";
import { type PipelinewiseRow, readPipelinewiseStatus } from "../status/pipelinewise.ts";
import { findRecent } from "../status/recent.ts";
import { isReplicationDisabled, joinStatus, pipelineKey } from "../status/rows.ts";
import { readScheduledEntries } from "../status/scheduled.ts";
import { readStates, stateIn } from "../status/states.ts";
import { renderStatus } from "../status/table.ts";
import { readTending, tendWarnings } from "../status/tending.ts";
import { warningsOf } from "../status/warnings.ts";
import { actAsOwner } from "../switch-user.ts";

interface StatusFlags {
  readonly tap?: string;
  readonly target?: string;
  readonly name?: string;
  readonly wide?: boolean;
  readonly json?: boolean;
  readonly check?: boolean;
  readonly configDir?: string;
}

export function addStatus(command: Command, caller: Host, finish: Finish): void {
  command
    .option("--tap <tap>", "only this tap")
    .option("--target <target>", "only this target")
    .option("--name <name>", "only the entries of this installed schedule")
    .option("--wide", "show all columns, whatever the width of the terminal")
    .option("--json", 'print {"pipelines": [...], "tend": [...]}')
    .addOption(
      new Option(
        "--check",
        "for monitoring: print one line per reason and end with 1 if an entry failed, was lost, is late or is overdue, or if alerts or tend do not work",
      ).conflicts("json"),
    )
    .option("--config-dir <dir>", "PipelineWise's config directory")
    .addHelpText("after", examples("status", "status --name nightly --check"))
    .action(async (flags: StatusFlags) => {
      const { host, configDir } = await actAsOwner(caller, flags.configDir);
      const state = await findStateDirectory(configDir, host.uid);
      const paths = state?.paths ?? statePaths(configDir);
      const installed = await chooseSchedules(paths, flags.name, host);
      const isSelected = ({ tap, target }: PipelineId) =>
        (flags.tap ?? tap) === tap && (flags.target ?? target) === target;
      if (flags.check === true) {
        finish(await checkStatus({ host, state, installed, isSelected }));
        return;
      }
      const pipelinewise = await askPipelinewise(installed, configDir, host);
      const zones = zonesNow(installed, host);
      const inspections = await Promise.all(
        installed.map(async (one) => ({ ...one, ...(await inspectInstalled(one, host)) })),
      );
      const pauses = state === undefined ? { active: [], faults: [] } : await listPauses(state.paths, host.now());
      const shownPauses = pauses.active.filter(({ scope }) => overlaps(scope, flags));
      const entries = (await readScheduledEntries(inspections, state, { host, zones, pauses })).filter(({ entry }) =>
        isSelected(entry),
      );
      const named = new Set(entries.map(({ entry }) => pipelineKey(entry)));
      // With --name, pipelines that the schedule does not contain are omitted.
      const known = pipelinewise.rows.filter(
        (row) => isSelected(row) && (flags.name === undefined || named.has(pipelineKey(row))),
      );
      const locks = [...known.map(mainLockOf), ...entries.map(({ entry }) => lockOf(entry))];
      const states = await readStates(paths, locks, host);
      const stateOf = stateIn(states);
      const freshness = await addFreshness(entries, { paths, stateOf, now: host.now() });
      const { recent, faults: recentFaults } = await findRecent(paths);
      const rows = joinStatus(known, freshness.entries, { stateOf, pauses: pauses.active, recent });
      if (rows.length === 0) await assertKnown(paths, flags, host);
      const faults = [...states.values()].flatMap(({ last, unread }) => [...last.faults, ...unread]);
      const ofSchedules = await Promise.all(installed.map((one) => warningsOf(one, host.name, zones)));
      const tending = state === undefined ? [] : await readTending(installed, { paths, now: host.now() });
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
        ...tending.flatMap(tendWarnings),
        ...ofSchedules.flat(),
        ...new Set(
          inspections.flatMap(({ problems }) => problems.map((problem) => renderProblem(problem, { inDiff: false }))),
        ),
        ...entries.flatMap(({ blocked }) => blocked ?? []),
        ...pauseFaults(pauses),
        ...(await retainedWalWarnings(
          configDir,
          rows.filter((row) => row.pauses.length > 0 || isReplicationDisabled(row)),
        )),
        ...faults,
        ...freshness.faults,
        ...recentFaults,
      ];
      for (const warning of warnings) host.stderr.write(`warning: ${warning}\n`);
      if (installed.length === 0) host.stderr.write(FIRST_STEPS);
      if (flags.json === true) host.stdout.write(renderStatusJson(rows, tending, host.now()));
      else {
        const width = host.stdout.isTTY === true && flags.wide !== true ? host.stdout.columns : undefined;
        const style = { width, paint: paintFor(host), now: host.now() };
        host.stdout.write(rows.length > 0 ? renderStatus(rows, style) : "No pipeline to show.\n");
        host.stdout.write(renderPauses(shownPauses));
      }
    });
}

/** Shown while no schedule is installed. */
const FIRST_STEPS =
  "No schedule is installed in this config directory. Write the times of your pipelines in schedule.yml, check them with `pipelinewise-sched validate schedule.yml`, then install them: pipelinewise-sched install schedule.yml\n";

async function chooseSchedules(
  paths: StatePaths,
  name: string | undefined,
  host: Host,
): Promise<readonly InstalledSchedule[]> {
  if (name === undefined) return listStored(paths, host);
  const found = await readStored(paths, name, host);
  if (found !== undefined) return [found];
  throw await notInstalled(name, paths, "--name");
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
