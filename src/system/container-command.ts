import { basename } from "node:path";

/** A command that runs a program in a container: `docker run --rm IMAGE`, `podman --runtime runc run IMAGE`. */
export interface ContainerCommand {
  /**
   * The engine's client and its global options: the arguments before `run`. Other subcommands of it may follow them.
   */
  readonly engine: readonly string[];
  /** The arguments after `run`: its options, the image, and the arguments of the program. */
  readonly words: readonly string[];
}

const ENGINES: readonly string[] = ["docker", "podman"];

/** The parts of a command that runs a program in a container; `undefined` for any other command. */
export function parseContainerCommand(command: readonly string[]): ContainerCommand | undefined {
  if (!ENGINES.includes(basename(command[0] ?? ""))) return undefined;
  const at = command.indexOf("run");
  const engine = command.slice(0, at);
  // `docker compose` names and filters its containers in another way.
  if (at === -1 || engine.includes("compose")) return undefined;
  return { engine, words: command.slice(at + 1) };
}

/**
 * Adds options to the `run` of a container. They come first, so that the same option in the command overrides them.
 * Any other command stays as it is.
 */
export function addRunOptions(command: readonly string[], options: readonly string[]): readonly string[] {
  const container = parseContainerCommand(command);
  return container === undefined ? command : [...container.engine, "run", ...options, ...container.words];
}

/** Options that pass variables of the client's environment into a container, by name, so that no value is visible. */
export const variableOptions = (names: readonly string[]): readonly string[] => names.flatMap((name) => ["-e", name]);
