import { spawn } from "node:child_process";
import { dirname } from "node:path";
import { isWanted, type PingKind, rulesFor } from "../alert-rules.ts";
import { eventId, listNames, mayRecover, writeEvent } from "../alerts/event.ts";
import { queuePings } from "../alerts/ping.ts";
import { alertEventsDir, alertQueueDir, alertSkipsFile } from "../alerts/places.ts";
import { isKnownEnd } from "../alerts/state.ts";
import { errorMessage, StoreError } from "../errors.ts";
import type { RunRecord } from "../history/record.ts";
import { entryOf } from "../history/store.ts";
import type { Host } from "../host.ts";
import { alertRulesOf, pingRulesOf } from "../installed/decode-later.ts";
import type { StoredSchedule } from "../installed/schedule.ts";
import { listStored } from "../installed/store.ts";
import { RUN_TOKEN_ENV } from "../lock/lock.ts";
import { entryLabel, entryPath } from "../pipeline-id.ts";
import { absolutePath } from "../storage/config-dir.ts";
import { removeStateFile } from "../storage/file.ts";
import type { StatePaths } from "../storage/paths.ts";
import type { RunContext, Skip } from "./context.ts";
import { lastLines } from "./outcome.ts";
import type { AlertPlan } from "./plan.ts";
import { REFERENCE, readEnvironment } from "./process/environment.ts";

interface AlertRun {
  readonly paths: StatePaths;
  readonly host: Host;
  /** `undefined`: no alert is sent about the entry. */
  readonly alerts: AlertPlan | undefined;
}

/**
 * Ends the row of skipped starts, and stores the start of a pipeline for its alerts and pings, if rules ask for them.
 *
 * @param isRunning whether the pipeline was started
 */
export async function noteStart(
  { plan: { alerts, entry, paths }, host, id, startedAt }: Pick<RunContext, "plan" | "host" | "id" | "startedAt">,
  isRunning: boolean,
): Promise<void> {
  if (alerts === undefined) return;
  const rules = alertRulesOf(alerts);
  if (isWanted(rules, entry, "skipped")) await removeStateFile(alertSkipsFile(paths, alerts.name, entry));
  if (!isRunning) return;
  const run = { id, host: host.name, startedAt: startedAt.toISOString() };
  const at = host.now().toISOString();
  const event = { id: `${id}-started`, kind: "started", entry, at, run, lastLines: [] } as const;
  const place = { paths, schedule: alerts.name };
  const isPinged = await queuePings(place, pingRulesOf(alerts), { event, host });
  const isAlert = isWanted(rules, entry, "started");
  if (isAlert) await writeEvent(place, event, host.uid);
  if (isAlert || isPinged) startSender(paths, host, alerts.name);
}

/** Stores an event about skipped starts in a row and starts the sender, if a rule of the entry names their number. */
export async function noteSkipped(
  { plan: { alerts, entry, paths }, host }: RunContext,
  { detail }: Skip,
  slots: readonly string[],
): Promise<void> {
  const [since] = slots;
  if (alerts === undefined || since === undefined) return;
  const { length } = slots;
  if (!rulesFor(alertRulesOf(alerts), entry).some(({ skips }) => skips === length)) return;
  const event = {
    id: `${eventId(new Date(since), "skipped", entry)}-${length}`,
    kind: "skipped",
    entry,
    at: host.now().toISOString(),
    since,
    skips: length,
    detail: `${length} starts in a row were skipped; at the last one, ${entryLabel(entry)} ${detail}`,
    lastLines: [],
  } as const;
  await writeEvent({ paths, schedule: alerts.name }, event, host.uid);
  startSender(paths, host, alerts.name);
}

/** The outcomes that have an event. `stopped` is not one, because a stop is intended. */
const OUTCOMES: Partial<Record<RunRecord["outcome"], PingKind>> = {
  failed: "failed",
  "timed-out": "timed-out",
  lost: "lost",
  "lock-lost": "lost",
  succeeded: "succeeded",
};

/**
 * Stores the end of a run for its alerts and pings. Nothing is sent under the lock: `startSender` does that after the
 * release.
 *
 * @param tail the end of the output, secrets masked
 * @returns whether something was stored; `repeated` if a rule asks for this kind of end, and its alert is not sent again
 */
export async function noteEnd(
  { paths, host, alerts }: AlertRun,
  record: RunRecord,
  tail: string | undefined,
): Promise<"nothing" | "stored" | "repeated"> {
  const kind = OUTCOMES[record.outcome];
  if (alerts === undefined || kind === undefined) return "nothing";
  const place = { paths, schedule: alerts.name };
  const entry = entryOf(record);
  const { id, startedAt, endedAt, exitCode, log, detail } = record;
  const run = { id, host: record.host, startedAt, endedAt, exitCode, log };
  const lines = tail === undefined ? [] : lastLines(tail);
  const event = { id, kind, entry, at: endedAt, run, detail, lastLines: lines };
  const isPinged = await queuePings(place, pingRulesOf(alerts), { event, host });
  const rules = alertRulesOf(alerts);
  const unlessAlert = isPinged ? "stored" : "nothing";
  if (rulesFor(rules, entry).length === 0) return unlessAlert;
  const isAlways = kind !== "succeeded" || isWanted(rules, entry, "succeeded");
  if (!isAlways && !(await mayRecover(place, entryPath(entry)))) return unlessAlert;
  const isRepeated = isWanted(rules, entry, kind) && (await isKnownEnd(place, entry, kind));
  await writeEvent(place, event, host.uid);
  return isRepeated ? "repeated" : "stored";
}

/**
 * Stores the end of a lost run for each schedule that has its entry, because the one that started it is not known.
 * An error is only written on stderr, so that the run is recorded in any case.
 */
export async function noteLost({ paths, host }: Omit<AlertRun, "alerts">, record: RunRecord): Promise<void> {
  const path = entryPath(entryOf(record));
  try {
    for (const { storedSchedule } of await listStored(paths, host)) {
      const entry = storedSchedule.entries.find((one) => entryPath(one) === path);
      const isNoted =
        entry !== undefined &&
        entry.policies?.alerts !== false &&
        (await noteEnd({ paths, host, alerts: storedSchedule }, record, undefined)) !== "nothing";
      if (isNoted) startSender(paths, host, storedSchedule.name);
    }
  } catch (error) {
    host.stderr.write(`pipelinewise-sched: could not store an alert about a lost run: ${errorMessage(error)}\n`);
  }
}

/**
 * Starts the process that sends the alerts of a schedule, and does not wait for it. It has its own session,
 * and neither the open files nor the token of the run, so it does not count as a process of the run.
 */
export function startSender(paths: StatePaths, host: Host, schedule: string): void {
  const { [RUN_TOKEN_ENV]: _token, ...env } = host.env;
  const words = [host.program, "alerts", "send", "--config-dir", paths.configDir, "--name", schedule];
  const child = spawn(host.node, words, { env, cwd: "/", detached: true, stdio: "ignore" });
  // `tend` sends the alerts if this process cannot be started.
  child.on("error", () => {});
  child.unref();
}

/** Starts the process that sends alerts if an event or a ping waits. */
export async function startSenderIfNeeded({ paths, host, alerts }: AlertRun): Promise<void> {
  if (alerts === undefined) return;
  const { name } = alerts;
  const events = await listNames(alertEventsDir(paths, name));
  const isWaiting = events.length > 0 || (await listNames(alertQueueDir(paths, name, "pings"))).length > 0;
  if (isWaiting) startSender(paths, host, name);
}

/**
 * Reads the references in addresses of receivers, as a run reads those of its environment. A broken `env_file` makes
 * every run fail, so it must not also silence the receivers that do not need it: those without `${env:NAME}`, and those
 * whose variables are set in the environment.
 */
export function addressReader(
  {
    configDir,
    source,
    envFile,
  }: Pick<StoredSchedule, "configDir" | "envFile"> & { readonly source: Pick<StoredSchedule["source"], "path"> },
  host: Host,
): (written: string) => Promise<string> {
  const directory = dirname(source.path);
  return async (written) => {
    const names = [...written.matchAll(REFERENCE)].flatMap(([, kind, name = ""]) => (kind === "env" ? [name] : []));
    const needsFile = envFile !== undefined && names.length > 0;
    const file = needsFile ? absolutePath(envFile, directory, host) : undefined;
    const plan = { values: { address: written }, file, directory };
    const variables = await readEnvironment(plan, configDir, host, ({ key: [key], error: { message, hint } }) => {
      if (key === "env_file" && names.every((name) => host.env[name] !== undefined)) return;
      // The address is read as if it were a variable of that name.
      throw new StoreError(message.replace(/^env\.address: /, ""), {
        ...(hint === undefined ? {} : { hint: hint.replace("env.address", "the address") }),
      });
    });
    return variables.find(({ name }) => name === "address")?.value ?? "";
  };
}
