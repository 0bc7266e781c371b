import { StoreError } from "../errors.ts";
import { type BlockMark, looksLikeMarker, parseMarker, renderBegin, renderEnd } from "./mark.ts";

/** A block of ours as it stands in a crontab. */
export interface Block {
  readonly mark: BlockMark;
  /** The lines between the markers. */
  readonly lines: readonly string[];
  readonly addedNewline: boolean;
  /** Number of the begin marker's line, counted from 1. */
  readonly at: number;
  /** Offsets into the text; `end` is behind the newline of the end marker. */
  readonly start: number;
  readonly end: number;
}

const HOW_TO_MEND = "Nothing was written. Mend it by `crontab -e`, then try again.";

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f]/;

/** Throws where a line cannot be given back as it was: what `crontab -l` shows of it is not what stands in the file. */
function demandPlainLine(line: string, at: number): void {
  if (line.endsWith("\r") || line.endsWith("\\r")) {
    throw new StoreError(
      `line ${at} of the crontab ends in a carriage return (crontab -l may show it as \\r): cron takes it for a part of the command`,
      { hint: `${HOW_TO_MEND} It was probably written on Windows.` },
    );
  }
  const control = CONTROL.exec(line);
  if (control !== null) {
    const code = control[0].charCodeAt(0).toString(16).padStart(2, "0");
    throw new StoreError(`line ${at} of the crontab holds the control byte 0x${code}`, { hint: HOW_TO_MEND });
  }
}

function brokenMarkers(at: number, why: string): StoreError {
  return new StoreError(`line ${at} of the crontab: ${why}`, {
    hint: `${HOW_TO_MEND} A block of ours is one \`# BEGIN pipelinewise-sched NAME …\` line, its entries, and one \`# END pipelinewise-sched NAME\` line.`,
  });
}

/**
 * The blocks of ours in a crontab, in order.
 *
 * Throws a `StoreError` that names the line where a marker is broken, nested or doubled, or where a line could not be
 * given back byte for byte.
 */
export function findBlocks(text: string): readonly Block[] {
  const all = text.split("\n");
  const blocks: Block[] = [];
  let open: Omit<Block, "end"> | undefined;
  let offset = 0;
  for (const [index, line] of all.entries()) {
    const at = index + 1;
    const next = offset + line.length + 1;
    demandPlainLine(line, at);
    const marker = parseMarker(line);
    if (marker === undefined) {
      if (looksLikeMarker(line)) throw brokenMarkers(at, "this marker of a pipelinewise-sched block was changed");
    } else if (marker.kind === "begin") {
      const { name } = marker.mark;
      if (open !== undefined) {
        throw brokenMarkers(at, `the block ${name} begins inside the block ${open.mark.name} (line ${open.at})`);
      }
      const twin = blocks.find((block) => block.mark.name === name);
      if (twin !== undefined)
        throw brokenMarkers(at, `the block ${name} stands here a second time (first: line ${twin.at})`);
      open = { mark: marker.mark, addedNewline: marker.addedNewline, lines: [], at, start: offset };
    } else if (open?.mark.name === marker.name) {
      blocks.push({ ...open, lines: all.slice(open.at, index), end: Math.min(next, text.length) });
      open = undefined;
    } else {
      throw brokenMarkers(
        at,
        `the block ${marker.name} ends here, but it did not begin${open === undefined ? "" : ` (open is ${open.mark.name}, line ${open.at})`}`,
      );
    }
    offset = next;
  }
  if (open !== undefined) throw brokenMarkers(open.at, `the block ${open.mark.name} begins here and never ends`);
  return blocks;
}

const renderBlock = (mark: BlockMark, lines: readonly string[], addedNewline: boolean): string =>
  [renderBegin(mark, addedNewline), ...lines, renderEnd(mark.name), ""].join("\n");

/**
 * The crontab with our block of this name saying `lines`: in its place where there is one, else at the end. Every other
 * line stays as it was, byte for byte.
 */
export function replaceBlock(text: string, mark: BlockMark, lines: readonly string[]): string {
  const old = findBlocks(text).find((block) => block.mark.name === mark.name);
  if (old !== undefined) {
    return text.slice(0, old.start) + renderBlock(mark, lines, old.addedNewline) + text.slice(old.end);
  }
  const addedNewline = text !== "" && !text.endsWith("\n");
  return `${text}${addedNewline ? "\n" : ""}${renderBlock(mark, lines, addedNewline)}`;
}

/** The crontab without our block of this name: as it was before `replaceBlock` put it there. */
export function removeBlock(text: string, name: string): string {
  const old = findBlocks(text).find((block) => block.mark.name === name);
  if (old === undefined) return text;
  // A newline that we added may go only while nothing has come behind: two lines must not run together.
  const undoNewline = old.addedNewline && old.end === text.length;
  return text.slice(0, old.start - (undoNewline ? 1 : 0)) + text.slice(old.end);
}
