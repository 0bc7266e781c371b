import { entryLabel } from "../command/request.ts";
import { findProgram } from "../find-program.ts";
import type { Host } from "../host.ts";
import { type HeldLock, RUN_MARK } from "../lock/lock.ts";
import type { SlotClaim } from "../slot/claim.ts";
import { runLogFile } from "../state-paths.ts";
import { type Pipeline, startPipeline } from "./child.ts";
import { applyEnvironment, readEnvironment } from "./environment.ts";
import type { Leftovers } from "./leftovers.ts";
import type { Notes } from "./notes.ts";
import { openRunLog, type RunLog } from "./output.ts";
import type { RunPlan } from "./plan.ts";
import { findSetpriv } from "./setpriv.ts";
import type { Execution } from "./take-lock.ts";

/** A run that has its pipeline's lock. */
export interface HeldRun extends Execution {
  readonly plan: RunPlan;
  readonly host: Host;
  readonly lock: HeldLock;
  readonly notes: Notes;
  /** What a dead run left in the way. */
  readonly leftovers: Leftovers;
  /** The slot that it stands for, ours as soon as the pipeline has started; none for a run by hand. */
  readonly claim: SlotClaim | undefined;
}

/** A pipeline at work, and the log of its output. */
export interface Begun {
  readonly pipeline: Pipeline;
  readonly log: RunLog;
}

/**
 * A command line whose fast sync has the name that PipelineWise here knows. Where the schedule is installed, that is known
 * already; else PipelineWise is asked, which takes it a second or two.
 */
export async function nameFastSync(
  { entry, fastSyncAt }: Pick<RunPlan, "entry" | "fastSyncAt">,
  words: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<readonly string[]> {
  if (fastSyncAt === undefined) return words;
  const { askKnownCommands, fastSyncName } = await import("../known-commands.ts");
  const known = await askKnownCommands(words.slice(0, fastSyncAt), env);
  return words.with(fastSyncAt, fastSyncName(known, entryLabel(entry)));
}

/** Finds, reads and opens all that the pipeline needs, then starts it. Where this rejects, nothing was started. */
export async function beginPipeline({ plan, host, lock, start }: HeldRun): Promise<Begun> {
  const { paths, entry, manners } = plan;
  const changes = await readEnvironment(plan.environment, paths.configDir, host);
  const env: NodeJS.ProcessEnv = { ...applyEnvironment(host, changes), [RUN_MARK]: lock.token };
  const program = await findProgram(plan.words[0] ?? "", env["PATH"]);
  const words = await nameFastSync(plan, [program, ...plan.words.slice(1)], env);
  const setpriv = await findSetpriv();
  const log = await openRunLog(paths, runLogFile(paths, entry, start), host.uid);
  try {
    const pipeline = await startPipeline({
      words,
      env,
      cwd: host.cwd,
      stdin: lock.stdin,
      output: manners.passThrough ? "pipe" : log.file.fd,
      setpriv,
    });
    return { pipeline, log };
  } catch (error) {
    await log.file.close();
    throw error;
  }
}
