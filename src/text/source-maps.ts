import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";

const POSITION = /(\/\S+\/dist\/\S+\.cjs):(\d+):(\d+)/g;

/** The source map that the build wrote next to a file; `undefined` if there is none. */
function readMap(file: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${file}.map`, "utf8")));
  } catch {
    return undefined;
  }
}

/**
 * Replaces positions in `dist/` by those in the source files. Node can do this itself, but it would read every source map
 * at every start.
 */
export function mapStack(stack: string): string {
  const maps = new Map<string, SourceMap | undefined>();
  return stack.replace(POSITION, (position, file: string, line: string, column: string) => {
    if (!maps.has(file)) maps.set(file, readMap(file));
    const entry = maps.get(file)?.findEntry(Number(line) - 1, Number(column) - 1);
    return entry === undefined || !("originalSource" in entry)
      ? position
      : `${entry.originalSource.replace(/^(\.\.\/)+/, "")}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  });
}
