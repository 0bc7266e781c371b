import type { Command } from "commander";
import type { Host } from "../../host.ts";
import { overlaps, type PipelineScope, scopeLabel } from "../../pipeline-id.ts";
import { isSameScope, listPauses, removePause, renderPause, resumeCommand } from "../../run/policies/pauses.ts";
import { findStateDirectory } from "../../storage/directory.ts";
import { statePaths } from "../../storage/paths.ts";
import { examples } from "../command.ts";
import { assertKnown } from "../known-pipelines.ts";
import { parseScope, type ScopeSelector, withScopeOptions } from "../options.ts";
import { actAsOwner } from "../switch-user.ts";

interface ResumeFlags extends ScopeSelector {
  readonly configDir?: string;
}

export function addResume(command: Command, caller: Host): void {
  withScopeOptions(command, "resume")
    .option("--config-dir <dir>", "PipelineWise's config directory")
    .addHelpText("after", examples("resume --tap orders --target redshift", "resume --all"))
    .action(async (flags: ResumeFlags) => {
      const scope = parseScope(flags);
      const { host, configDir } = await actAsOwner(caller, flags.configDir);
      const paths = (await findStateDirectory(configDir, host.uid))?.paths ?? statePaths(configDir);
      const { active, faults } = await listPauses(paths, host.now());
      const isPaused = [...active, ...faults].some((one) => isSameScope(one.scope, scope));
      // A pause of a pipeline that is no longer known can still be removed.
      if (!isPaused) await assertKnown(paths, scope, host);
      await removePause(paths, scope);
      const isOther = (one: { readonly scope: PipelineScope }) =>
        !isSameScope(one.scope, scope) && overlaps(one.scope, scope);
      const others = active.filter(isOther);
      const otherFaults = faults.filter(isOther);
      host.stdout.write(`${describeResult(scope, isPaused, others.length + otherFaults.length > 0)}\n`);
      for (const pause of others) {
        const what = `${scopeLabel(pause.scope)} ${renderPause(pause)}`;
        host.stdout.write(`still paused: ${what}; to resume: ${resumeCommand(pause.scope)}\n`);
      }
      for (const { error } of otherFaults) {
        host.stderr.write(`warning: ${error.message}. ${error.hint ?? ""}\n`);
      }
    });
}

/**
 * The result of `resume` as text.
 *
 * @param wasPaused whether this scope itself had a pause
 * @param remains whether other pauses cover some of its pipelines
 */
function describeResult(scope: PipelineScope, wasPaused: boolean, remains: boolean): string {
  const label = scopeLabel(scope);
  if (remains) return wasPaused ? `the pause of ${label} is removed` : `there is no pause of ${label}`;
  if (scope.tap !== undefined) return `${label} is ${wasPaused ? "resumed" : "not paused"}`;
  if (wasPaused) return `${label} are resumed`;
  return scope.target === undefined ? "no pipeline is paused" : `no pipeline into ${scope.target} is paused`;
}
