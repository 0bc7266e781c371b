import { expect } from "vitest";
import { main } from "../../src/cli/main.ts";
import { testHost } from "./host.ts";

/** The help of a command, as the program prints it. */
export async function helpOf(...command: readonly string[]): Promise<string> {
  const host = testHost();
  expect(await main([...command, "--help"], host)).toBe(0);
  return host.out();
}

/** The names of the commands in a help text. */
const namesIn = (help: string): readonly string[] =>
  [...(help.split(/^Commands:$/m)[1] ?? "").matchAll(/^ {2}([a-z]+) {2,}\S/gm)]
    .map(([, name = ""]) => name)
    .filter((name) => name !== "help");

/** The names of all commands. One that has subcommands is left out, and those are named in full: `alerts test`. */
export async function commandNames(): Promise<readonly string[]> {
  const names: string[] = [];
  for (const name of namesIn(await helpOf())) {
    const inner = namesIn(await helpOf(name));
    names.push(...(inner.length === 0 ? [name] : inner.map((word) => `${name} ${word}`)));
  }
  return names;
}

/** The help of each command, by its name. */
export async function readHelps(): Promise<ReadonlyMap<string, string>> {
  const helps = new Map<string, string>();
  for (const name of await commandNames()) helps.set(name, await helpOf(...name.split(" ")));
  return helps;
}
