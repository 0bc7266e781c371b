import { quoteWord, renderWords } from "../command-line.ts";
import type { Host } from "../host.ts";
import { entryLabel, lockOf } from "../pipeline-id.ts";
import { lockFolder, runLogFile } from "../storage/paths.ts";
import { findProgram } from "../system/find-program.ts";
import { findSlot, type SlotFinding } from "./checks/slot.ts";
import type { RunPlan } from "./plan.ts";
import { applyEnvironment, type EnvironmentChange, readEnvironment } from "./process/environment.ts";
import { nameFastSync } from "./process/pipeline.ts";
import { findSetpriv } from "./process/process-group.ts";

/** Shown instead of a secret value. */
const HIDDEN = "***";

const renderChange = ({ name, value, secret }: EnvironmentChange): string =>
  `${name}=${secret ? HIDDEN : quoteWord(value)}`;

const renderSlot = ({ decision }: SlotFinding): string =>
  decision.kind === "run" ? decision.slot.toISOString() : `skipped (${decision.reason}): it ${decision.detail}`;

/** Describes what a run would do. Writes nothing, and throws the same errors as a run. */
export async function renderDryRun(plan: RunPlan, host: Host): Promise<string> {
  const { entry, paths, manners } = plan;
  const changes = await readEnvironment(plan.environment, paths.configDir, host);
  const env = applyEnvironment(host, changes);
  const program = await findProgram(plan.words[0] ?? "", env["PATH"]);
  const words = await nameFastSync(plan, [program, ...plan.words.slice(1)], env);
  const setpriv = await findSetpriv();
  const slot = plan.slot === undefined ? undefined : renderSlot(await findSlot(plan.slot, entry, { paths, host }));
  const rows: (readonly [string, string])[] = [
    ["pipeline", `${entryLabel(entry)}, ${manners.scheduled ? "scheduled" : "by hand"}`],
    ["command", renderWords(words)],
    ["through", setpriv === undefined ? "nothing: setpriv is not installed" : `${setpriv} --pdeathsig TERM`],
    ...changes.map((change, index): [string, string] => [index === 0 ? "environment" : "", renderChange(change)]),
    ["directory", host.cwd],
    ...(slot === undefined ? [] : [["slot", slot] as const]),
    ["lock", lockFolder(paths, lockOf(entry))],
    ["log", runLogFile(paths, entry, { id: "RUN", startedAt: host.now() })],
  ];
  return rows.map(([name, value]) => `${name.padEnd(12)} ${value}\n`).join("");
}
