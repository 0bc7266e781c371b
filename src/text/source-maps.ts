import { readFileSync } from "node:fs";
import { SourceMap } from "node:module";

const PLACE = /(\/\S+\/dist\/\S+\.cjs):(\d+):(\d+)/g;

/** The map that the build has put beside a file; `undefined` where there is none. */
function readMap(file: string): SourceMap | undefined {
  try {
    return new SourceMap(JSON.parse(readFileSync(`${file}.map`, "utf8")));
  } catch {
    return undefined;
  }
}

/**
 * A stack trace of the built program with the files and lines of its source. Node could do this by itself, but it would
 * read every map at every start.
 */
export function mapStack(stack: string): string {
  const maps = new Map<string, SourceMap | undefined>();
  return stack.replace(PLACE, (place, file: string, line: string, column: string) => {
    if (!maps.has(file)) maps.set(file, readMap(file));
    const entry = maps.get(file)?.findEntry(Number(line) - 1, Number(column) - 1);
    return entry === undefined || !("originalSource" in entry)
      ? place
      : `${entry.originalSource.replace(/^(\.\.\/)+/, "")}:${entry.originalLine + 1}:${entry.originalColumn + 1}`;
  });
}
