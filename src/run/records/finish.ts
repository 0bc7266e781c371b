import { errorMessage, SchedError } from "../../errors.ts";
import type { RunRecord } from "../../history/record.ts";
import { entryLabel } from "../../pipeline-id.ts";
import { maskValues } from "../../text/mask.ts";
import type { EndedRun, RunEnd } from "../attempt.ts";
import type { EarlyStop } from "../checks/acquire-lock.ts";
import type { LockedRun, Refusal, RunContext } from "../context.ts";
import {
  judgeEnd,
  type RunEnding,
  readTail,
  renderEnd,
  renderReport,
  renderTail,
  startFailureCode,
} from "../outcome.ts";
import { keepStateCopy } from "../policies/state-file.ts";
import { configuredSecrets, environmentSecrets } from "../secrets.ts";
import { recordOf } from "./record.ts";
import { recordSkip } from "./skip.ts";

/** Reports an error that does not change the outcome of the run. */
export function reportFault({ host, log }: LockedRun, what: string, error: unknown): void {
  log.error(what, { detail: errorMessage(error) });
  host.stderr.write(`pipelinewise-sched: ${errorMessage(error)}\n`);
}

/** Records a start that was asked to stop while it waited for the lock. It has no lock, so it is not the newest run. */
export async function recordStoppedEarly(context: RunContext, { cause, leavesSlotOpen }: EarlyStop): Promise<number> {
  const { host, plan, store, slot, id } = context;
  const outcome = judgeEnd(0, cause, plan.output);
  const detail = `${outcome.summary} before it started`;
  host.stderr.write(`pipelinewise-sched: ${entryLabel(plan.entry)} ${detail}\n`);
  const { kind, exitCode } = outcome;
  await store.history.append(recordOf(context, { outcome: kind, exitCode, detail }));
  if (slot !== undefined && !leavesSlotOpen) await store.slots.recordSkipped({ slot, run: id });
  return outcome.callerCode;
}

/**
 * Records the end of a run and reports it.
 *
 * @returns the exit code
 */
export async function recordRun(run: LockedRun, end: RunEnd): Promise<number> {
  switch (end.kind) {
    case "skip":
      return recordSkip(run, end.skip);
    case "refused":
      return recordRefusal(run, end.refusal, end.attempts);
    case "not-started":
      return recordStartFailure(run, end.error, end.attempts);
    case "ended":
      return recordEnd(run, end);
  }
}

type Attempts = RunEnd["attempts"];

/** Records a run that a policy refused, and reports it. @returns the exit code */
async function recordRefusal(run: LockedRun, refusal: Refusal, attempts: Attempts): Promise<number> {
  const { host, plan } = run;
  const { reason, detail, hint, exitCode, output } = refusal;
  const log = output?.log;
  run.log.error("not started", { reason, detail });
  const text = output === undefined ? undefined : await readMaskedTail(run, output);
  const tail = output === undefined || plan.output.passThrough ? [] : renderTail(text);
  const record = recordOf(run, { outcome: "failed", reason, detail, exitCode, log, attempts });
  if (!(await noteAlert(run, record, text))) {
    host.stderr.write(
      [
        `pipelinewise-sched: ${entryLabel(plan.entry)} was not started: it ${detail}`,
        `  ${hint}`,
        ...(log === undefined ? [] : [`  log: ${log}`]),
        ...tail,
        "",
      ].join("\n"),
    );
  }
  await writeRecord(run, record, "was not started");
  return exitCode;
}

/** Records a pipeline that could not be started as a failed run, so that `status` shows it. */
async function recordStartFailure(run: LockedRun, error: unknown, attempts: Attempts): Promise<number> {
  const detail = errorMessage(error);
  run.log.error("not started", { detail });
  const exitCode = startFailureCode(error);
  const record = recordOf(run, { outcome: "failed", exitCode, detail, attempts });
  const isRepeated = await noteAlert(run, record, undefined);
  await writeRecord(run, record, "was not started");
  if (isRepeated) return exitCode;
  // The caller shows an error of this program with its stack.
  if (!(error instanceof SchedError)) throw error;
  const hint = error.hint === undefined ? "" : `  ${error.hint}\n`;
  run.host.stderr.write(`pipelinewise-sched: ${entryLabel(run.plan.entry)} could not be started: ${detail}\n${hint}`);
  return exitCode;
}

async function recordEnd(
  run: LockedRun,
  { outcome, details, remarks, pipeline, attempts }: EndedRun & Pick<RunEnd, "attempts">,
): Promise<number> {
  const { plan } = run;
  const { kind, exitCode, summary } = outcome;
  const detail = details.length === 0 ? undefined : details.join("; ");
  const record = recordOf(run, { outcome: kind, exitCode, detail, log: pipeline?.log.path, attempts });
  if (kind === "succeeded") {
    await keepStateCopy(run);
    await noteSuccess(run);
  }
  const environment = pipeline?.environment ?? [];
  const output = record.log === undefined ? undefined : { log: record.log, environment };
  const needsTail = kind !== "succeeded" && (!plan.output.passThrough || plan.alerts?.alerts !== undefined);
  const tail = output === undefined || !needsTail ? undefined : await readMaskedTail(run, output);
  const isRepeated = await noteAlert(run, record, tail);
  if (!isRepeated) reportEnd(run, { summary, remarks }, { record, tail: output === undefined ? "" : tail });
  await recordMissed(run);
  await writeRecord(run, record, summary);
  return outcome.callerCode;
}

/** Notes the success for the entries that run after this pipeline, before the record, so that a crash loses neither. */
async function noteSuccess(run: LockedRun): Promise<void> {
  if (run.plan.order?.isFollowed !== true) return;
  try {
    const { writeSucceeded } = await import("../policies/after-files.ts");
    await writeSucceeded(run.plan.paths, run.plan.entry, { run: run.id, uid: run.host.uid });
  } catch (error) {
    reportFault(run, "could not note the success for the entries that run after this one", error);
  }
}

/**
 * Writes the record of a run, and starts the hooks that follow it. If the record cannot be written, for example on a
 * full disk, the end stays in the lock, and the next start records it. The exit code stays that of the pipeline, which
 * is more useful than that of this error.
 *
 * @param summary how the run ended, for the message
 */
async function writeRecord(run: LockedRun, record: RunRecord, summary: string): Promise<void> {
  const { host, lock, plan, store } = run;
  try {
    await store.record(record);
  } catch (error) {
    const { outcome, exitCode = 0, endedAt } = record;
    lock.keepEnd({ outcome, exitCode, endedAt: new Date(endedAt) });
    const next = outcome === "lock-lost" ? "" : " The next start of this pipeline records it.";
    host.stderr.write(
      `pipelinewise-sched: ${entryLabel(plan.entry)} ${summary}, but this could not be recorded: ${errorMessage(error)}.${next}\n`,
    );
  }
  await startAfterHooks(run, record);
}

/** Runs the hooks after a run, if there are any. An error does not change the outcome. */
async function startAfterHooks(run: LockedRun, record: RunRecord): Promise<void> {
  const { hooks } = run.plan.policies;
  if (hooks === undefined) return;
  try {
    const { runAfterHooks } = await import("../policies/hooks.ts");
    await runAfterHooks(run, hooks, record);
  } catch (error) {
    reportFault(run, "could not run the hooks after the run", error);
  }
}

/**
 * Reports a run that did not succeed: with the last lines for cron's mail, or in one line if the output was shown.
 *
 * @param options.tail the end of the log; `undefined` if it cannot be read
 */
function reportEnd(
  { plan, host }: LockedRun,
  ending: RunEnding,
  { record, tail }: { readonly record: RunRecord; readonly tail: string | undefined },
): void {
  if (record.outcome === "succeeded") return;
  const { log } = record;
  if (plan.output.passThrough) {
    host.stderr.write(`${renderEnd(record, ending)}${log === undefined ? "" : `; log: ${log}`}\n`);
  } else {
    host.stderr.write(renderReport(record, ending, tail));
  }
}

/**
 * Stores the end of the run for its alerts, before the record: a run that is recorded is not found again after a crash.
 * An error does not change the outcome.
 *
 * @returns whether the run is not reported on stderr, so that cron does not mail what its alerts have reported before
 */
async function noteAlert(run: LockedRun, record: RunRecord, tail: string | undefined): Promise<boolean> {
  const { alerts, output, paths } = run.plan;
  if (alerts?.alerts === undefined) return false;
  try {
    const { noteEnd } = await import("../alerts.ts");
    const noted = await noteEnd({ paths, host: run.host, alerts }, record, tail);
    return noted === "repeated" && output.scheduled && !output.passThrough;
  } catch (error) {
    reportFault(run, "could not store an alert", error);
    return false;
  }
}

/** The end of a run log, with the secrets masked; `undefined` if it cannot be read. */
async function readMaskedTail(
  { plan, host, store }: LockedRun,
  { log, environment }: NonNullable<Refusal["output"]>,
): Promise<string | undefined> {
  const tail = await readTail(log);
  const secrets = [
    ...environmentSecrets(host.env, environment),
    ...(await configuredSecrets(plan.paths.configDir, store.lock.id)),
  ];
  return tail === undefined ? undefined : maskValues(tail, secrets);
}

/** Records the due times that passed during the run, with `--record-missed`. */
async function recordMissed(run: LockedRun): Promise<void> {
  if (!run.plan.output.recordMissed) return;
  try {
    const { recordMissedSlots } = await import("./missed-slots.ts");
    await recordMissedSlots(run);
  } catch (error) {
    reportFault(run, "could not record the missed slots", error);
  }
}
