import type { Host } from "../host.ts";
import { listStored, readStored } from "../installed/store.ts";
import type { RunPlan, RunRequest } from "../run/plan.ts";
import { planByHand } from "../run/plan-by-hand.ts";
import { configDirStats, findStateDirectory, openStateDirectory } from "../storage/directory.ts";
import { statePaths } from "../storage/paths.ts";
import { unknownPipelineWarning } from "./known-pipelines.ts";
import { notInstalled } from "./not-installed.ts";

/** The state directory of a config directory. It is created if it is missing, except for `--dry-run`. */
async function openState(configDir: string, host: Host, { dryRun }: RunRequest) {
  if (!dryRun) return openStateDirectory(configDir, host.uid);
  return (await findStateDirectory(configDir, host.uid)) ?? { paths: statePaths(configDir), warnings: [] };
}

/**
 * Warns root about a command that starts PipelineWise in another user's config directory. This program gives its own files there to that
 * user, but PipelineWise creates its files as root.
 */
export async function warnRoot(configDir: string, host: Host, command: "run" | "import"): Promise<void> {
  if (host.uid !== 0) return;
  const { uid, gid } = await configDirStats(configDir);
  if (uid === 0) return;
  host.stderr.write(
    `pipelinewise-sched: warning: ${configDir} belongs to user ${uid}, but PipelineWise runs as root: later runs of user ${uid} fail if they cannot change the files that it writes. Run this as that user: setpriv --reuid=${uid} --regid=${gid} --clear-groups pipelinewise-sched ${command} --config-dir ${configDir} …\n`,
  );
}

/** The plan of a run by hand, from the schedules that are installed on this host. */
export async function planInstalledByHand(request: RunRequest, configDir: string, host: Host): Promise<RunPlan> {
  const { paths, warnings } = await openState(configDir, host, request);
  for (const warning of warnings) host.stderr.write(`pipelinewise-sched: warning: ${warning}\n`);
  await warnRoot(configDir, host, "run");
  const unknown = await unknownPipelineWarning(paths, request, host);
  if (unknown !== undefined) host.stderr.write(`pipelinewise-sched: warning: ${unknown}\n`);
  const context = { paths, host };
  if (request.schedule === undefined) return planByHand(request, await listStored(paths, host), context);
  const named = await readStored(paths, request.schedule, host);
  if (named !== undefined) return planByHand(request, [named], context);
  throw await notInstalled(request.schedule, paths, "--schedule");
}
