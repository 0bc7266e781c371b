import { renderWords } from "../../command-line.ts";
import { SchedError } from "../../errors.ts";
import type { RunRecord } from "../../history/record.ts";
import { HOOK_NAMES } from "../../hook-names.ts";
import { entryLabel } from "../../pipeline-id.ts";
import type { Hook, Hooks } from "../../policies.ts";
import { findProgram } from "../../system/find-program.ts";
import { renderDuration } from "../../text/format-time.ts";
import { type RunEnd, stoppedRun } from "../attempt.ts";
import type { LockedRun, Refusal } from "../context.ts";
import { renderCause, type StopCause } from "../outcome.ts";
import { startProcess } from "../process/start.ts";
import { type PipelineEnd, runPipelineProcess } from "../process/supervise.ts";

type HookName = keyof Hooks;

const keyOf = new Map<HookName, string>(HOOK_NAMES);

/** The end of a hook. */
type HookEnd =
  | { readonly kind: "succeeded" }
  /** `what` follows the hook's name, such as `failed with exit code 1`. */
  | { readonly kind: "failed"; readonly what: string; readonly output: Refusal["output"] }
  /** `isOfHook`: only the hook cannot be started. Otherwise, the pipeline cannot be started either. */
  | { readonly kind: "not-started"; readonly error: SchedError; readonly isOfHook: boolean }
  /** The run was asked to stop, or can no longer be supervised. */
  | { readonly kind: "stopped"; readonly cause: StopCause };

/** A hook and its input. */
interface HookStart {
  readonly name: HookName;
  readonly hook: Hook;
  /** Path of the run log. */
  readonly log: string;
  /** The end of the run; `undefined` before its start. */
  readonly record?: RunRecord | undefined;
}

/** The variables that describe a run to its hook. One that is `undefined` is not set, also if the wrapper has it. */
function hookVariables({ id, plan, slot }: LockedRun, { log, record }: HookStart): NodeJS.ProcessEnv {
  return {
    PIPELINEWISE_SCHED_TAP: plan.entry.tap,
    PIPELINEWISE_SCHED_TARGET: plan.entry.target,
    PIPELINEWISE_SCHED_RUN_ID: id,
    PIPELINEWISE_SCHED_SLOT: slot?.toISOString(),
    PIPELINEWISE_SCHED_LOG: log,
    PIPELINEWISE_SCHED_OUTCOME: record?.outcome,
    PIPELINEWISE_SCHED_EXIT_CODE: record?.exitCode?.toString(),
  };
}

/** Runs a hook to its end, as a process of the run: it has the run's token, lock and log. */
async function runHook(run: LockedRun, start: HookStart): Promise<HookEnd> {
  const { plan } = run;
  const { name, hook, log } = start;
  const key = keyOf.get(name) ?? name;
  const [word = "", ...args] = hook.command;
  run.log.info(`hook ${key}`);
  let isOfHook = false;
  try {
    const started = await startProcess(run, {
      log,
      heading: `pipelinewise-sched: hook ${key}: ${renderWords(hook.command)}\n`,
      variables: hookVariables(run, start),
      find: async (env) => {
        isOfHook = true; // The environment, which the pipeline has too, could be read.
        const program = await findProgram(plan.hookPrograms?.[word] ?? word, env["PATH"], `hooks.${key}`);
        return { argv: [program, ...args] };
      },
    });
    const supervised = { ...run, plan: { ...plan, policies: { timeoutMs: hook.timeoutMs } } };
    const end = await runPipelineProcess(supervised, started, `the hook ${key}`);
    return judgeHook(end, hook, { log, environment: started.environment });
  } catch (error) {
    if (!(error instanceof SchedError)) throw error;
    return { kind: "not-started", error, isOfHook };
  }
}

function judgeHook(end: PipelineEnd, { timeoutMs }: Hook, output: Refusal["output"]): HookEnd {
  if (end.cause?.kind === "timeout") {
    return { kind: "failed", what: `timed out (limit ${renderDuration(timeoutMs)})`, output };
  }
  if (end.cause !== undefined) return { kind: "stopped", cause: end.cause };
  return end.code === 0 ? { kind: "succeeded" } : { kind: "failed", what: `failed with exit code ${end.code}`, output };
}

/** Runs the hook before the pipeline. @returns the end of the run, if the pipeline must not be started */
export async function runBeforeHook(run: LockedRun, hook: Hook): Promise<RunEnd | undefined> {
  // The next step ends a run that was asked to stop.
  if (run.signals.cause() !== undefined) return undefined;
  const log = run.store.runLogFile(run);
  const end = await runHook(run, { name: "before", hook, log });
  switch (end.kind) {
    case "succeeded":
      return undefined;
    case "stopped":
      return stoppedRun(run, end.cause, undefined, 1);
    case "failed":
      return refused(end.what, "Correct what the hook reports, then run the pipeline again.", end.output);
    case "not-started": {
      const { error, isOfHook } = end;
      if (!isOfHook) return { kind: "not-started", error };
      return refused(notStarted(error), error.hint ?? "Correct the hook in the schedule file, then install it again.");
    }
  }
}

const notStarted = ({ message }: SchedError): string => `could not be started: ${message}`;

const refused = (what: string, hint: string, output?: Refusal["output"]): RunEnd => ({
  kind: "refused",
  refusal: { reason: "hook", detail: `has a before hook that ${what}`, hint, exitCode: 1, output },
});

/** Outcomes after which a run starts no hook: a stop waits for the end of the run, or another run may have the lock. */
const WITHOUT_HOOKS: readonly RunRecord["outcome"][] = ["stopped", "lock-lost"];

/** Runs the hooks after a run that is recorded. They do not change its outcome: a failure is only reported. */
export async function runAfterHooks(run: LockedRun, hooks: Hooks, record: RunRecord): Promise<void> {
  if (WITHOUT_HOOKS.includes(record.outcome)) return;
  const log = record.log ?? run.store.runLogFile(run);
  for (const name of [record.outcome === "succeeded" ? "afterSuccess" : "afterFailure", "after"] as const) {
    const hook = hooks[name];
    if (hook === undefined) continue;
    const fault = await faultOfHook(run, { name, hook, log, record });
    if (fault === undefined) continue;
    const text = `its hook ${keyOf.get(name)} ${fault.what}`;
    const where = fault.hasStarted ? log : record.log;
    run.log.warn(text, { log: where });
    const suffix = where === undefined ? "" : `; log: ${where}`;
    run.host.stderr.write(`pipelinewise-sched: ${entryLabel(run.plan.entry)}: ${text}${suffix}\n`);
  }
}

/** The error of a hook after a run. */
interface HookFault {
  /** Follows the hook's name. */
  readonly what: string;
  /** Whether the hook was started, so that the run log exists. */
  readonly hasStarted: boolean;
}

/** Runs a hook after a run. @returns `undefined` if it succeeded */
async function faultOfHook(run: LockedRun, start: HookStart): Promise<HookFault | undefined> {
  const cause = run.signals.cause();
  if (cause !== undefined) return { what: `was not started because of ${renderCause(cause)}`, hasStarted: false };
  const end = await runHook(run, start);
  switch (end.kind) {
    case "succeeded":
      return undefined;
    case "stopped":
      return { what: `was stopped because of ${renderCause(end.cause)}`, hasStarted: true };
    case "failed":
      return { what: end.what, hasStarted: true };
    case "not-started":
      return { what: notStarted(end.error), hasStarted: false };
  }
}
