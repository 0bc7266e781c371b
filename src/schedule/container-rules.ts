import { parseContainerCommand } from "../system/container-command.ts";
import type { Diagnostic } from "./diagnostic.ts";
import type { YamlValue } from "./yaml-tree.ts";

/** An option of `run`, and why it cannot be used. */
interface ForbiddenOption {
  readonly pattern: RegExp;
  readonly why: string;
  readonly hint: string;
}

const FORBIDDEN: readonly ForbiddenOption[] = [
  {
    pattern: /^--name(?:=|$)/,
    why: "gives the containers of all runs one name, and an engine accepts a name only once",
    hint: "Remove it: each run gives its container a name of its own.",
  },
  {
    pattern: /^(?:-[itPq]*d[itPq]*|--detach(?:=true)?)$/,
    why: "lets the command end while the container is still running",
    hint: "Remove it: a run waits for its container.",
  },
];

/** Options of a container's `run` that a run cannot work with. @param command the key `pipelinewise.command` */
export function checkContainerCommand(command: YamlValue | undefined): readonly Diagnostic[] {
  const items = [...(command?.children ?? [])];
  const words = items.map(([, { value }]) => (typeof value === "string" ? value : ""));
  const container = parseContainerCommand(words);
  if (container === undefined) return [];
  const first = words.length - container.words.length;
  return items.slice(first).flatMap(([index, { offset }], at): readonly Diagnostic[] => {
    const word = container.words[at] ?? "";
    const found = FORBIDDEN.find(({ pattern }) => pattern.test(word));
    if (found === undefined) return [];
    const message = `the option ${word} ${found.why}`;
    return [{ offset, path: ["pipelinewise", "command", index], message, hint: found.hint }];
  });
}
