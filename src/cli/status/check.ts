import { alertWarnings } from "../../alerts/state.ts";
import { isDisabled } from "../../control/next-due.ts";
import { EXIT, type ExitCode, SchedError } from "../../errors.ts";
import { renderOutcome } from "../../history/record.ts";
import type { Host } from "../../host.ts";
import type { InstalledSchedule } from "../../installed/store.ts";
import { entryLabel, lockOf, type PipelineId } from "../../pipeline-id.ts";
import { isTapDisabled } from "../../run/checks/preflight.ts";
import { listPauses } from "../../run/policies/pauses.ts";
import type { StateDirectory } from "../../storage/directory.ts";
import type { StatePaths } from "../../storage/paths.ts";
import { renderDuration, renderInstant, renderMinute } from "../../text/format-time.ts";
import { addFreshness } from "./freshness.ts";
import { pauseFaults } from "./pauses.ts";
import { isBad, isRowOverdue, joinStatus, type ScheduledEntry, type StatusRow } from "./rows.ts";
import { readScheduledEntries } from "./scheduled.ts";
import { readStates, stateIn } from "./states.ts";
import { readTending, tendWarnings } from "./tending.ts";

/** The line of an entry whose newest run needs attention. */
function describeBadOutcome(label: string, { lastRun }: Pick<StatusRow, "lastRun">): readonly string[] {
  if (!isBad(lastRun)) return [];
  const { exitCode, detail, log, endedAt } = lastRun;
  const more = [
    ...(exitCode === undefined ? [] : [`exit code ${exitCode}`]),
    ...(detail === undefined ? [] : [detail]),
    ...(log === undefined ? [] : [`log: ${log}`]),
  ];
  return [`${label} ${renderOutcome(lastRun)} at ${renderMinute(endedAt)}${more.map((one) => `; ${one}`).join("")}`];
}

function describeLateness(label: string, scheduled: ScheduledEntry | undefined): readonly string[] {
  const { lateMs = 0, succeededAt } = scheduled?.freshness ?? {};
  if (lateMs === 0) return [];
  const since = succeededAt === undefined ? "it has never succeeded" : `last success: ${renderMinute(succeededAt)}`;
  return [`${label} is late by ${renderDuration(lateMs)}; ${since}`];
}

function describeOverdue(label: string, row: StatusRow, now: Date): readonly string[] {
  const { running } = row;
  if (running === undefined || !isRowOverdue(row, now)) return [];
  const took = renderDuration(now.getTime() - running.startedAt.getTime());
  return [`${label} is overdue: it has been running since ${renderInstant(running.startedAt)} (${took})`];
}

/**
 * The reasons why an entry needs attention, one sentence each.
 *
 * @param isOff whether the entry is paused or disabled: its last outcome and its lateness then do not count
 */
function findReasons(row: StatusRow, { isOff, now }: { readonly isOff: boolean; readonly now: Date }) {
  const label = row.scheduled === undefined ? "" : entryLabel(row.scheduled.entry);
  return [
    ...(isOff ? [] : [...describeBadOutcome(label, row), ...describeLateness(label, row.scheduled)]),
    ...describeOverdue(label, row, now),
  ];
}

/**
 * The reasons about schedules: alerts that cannot be sent, and a `tend` that does not run or whose parts fail. Without
 * them, a monitoring system would take the silence of the alerts for good news.
 */
async function findScheduleReasons(
  installed: readonly InstalledSchedule[],
  place: { readonly paths: StatePaths; readonly now: Date },
): Promise<readonly string[]> {
  const alerts = installed.map(({ storedSchedule: { name: schedule } }) => alertWarnings({ ...place, schedule }));
  const tending = await readTending(installed, place);
  return [...(await Promise.all(alerts)).flat(), ...tending.flatMap(tendWarnings)];
}

interface CheckScope {
  readonly host: Host;
  readonly state: StateDirectory | undefined;
  readonly installed: readonly InstalledSchedule[];
  readonly isSelected: (pipeline: PipelineId) => boolean;
}

/**
 * Checks the installed entries and their schedules for monitoring, and prints a line for each reason to act. It neither asks PipelineWise nor
 * inspects schedulers, so that it can run every minute.
 *
 * @returns 1 if there is a reason; otherwise the exit code of an error if something could not be read
 * @throws SchedError if no entry is selected: a check of the wrong directory must not succeed
 */
export async function checkStatus({ host, state, installed, isSelected }: CheckScope): Promise<ExitCode> {
  const now = host.now();
  const nothing = () =>
    new SchedError("no installed entry is selected, so nothing can be checked", {
      exitCode: EXIT.noInput,
      hint: "Check --tap, --target and --config-dir. Show the entries: pipelinewise-sched status",
    });
  if (state === undefined) throw nothing();
  const { paths } = state;
  const pauses = await listPauses(paths, now);
  const started = installed.map((one) => ({ ...one, starts: () => false }));
  const all = await readScheduledEntries(started, state, { host, zones: { now, machineZone: "UTC" }, pauses });
  const entries = all.filter(({ entry }) => isSelected(entry));
  if (entries.length === 0) throw nothing();
  const locks = entries.map(({ entry }) => lockOf(entry));
  const states = await readStates(paths, locks, host);
  const stateOf = stateIn(states);
  const freshness = await addFreshness(entries, { paths, stateOf, now });
  const rows = joinStatus([], freshness.entries, { stateOf, pauses: pauses.active });
  let off = 0;
  const reasons: string[] = [];
  for (const row of rows) {
    const entry = row.scheduled?.entry;
    const isOff =
      row.pauses.length > 0 ||
      (entry !== undefined && (isDisabled(entry) || (await isTapDisabled(paths.configDir, entry))));
    if (isOff) off++;
    reasons.push(...findReasons(row, { isOff, now }));
  }
  const selected = new Set(entries.map(({ schedule }) => schedule));
  const schedules = installed.filter(({ storedSchedule: { name } }) => selected.has(name));
  reasons.push(...(await findScheduleReasons(schedules, { paths, now })));
  const unread = [
    ...[...states.values()].flatMap(({ last, unread: faults }) => [...last.unusable, ...faults]),
    ...freshness.faults,
    ...pauseFaults(pauses),
    ...entries.flatMap(({ blocked }) => blocked ?? []),
  ];
  for (const fault of new Set(unread)) host.stderr.write(`warning: ${fault}\n`);
  for (const reason of reasons) host.stdout.write(`${reason}\n`);
  if (reasons.length > 0) return EXIT.needsAttention;
  if (unread.length > 0) return EXIT.io;
  host.stdout.write(
    `ok: ${rows.length - off} of ${rows.length} entries checked${off === 0 ? "" : `; ${off} paused or disabled`}\n`,
  );
  return EXIT.ok;
}
