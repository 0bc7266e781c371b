import { Composer, type CST, type Document, isScalar, Parser, type YAMLError } from "yaml";
import { type Diagnostic, printable, quoted } from "./diagnostic.ts";
import type { SourcePosition } from "./schedule.ts";

/**
 * Returns a function that maps offsets in a text to lines and columns. (The YAML library's `LineCounter` misses the lines of a block scalar in
 * an invalid position.)
 */
function createLineIndex(text: string): (offset: number) => SourcePosition {
  const starts = [0, ...[...text.matchAll(/\n/g)].map(({ index }) => index + 1)];
  return (offset) => {
    const inside = Math.min(offset, text.length);
    let low = 0;
    let high = starts.length;
    while (low + 1 < high) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? 0) <= inside) low = middle;
      else high = middle;
    }
    return { line: low + 1, column: inside - (starts[low] ?? 0) + 1 };
  };
}

/** The YAML of a file. `document` is set only if there are no diagnostics. */
export interface YamlSyntax {
  readonly document: Document | undefined;
  readonly diagnostics: readonly Diagnostic[];
  readonly positionAt: (offset: number) => SourcePosition;
}

/** A schedule is five levels deep. The YAML library recurses and would crash the process at a few thousand levels. */
const MAX_DEPTH = 40;

/** Characters that YAML forbids, except tabs and line endings; a lone carriage return is included. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the expression finds control characters
const FORBIDDEN = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ufffe\uffff]|\r(?!\n)/g;

/** Reads the text as one YAML 1.2 document. */
export function parseYaml(text: string): YamlSyntax {
  const positionAt = createLineIndex(text);
  const tokens = [...new Parser().parse(text)];
  const failed = (diagnostics: readonly Diagnostic[]): YamlSyntax => ({
    document: undefined,
    diagnostics: firstOfEachLine(diagnostics, ({ offset = 0 }) => offset, positionAt),
    positionAt,
  });

  const forbidden = findForbiddenCharacters(text);
  if (forbidden.length > 0) return failed(forbidden);
  const deep = findDeep(tokens);
  if (deep !== undefined) {
    return failed([
      { offset: deep, path: [], message: `nested more than ${MAX_DEPTH} levels deep`, hint: EXAMPLE_HINT },
    ]);
  }
  const starts = tokens.filter((token) => token.type === "document").map(documentStart);
  const [first, second] = starts;
  const [document] = new Composer({ schema: "core", uniqueKeys: false, prettyErrors: false }).compose(
    tokens,
    true,
    text.length,
  );
  const errors = document === undefined ? [] : [...document.errors, ...document.warnings];
  const diagnostics = firstOfEachLine(errors, ({ pos }) => pos[0], positionAt).map((error) =>
    fromYamlError(error, text),
  );
  if (second !== undefined) {
    diagnostics.push({
      offset: second,
      path: [],
      message: "a second document begins here",
      hint: "A file contains one schedule. Remove the `---`, or write two files, each with its own `name`.",
    });
  }
  if (diagnostics.length === 0 && (first === undefined || isEmpty(document?.contents))) {
    diagnostics.push({ offset: 0, path: [], message: "the file is empty", hint: EXAMPLE_HINT });
  }
  return diagnostics.length > 0 ? failed(diagnostics) : { document, diagnostics: [], positionAt };
}

const EXAMPLE_HINT =
  'A schedule looks like `pipelines: [{tap: my_tap, target: my_target, cron: "0 * * * *"}]`; see examples/schedule.yml.';

const isEmpty = (contents: unknown): boolean =>
  contents == null || (isScalar(contents) && contents.value === null && !contents.source);

function findForbiddenCharacters(text: string): readonly Diagnostic[] {
  return [...text.matchAll(FORBIDDEN)].map(({ 0: character, index }) => ({
    offset: index,
    path: [],
    message:
      character === "\r"
        ? "carriage return without a line feed"
        : `control character ${quoted(character).slice(1, -1)}`,
    hint: "Save the file as plain UTF-8 text with LF line endings.",
  }));
}

/** Offset of the first token below `MAX_DEPTH` levels. Iterates, because recursion could exhaust the stack. */
function findDeep(tokens: readonly CST.Token[]): number | undefined {
  let level: readonly CST.Token[] = tokens;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    level = level.flatMap((token) => {
      if (token.type === "document") return token.value === undefined ? [] : [token.value];
      return "items" in token ? token.items.flatMap(({ key, value }) => [key ?? [], value ?? []].flat()) : [];
    });
  }
  return level[0]?.offset;
}

const documentStart = (document: CST.Document): number =>
  document.start.find(({ type }) => type === "doc-start")?.offset ?? document.offset;

/** Keeps the first item of each line, because one mistake often causes many errors. */
function firstOfEachLine<T>(
  items: readonly T[],
  offsetOf: (item: T) => number,
  positionAt: (offset: number) => SourcePosition,
): readonly T[] {
  const lines = new Map<number, T>();
  for (const item of [...items].sort((one, other) => offsetOf(one) - offsetOf(other))) {
    const { line } = positionAt(offsetOf(item));
    if (!lines.has(line)) lines.set(line, item);
  }
  return [...lines.values()];
}

/** Hints for common errors; the library's own message says what is wrong. */
const HINTS: Readonly<Record<string, string>> = {
  TAB_AS_INDENT: "Indent with spaces.",
  BAD_INDENT: "Check the indentation of this line, and that each [ and { above is closed.",
  BLOCK_AS_IMPLICIT_KEY: "Quote values that contain `: `; otherwise check the indentation of this line.",
  MULTILINE_IMPLICIT_KEY: "Keys must be followed by `:`; quote values that span lines.",
  BAD_DQ_ESCAPE: "In double quotes write \\\\ for a backslash, or use single quotes.",
  TAG_RESOLVE_FAILED: "Remove the tag (the part that begins with !).",
};

const OPEN_QUOTE = "A quotation mark above is never closed.";

function fromYamlError({ code, pos, message }: YAMLError, text: string): Diagnostic {
  const [offset] = pos;
  const unquoted = code === "BAD_ALIAS" || code === "BAD_SCALAR_START" || /alias at node end/.test(message);
  return {
    offset,
    path: [],
    message: printable(`YAML: ${message.charAt(0).toLowerCase()}${message.slice(1)}`),
    hint: message.startsWith("Missing closing")
      ? OPEN_QUOTE
      : (HINTS[code] ?? "Check quotes, colons and indentation on this line and the one above."),
    ...(unquoted ? findUnquotedValue(text, offset) : undefined),
  };
}

/** A cron expression without quotes, the most common mistake: YAML reads `*` as an alias and reserves `@`. */
export function findUnquotedValue(text: string, offset: number): Omit<Diagnostic, "path"> | undefined {
  const from = text.lastIndexOf("\n", offset - 1) + 1;
  const [line = ""] = text.slice(from, from + 1000).split(/\r?\n/, 1);
  const value = /(?<=[:,-] +|[[{,] *)[*@%`][^'"]*?(?=\s+#|,\s|\s*[\]}]|\s*$)/.exec(line);
  if (value === null || value.index + value[0].length < offset - from) return undefined;
  return {
    offset: from + value.index,
    message: `a value that begins with ${value[0].charAt(0)} needs quotes`,
    hint: `Write ${quoted(value[0])}.`,
  };
}
