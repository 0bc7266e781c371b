import { EXIT, SchedError } from "../errors.ts";

const ASSIGNMENT = /^(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)=(.*)$/;

function unquoted(value: string): string | undefined {
  const quote = value[0];
  if (quote !== '"' && quote !== "'") return value;
  return value.length >= 2 && value.endsWith(quote) ? value.slice(1, -1) : undefined;
}

/**
 * The variables of an `env_file`: `KEY=VALUE` lines, empty lines and lines that begin with `#`. One pair of quotes around
 * a value is taken off; nothing in it is expanded, and a `#` in it is part of it.
 *
 * @throws a `SchedError` that names file and line, and never shows a value
 */
export function parseEnvFile(text: string, path: string): ReadonlyMap<string, string> {
  const variables = new Map<string, string>();
  for (const [index, raw] of text.split("\n").entries()) {
    const line = raw.replace(/\r$/, "").trim();
    if (line === "" || line.startsWith("#")) continue;
    const [, name, written] = ASSIGNMENT.exec(line) ?? [];
    const value = written === undefined ? undefined : unquoted(written.trim());
    if (name === undefined || value === undefined) {
      throw new SchedError(`${path}:${index + 1}: this line is not KEY=VALUE, or its quotes do not close`, {
        exitCode: EXIT.io,
        hint: "One variable a line; comments on lines of their own, beginning with #. (The line is not shown: it may be secret.)",
      });
    }
    variables.set(name, value);
  }
  return variables;
}
