import { EXIT, SchedError } from "../../errors.ts";

const BLANK = /[ \t]*(?:#[^\n]*)?(?:\n|$)/y;
/** `'…'`, `"…"` and `` `…` `` may span lines and contain their own quote after a backslash. */
const ASSIGNMENT =
  /[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)[ \t]*=[ \t]*(?:'((?:\\'|[^'])*)'|"((?:\\"|[^"])*)"|`((?:\\`|[^`])*)`|((?!['"`])[^#\n]*))[ \t]*(?:#[^\n]*)?(?:\n|$)/y;

/**
 * The variables of an `env_file`, in dotenv's syntax:
 * - `NAME=VALUE` or `export NAME=VALUE`, empty lines, and comments from `#` to the end of the line;
 * - a value without quotes ends at a `#` and has no blanks at its ends;
 * - a value in single quotes, double quotes or backticks is literal and may span lines;
 * - in double quotes, `\n` and `\r` are line ends.
 *
 * Unlike dotenv, it rejects what it cannot read: dotenv would skip such a line.
 *
 * @throws a `SchedError` that names file and line, and never shows a value
 */
export function parseEnvFile(source: string, path: string): ReadonlyMap<string, string> {
  const text = source.replace(/^\uFEFF/, "").replace(/\r\n?/g, "\n");
  const variables = new Map<string, string>();
  for (let position = 0; position < text.length; ) {
    const blank = matchAt(BLANK, text, position);
    const match = blank ?? matchAt(ASSIGNMENT, text, position);
    if (match === null) throw syntaxError(path, text.slice(0, position).split("\n").length);
    position += match[0].length;
    if (blank !== null) continue;
    const [, name = "", single, double, backtick, plain = ""] = match;
    const quoted = double?.replaceAll("\\n", "\n").replaceAll("\\r", "\r") ?? single ?? backtick;
    variables.set(name, quoted ?? plain.trim());
  }
  return variables;
}

function matchAt(pattern: RegExp, text: string, position: number): RegExpExecArray | null {
  pattern.lastIndex = position;
  return pattern.exec(text);
}

const syntaxError = (path: string, line: number): SchedError =>
  new SchedError(`${path}:${line}: this line is not KEY=VALUE, or its closing quote is missing`, {
    exitCode: EXIT.io,
    hint: "Write one variable per line. Quote values that contain a # or a quotation mark. (The line is not shown because it may contain a secret.)",
  });
