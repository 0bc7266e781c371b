import { setTimeout as sleep } from "node:timers/promises";
import { EXIT, errorMessage, SchedError, StoreError } from "../../errors.ts";
import { lockLabel } from "../../pipeline-id.ts";
import { nonce } from "../../storage/nonce.ts";
import { parseContainerCommand } from "../../system/container-command.ts";
import { lastLines } from "../outcome.ts";
import type { StopHelp, StopTiming } from "../process/terminate.ts";
import { waitFor } from "../process/terminate.ts";
import type { Log } from "../wrapper-log/log-writer.ts";
import { type ContainerEngine, openEngine } from "./engine.ts";
import { type ContainerIdentity, containerName, lockLabelOf, nameContainer, runLabel } from "./options.ts";

/** The container of a started pipeline. The pipeline process is only its client. */
export interface RunContainer {
  readonly name: string;
  /**
   * Stops it through its engine, and kills it if it does not stop in time. Never rejects.
   *
   * @returns whether the engine has stopped or killed it
   */
  stop(timing: StopTiming, help: Pick<StopHelp, "secondSignal" | "report">): Promise<boolean>;
  /** Resolves when its engine says that it has ended. Asks again as long as the engine does not answer. */
  gone(log: Pick<Log, "info" | "warn">): Promise<void>;
  /**
   * The error of a start that the engine refused; `undefined` if the exit code is the pipeline's own.
   *
   * @param output end of the output
   */
  startFault(code: number, output: string | undefined): SchedError | undefined;
}

const FIRST_POLL_MS = 50;
const LONGEST_POLL_MS = 5_000;
/** The engine itself sends SIGKILL at the end of the grace period, so its answer comes a little later. */
const ENGINE_EXTRA_MS = 3_000;

/** Exit codes that `run` of an engine has for its own errors, with the exit codes of this program. */
const ENGINE_CODES = new Map<number, typeof EXIT.io | typeof EXIT.notExecutable | typeof EXIT.notFound>([
  [125, EXIT.io],
  [126, EXIT.notExecutable],
  [127, EXIT.notFound],
]);

/** An error of an engine's client. The pipeline may end with the same codes, and with other lines. */
const ENGINE_ERROR = /^(?:docker|Error): /;
/** The container was started, and the client lost its engine later. */
const LOST_CONTAINER = /error waiting for container/;

function findStartFault(engine: string, code: number, output: string | undefined): SchedError | undefined {
  const exitCode = ENGINE_CODES.get(code);
  if (exitCode === undefined || output === undefined) return undefined;
  const lines = lastLines(output);
  const line = lines.findLast((text) => ENGINE_ERROR.test(text));
  // PipelineWise never ends with 125, and the message about a wrong option does not match ENGINE_ERROR.
  const reason = line ?? (code === 125 ? lines.find((text) => text !== "") : undefined);
  if (reason === undefined || LOST_CONTAINER.test(output)) return undefined;
  return new SchedError(`${engine} could not start the container (exit code ${code}): ${reason}`, {
    exitCode,
    hint: "Check the options, the image and its program in pipelinewise.command. `run --dry-run` shows the command line.",
  });
}

/** @param label label of this container's run */
function openContainer(name: string, engine: ContainerEngine, label: string): RunContainer {
  return {
    name,
    async stop({ graceMs, killGraceMs }, { secondSignal, report }) {
      let isStopped = false;
      const attempt = async (act: () => Promise<void>) => {
        try {
          await act();
          isStopped = true;
        } catch (error) {
          if (!isStopped) report(errorMessage(error));
        }
      };
      report(`asked ${engine.name} to stop the container ${name}`);
      const stopped = attempt(() => engine.stop(name, graceMs));
      await waitFor(stopped, graceMs + ENGINE_EXTRA_MS, secondSignal());
      if (isStopped) return true;
      report(`asked ${engine.name} to kill the container ${name}`);
      const killed = attempt(() => engine.kill(name));
      await waitFor(killed, killGraceMs);
      return isStopped;
    },
    async gone(log) {
      let reported = false;
      const reportOnce = (write: "info" | "warn", text: string) => {
        if (!reported) log[write](text, { container: name });
        reported = true;
      };
      for (let pause = FIRST_POLL_MS; ; pause = Math.min(pause * 2, LONGEST_POLL_MS)) {
        try {
          if ((await engine.find(label)).length === 0) return;
          reportOnce("info", "the client has ended, and its container is still running");
        } catch (error) {
          if (!(error instanceof SchedError)) throw error;
          reportOnce("warn", `cannot check whether the container has ended, so the run continues: ${error.message}`);
        }
        await sleep(pause);
      }
    },
    startFault: (code, output) => findStartFault(engine.name, code, output),
  };
}

/**
 * Prepares the start of a pipeline in a container. Throws if the engine does not answer, or if a container of the
 * pipeline is running.
 *
 * @param argv command line with the absolute path of the engine's client
 * @param env environment of the client
 */
export async function prepareContainer(
  argv: readonly string[],
  env: NodeJS.ProcessEnv,
  identity: Omit<ContainerIdentity, "name">,
): Promise<{ readonly argv: readonly string[]; readonly container: RunContainer }> {
  const { runId, configDir, lock } = identity;
  const engine = openEngine(parseContainerCommand(argv)?.engine ?? [], env);
  const [other] = await engine.find(lockLabelOf(configDir, lock));
  if (other !== undefined) {
    throw new StoreError(`the container ${other} is still running ${lockLabel(lock)}`, {
      hint: `Wait until it has ended, or stop it: pipelinewise-sched stop --tap ${lock.tap} --target ${lock.target}`,
    });
  }
  const name = containerName(runId, nonce());
  return {
    argv: nameContainer(argv, { ...identity, name }),
    container: openContainer(name, engine, runLabel(runId)),
  };
}
