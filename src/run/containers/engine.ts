import { basename } from "node:path";
import { errorMessage, SchedError, StoreError } from "../../errors.ts";
import type { SignalSource } from "../../host.ts";
import { type CallLimits, callProgram, lastLine, type ProgramAnswer } from "../../system/call-program.ts";
import { SECOND_MS } from "../../time-units.ts";

/** A container engine, by the client that a schedule names. */
export interface ContainerEngine {
  /** Name of the client, such as `docker`. */
  readonly name: string;
  /** Names of the containers with this label (`KEY=VALUE`) that are not over: running, paused or being stopped. */
  find(label: string): Promise<readonly string[]>;
  /** Sends the image's stop signal, and SIGKILL after the grace period. Resolves when the container has stopped. */
  stop(container: string, graceMs: number): Promise<void>;
  kill(container: string): Promise<void>;
}

/** Time for an engine's answer on a busy machine. */
const ANSWER_MS = 60 * SECOND_MS;

const limits = (answerMs: number): CallLimits => ({
  answerMs,
  graceMs: 2 * SECOND_MS,
  signalMs: 0,
  mostBytes: 1024 * 1024,
});

/** The callers have their own handlers of signals, and a signal must not cut off the stop of a container. */
const NO_SIGNALS: SignalSource = { on: () => undefined, off: () => undefined };

/** Status of a container that has no process any more, or none yet. */
const IS_OVER = /^(?:Exited|Dead|Created|Initialized|Configured|Remov)/i;

/** Names in the output of `ps`, without those of containers that are over. */
const runningNames = (output: string): readonly string[] =>
  output.split("\n").flatMap((line) => {
    const [, name, status = ""] = /^([^ ,]+)\S* (.*)$/.exec(line) ?? [];
    return name === undefined || IS_OVER.test(status) ? [] : [name];
  });

/**
 * The engine behind a client. Each method throws a StoreError if the engine does not answer or refuses: an unknown
 * state never counts as "not running".
 *
 * @param words absolute path of the client and its global options
 * @param env environment of the client, which may name another engine (`DOCKER_HOST`)
 */
export function openEngine(words: readonly string[], env: NodeJS.ProcessEnv): ContainerEngine {
  const name = basename(words[0] ?? "");
  const call = async (args: readonly string[], answerMs: number): Promise<string> => {
    const refused = (why: string, cause?: unknown) =>
      new StoreError(`${name} did not carry out \`${[name, ...words.slice(1), ...args].join(" ")}\`: ${why}`, {
        cause,
        hint: `Run that command by hand and fix the problem: the engine of ${name} must be running, and this user must be allowed to use it.`,
      });
    let answer: ProgramAnswer;
    try {
      answer = await callProgram([...words, ...args], { env, signals: NO_SIGNALS, limits: limits(answerMs) });
    } catch (error) {
      throw error instanceof SchedError ? error : refused(errorMessage(error), error);
    }
    const { exitCode, signal, stdout, stderr } = answer;
    if (exitCode !== 0) throw refused(lastLine(stderr) ?? `it ended with ${signal ?? exitCode}`);
    return stdout;
  };
  return {
    name,
    async find(label) {
      const format = "{{.Names}} {{.Status}}";
      return runningNames(await call(["ps", "--all", "--filter", `label=${label}`, "--format", format], ANSWER_MS));
    },
    async stop(container, graceMs) {
      const seconds = Math.ceil(graceMs / SECOND_MS);
      await call(["stop", "-t", String(seconds), container], seconds * SECOND_MS + ANSWER_MS);
    },
    async kill(container) {
      await call(["kill", container], ANSWER_MS);
    },
  };
}
