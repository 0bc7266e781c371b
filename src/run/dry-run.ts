import { quoteWord, renderWords } from "../command-line.ts";
import { HOOK_NAMES } from "../hook-names.ts";
import type { Host } from "../host.ts";
import { RUN_TOKEN_ENV } from "../lock/lock.ts";
import { entryLabel } from "../pipeline-id.ts";
import { renderDuration } from "../text/format-time.ts";
import { findSlot } from "./checks/slot.ts";
import { containerName, nameContainer, variablesOf } from "./containers/options.ts";
import type { SlotDecision } from "./context.ts";
import { limitsOf } from "./limits/grant.ts";
import { openEntryStore } from "./pipeline-store.ts";
import type { RunPlan } from "./plan.ts";
import { notPaused } from "./policies/pause.ts";
import { applyEnvironment, type EnvironmentChange, readEnvironment } from "./process/environment.ts";
import { findSetpriv } from "./process/process-group.ts";
import { findCommand } from "./process/start.ts";

/** Shown instead of a secret value. */
const HIDDEN = "***";

const renderChange = ({ name, value, secret }: EnvironmentChange): string =>
  `${name}=${secret ? HIDDEN : quoteWord(value)}`;

const renderSlot = (decision: SlotDecision): string =>
  decision.kind === "run"
    ? decision.slot.toISOString()
    : `skipped (${decision.skip.reason}): it ${decision.skip.detail}`;

/** The timeout, the retries and the limits of a run. */
function policyRows({ entry, source, limits, policies: { timeoutMs, retries } }: RunPlan, host: Host) {
  const applied = limits === undefined ? [] : limitsOf({ target: entry.target, source, host: host.name }, limits);
  const shown = applied.map(({ kind, name, places }) => `${kind} ${name}: ${places}`).join(", ");
  const rows: readonly (readonly [string, string | undefined])[] = [
    ["timeout", timeoutMs === undefined ? undefined : renderDuration(timeoutMs)],
    [
      "retries",
      retries === undefined ? undefined : `${retries.max}, the first after ${renderDuration(retries.delayMs)}`,
    ],
    ["limits", shown === "" ? undefined : shown],
  ];
  return rows.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
}

/** Describes what a run would do. Writes nothing, and throws the same errors as a run. */
export async function renderDryRun(plan: RunPlan, host: Host): Promise<string> {
  const { entry, paths, output } = plan;
  const store = openEntryStore(entry, { paths, host });
  const changes = await readEnvironment(plan.environment, paths.configDir, host);
  const env = applyEnvironment(host, changes);
  const argv = nameContainer(await findCommand(plan, { env, signals: host.signals }), {
    name: containerName("RUN", "ATTEMPT"),
    runId: "RUN",
    configDir: paths.configDir,
    lock: store.lock.id,
    variables: [...variablesOf(changes, plan.environment), RUN_TOKEN_ENV],
  });
  const setpriv = await findSetpriv();
  const found = await findSlot({ plan, host, store });
  const paused = await notPaused({ plan, host, slot: undefined });
  const { hooks = {} } = plan.policies;
  const hookLines = HOOK_NAMES.flatMap(([name, key]) =>
    hooks[name] === undefined ? [] : [`${key}: ${renderWords(hooks[name].command)}`],
  );
  const rows: (readonly [string, string])[] = [
    ["pipeline", `${entryLabel(entry)}, ${output.scheduled ? "scheduled" : "by hand"}`],
    ["command", renderWords(argv)],
    [
      "through",
      setpriv === undefined ? "nothing: setpriv is not installed or not executable" : `${setpriv} --pdeathsig TERM`,
    ],
    ...changes.map((change, index): [string, string] => [index === 0 ? "environment" : "", renderChange(change)]),
    ["directory", host.cwd],
    ...(found === undefined ? [] : [["slot", renderSlot(found.decision)] as const]),
    ...(paused === undefined ? [] : [["paused", `it ${paused.detail}`] as const]),
    ...policyRows(plan, host),
    ...hookLines.map((line, index): [string, string] => [index === 0 ? "hooks" : "", line]),
    ["lock", store.lock.directory],
    ["log", store.runLogFile({ id: "RUN", startedAt: host.now() })],
  ];
  return rows.map(([name, value]) => `${name.padEnd(12)} ${value}\n`).join("");
}
