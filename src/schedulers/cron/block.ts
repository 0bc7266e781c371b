import { StoreError } from "../../errors.ts";
import { nameError } from "../../pipeline-id.ts";

/** The owner of a block, as its two marker lines say. */
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

/** Renders a JSON string in ASCII, which every daemon and terminal reads alike. */
const quoted = (word: string): string =>
  JSON.stringify(word).replace(/[^\x20-\x7e]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);

/**
 * The begin marker.
 *
 * @param addedNewline the crontab did not end in a newline before the block was added; removing the block removes that
 * newline too
 */
export function renderBegin({ name, source, configDir }: BlockMark, addedNewline: boolean): string {
  return `# BEGIN pipelinewise-sched ${name} source=${quoted(source)} config-dir=${quoted(configDir)}${addedNewline ? ADDED_NEWLINE : ""}`;
}

export const renderEnd = (name: string): string => `# END pipelinewise-sched ${name}`;

/** Whether a line is a marker, or was one before somebody edited it. */
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

/** Parses a marker; `undefined` unless the line is exactly a marker. */
export function parseMarker(line: string): Marker | undefined {
  const end = END.exec(line)?.[1];
  if (end !== undefined) return nameError(end) === undefined ? { kind: "end", name: end } : undefined;
  const begin = BEGIN.exec(line);
  if (begin === null) return undefined;
  const [, name = "", sourceJson = "", configDirJson = "", added] = begin;
  const source = unquoted(sourceJson);
  const configDir = unquoted(configDirJson);
  if (nameError(name) !== undefined || source === undefined || configDir === undefined) return undefined;
  const mark = { name, source, configDir };
  // A marker that differs from what this program writes has been edited.
  if (renderBegin(mark, added !== undefined) !== line) return undefined;
  return { kind: "begin", mark, addedNewline: added !== undefined };
}

/** A block as found in a crontab. */
export interface Block {
  readonly mark: BlockMark;
  /** The lines between the markers. */
  readonly lines: readonly string[];
  readonly addedNewline: boolean;
  /** Number of the begin marker's line, counted from 1. */
  readonly at: number;
  /** Offsets in the text; `end` is after the newline of the end marker. */
  readonly start: number;
  readonly end: number;
}

const HOW_TO_MEND = "Nothing was changed. Fix the line with `crontab -e`, then try again.";

// biome-ignore lint/suspicious/noControlCharactersInRegex: the expression finds control characters
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f]/;

/** Throws if a line cannot be restored byte for byte, because `crontab -l` shows something different from the file. */
function assertPlainLine(line: string, at: number): void {
  if (line.endsWith("\r") || line.endsWith("\\r")) {
    throw new StoreError(
      `line ${at} of the crontab ends in a carriage return (crontab -l may show it as \\r): cron treats it as part of the command`,
      { hint: `${HOW_TO_MEND} The line was probably written on Windows.` },
    );
  }
  const control = CONTROL.exec(line);
  if (control !== null) {
    const code = control[0].charCodeAt(0).toString(16).padStart(2, "0");
    throw new StoreError(`line ${at} of the crontab contains the control byte 0x${code}`, { hint: HOW_TO_MEND });
  }
}

function brokenMarkers(at: number, why: string): StoreError {
  return new StoreError(`line ${at} of the crontab: ${why}`, {
    hint: `${HOW_TO_MEND} A block of pipelinewise-sched is one \`# BEGIN pipelinewise-sched NAME …\` line, its entries, and one \`# END pipelinewise-sched NAME\` line.`,
  });
}

/**
 * Finds the blocks of a crontab, in order.
 *
 * Throws a `StoreError` that names the line if a marker is broken, nested or duplicate, or if a line could not be
 * restored byte for byte.
 */
export function findBlocks(text: string): readonly Block[] {
  const all = text.split("\n");
  const blocks: Block[] = [];
  let open: Omit<Block, "end"> | undefined;
  let offset = 0;
  for (const [index, line] of all.entries()) {
    const at = index + 1;
    const next = offset + line.length + 1;
    assertPlainLine(line, at);
    const marker = parseMarker(line);
    if (marker === undefined) {
      if (looksLikeMarker(line)) throw brokenMarkers(at, "this marker of a pipelinewise-sched block was edited");
    } else if (marker.kind === "begin") {
      const { name } = marker.mark;
      if (open !== undefined) {
        throw brokenMarkers(at, `the block ${name} begins inside the block ${open.mark.name} (line ${open.at})`);
      }
      const twin = blocks.find((block) => block.mark.name === name);
      if (twin !== undefined) throw brokenMarkers(at, `duplicate block ${name} (first one at line ${twin.at})`);
      open = { mark: marker.mark, addedNewline: marker.addedNewline, lines: [], at, start: offset };
    } else if (open?.mark.name === marker.name) {
      blocks.push({ ...open, lines: all.slice(open.at, index), end: Math.min(next, text.length) });
      open = undefined;
    } else {
      throw brokenMarkers(
        at,
        `the block ${marker.name} ends here, but it did not begin${open === undefined ? "" : ` (the open block is ${open.mark.name}, line ${open.at})`}`,
      );
    }
    offset = next;
  }
  if (open !== undefined) throw brokenMarkers(open.at, `the block ${open.mark.name} begins here and never ends`);
  return blocks;
}

const LONGEST_SHOWN = 100;

/** Words that no cron accepts as a line. */
const looksLikeMessage = (line: string): boolean => /^[ \t]*[A-Za-z]\S*[ \t]/.test(line) && !line.includes("=");

/** Throws if a line may be a message of the `crontab` program, which would become part of the crontab. */
export function assertNoMessage(text: string): void {
  const lines = text.split("\n");
  const index = lines.findIndex(looksLikeMessage);
  if (index === -1) return;
  const shown = JSON.stringify(fromCrontabText(lines[index]?.slice(0, LONGEST_SHOWN) ?? ""));
  throw new StoreError(`line ${index + 1} of the crontab is not an entry, a setting or a comment: ${shown}`, {
    hint: "Nothing was changed. If `crontab -e` shows the line, correct it there, then try again. If only `crontab -l` shows it, the `crontab` program prints it as a message: find out why, and stop that.",
  });
}

const renderBlock = (mark: BlockMark, lines: readonly string[], addedNewline: boolean): string =>
  [renderBegin(mark, addedNewline), ...lines, renderEnd(mark.name), ""].join("\n");

/** Replaces the block of this name with `lines`, or appends it. Every other line stays as it was, byte for byte. */
export function replaceBlock(text: string, mark: BlockMark, lines: readonly string[]): string {
  const old = findBlocks(text).find((block) => block.mark.name === mark.name);
  if (old !== undefined) {
    return text.slice(0, old.start) + renderBlock(mark, lines, old.addedNewline) + text.slice(old.end);
  }
  const addedNewline = text !== "" && !text.endsWith("\n");
  return `${text}${addedNewline ? "\n" : ""}${renderBlock(mark, lines, addedNewline)}`;
}

/** Removes the block of this name: the crontab is as it was before `replaceBlock` added it. */
export function removeBlock(text: string, name: string): string {
  const old = findBlocks(text).find((block) => block.mark.name === name);
  if (old === undefined) return text;
  // Remove the newline that we added only if nothing follows, so that two lines never become one.
  const undoNewline = old.addedNewline && old.end === text.length;
  return text.slice(0, old.start - (undoNewline ? 1 : 0)) + text.slice(old.end);
}

/**
 * Encodes text for a crontab. A crontab is bytes in an unknown encoding, so code in this directory represents it as
 * latin1, one character per byte; other lines then stay unchanged byte for byte. Our own text is converted by this
 * function and the next.
 */
export const toCrontabText = (words: string): string => Buffer.from(words, "utf8").toString("latin1");

/** A crontab's text for people to read. */
export const fromCrontabText = (text: string): string => Buffer.from(text, "latin1").toString("utf8");
