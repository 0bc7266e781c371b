import { nameFault } from "../command/request.ts";

/** Whose block it is: what its two marker lines say. */
export interface BlockMark {
  readonly name: string;
  /** Absolute path of the schedule file it was rendered from. */
  readonly source: string;
  /** Config directory of its runs, links resolved. */
  readonly configDir: string;
}

export type Marker =
  | { readonly kind: "begin"; readonly mark: BlockMark; readonly addedNewline: boolean }
  | { readonly kind: "end"; readonly name: string };

const ADDED_NEWLINE = " newline-added";

/** A JSON string in plain ASCII: no daemon and no terminal reads it otherwise. */
const quoted = (word: string): string =>
  JSON.stringify(word).replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);

/** @param addedNewline the crontab did not end in a newline before the block came; taking it away again takes that too */
export function renderBegin({ name, source, configDir }: BlockMark, addedNewline: boolean): string {
  return `# BEGIN pipelinewise-sched ${name} source=${quoted(source)} config-dir=${quoted(configDir)}${addedNewline ? ADDED_NEWLINE : ""}`;
}

export const renderEnd = (name: string): string => `# END pipelinewise-sched ${name}`;

/** Whether a line is a marker of ours or was one before somebody edited it. */
export const looksLikeMarker = (line: string): boolean => /^\s*#\s*(BEGIN|END)\s+pipelinewise-sched(\s|$)/i.test(line);

const BEGIN =
  /^# BEGIN pipelinewise-sched (\S+) source=("(?:[^"\\]|\\.)*") config-dir=("(?:[^"\\]|\\.)*")( newline-added)?$/;
const END = /^# END pipelinewise-sched (\S+)$/;

function unquoted(json: string): string | undefined {
  try {
    const word: unknown = JSON.parse(json);
    return typeof word === "string" ? word : undefined;
  } catch {
    return undefined;
  }
}

/** The marker that a line is; `undefined` unless it is one to the letter. */
export function parseMarker(line: string): Marker | undefined {
  const end = END.exec(line)?.[1];
  if (end !== undefined) return nameFault(end) === undefined ? { kind: "end", name: end } : undefined;
  const begin = BEGIN.exec(line);
  if (begin === null) return undefined;
  const [, name = "", sourceJson = "", configDirJson = "", added] = begin;
  const source = unquoted(sourceJson);
  const configDir = unquoted(configDirJson);
  if (nameFault(name) !== undefined || source === undefined || configDir === undefined) return undefined;
  const mark = { name, source, configDir };
  // What we would not write ourselves was edited: to the letter or not at all.
  if (renderBegin(mark, added !== undefined) !== line) return undefined;
  return { kind: "begin", mark, addedNewline: added !== undefined };
}
