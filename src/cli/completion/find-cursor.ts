import type { Argument, Command, Option } from "commander";

/** The kind of the argument at the cursor. */
export type Position =
  | { readonly kind: "command"; readonly of: Command }
  | { readonly kind: "option"; readonly of: Command }
  | {
      readonly kind: "value";
      readonly of: Option | Argument;
      /** The part of the argument before the value, such as `--tap=`. */
      readonly prefix: string;
    };

/** The cursor on a command line. */
export interface Cursor {
  readonly position: Position;
  /** Values of the options before the cursor, by long name, such as `--tap`. */
  readonly values: ReadonlyMap<string, string>;
}

/** The options of a command. `run` adds its own to its help only. */
export const optionsOf = (command: Command): readonly Option[] => command.createHelp().visibleOptions(command);

/** The argument and its value if it has the form `--name=VALUE`. */
function splitInline(word: string): { readonly name: string; readonly value: string | undefined } {
  const at = word.startsWith("--") ? word.indexOf("=") : -1;
  return at === -1 ? { name: word, value: undefined } : { name: word.slice(0, at), value: word.slice(at + 1) };
}

const takesValue = (option: Option | undefined): option is Option => option?.required === true;

const findOption = (command: Command, name: string): Option | undefined =>
  optionsOf(command).find(({ short, long }) => name === short || name === long);

/** The meaning of the arguments before the cursor. */
interface Before {
  readonly command: Command;
  readonly values: ReadonlyMap<string, string>;
  /** The option whose value comes next. */
  readonly pending: Option | undefined;
  /** Arguments of the command that are not options. */
  readonly argumentCount: number;
}

/** Reads the arguments before the cursor; `undefined` after `--`. */
function readBefore(program: Command, words: readonly string[]): Before | undefined {
  const values = new Map<string, string>();
  let command = program;
  let argumentCount = 0;
  let pending: Option | undefined;
  for (const word of words) {
    if (pending !== undefined) {
      values.set(pending.long ?? "", word);
      pending = undefined;
    } else if (word === "--") {
      return undefined;
    } else if (word.startsWith("-")) {
      const { name, value } = splitInline(word);
      const option = findOption(command, name);
      if (value !== undefined) values.set(name, value);
      else if (takesValue(option)) pending = option;
    } else {
      const inner = command.commands.find((one) => one.name() === word);
      if (inner !== undefined) command = inner;
      // After `help` the name of a command follows.
      else if (command !== program || word !== "help") argumentCount++;
    }
  }
  return { command, values, pending, argumentCount };
}

function findPosition({ command, pending, argumentCount }: Before, current: string): Position | undefined {
  if (pending !== undefined) return { kind: "value", of: pending, prefix: "" };
  if (current.startsWith("-")) {
    const { name, value } = splitInline(current);
    if (value === undefined) return { kind: "option", of: command };
    const option = findOption(command, name);
    return takesValue(option) ? { kind: "value", of: option, prefix: `${name}=` } : undefined;
  }
  if (command.commands.length > 0) return argumentCount === 0 ? { kind: "command", of: command } : undefined;
  const argument = command.registeredArguments[argumentCount];
  return argument && { kind: "value", of: argument, prefix: "" };
}

/**
 * Finds the kind of the last argument.
 *
 * @param program has the options of the command that the arguments name
 * @param typed the arguments after `pipelinewise-sched`, up to the cursor
 */
export function findCursor(program: Command, typed: readonly string[]): Cursor | undefined {
  // bash splits `--tap=ID` into `--tap`, `=` and `ID`. Without an ID yet, the cursor is on `=`.
  const words = typed.at(-1) === "=" ? [...typed, ""] : typed;
  const before = readBefore(
    program,
    words.slice(0, -1).filter((word) => word !== "="),
  );
  const position = before && findPosition(before, words.at(-1) ?? "");
  return position && { position, values: before.values };
}
