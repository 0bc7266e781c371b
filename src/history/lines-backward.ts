import { constants } from "node:fs";
import { errorCode } from "../errors.ts";
import { type OpenFile, open } from "../storage/fs.ts";
import { ioError } from "../storage/store-error.ts";

const NEWLINE = 0x0a;
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW;

/** One line of a file, without its newline. */
export interface PlacedLine {
  readonly text: string;
  /** Position of its first byte in the file. */
  readonly offset: number;
}

/** The lines of one block of bytes, last first. @param offset position of the block in the file */
function linesOf(block: Buffer, offset: number): PlacedLine[] {
  const lines: PlacedLine[] = [];
  let start = 0;
  while (start < block.length) {
    const found = block.indexOf(NEWLINE, start);
    const end = found === -1 ? block.length : found;
    if (end > start) lines.push({ text: block.toString("utf8", start, end), offset: offset + start });
    start = end + 1;
  }
  return lines.reverse();
}

/** A longer line is cut. A record has less than a thousandth of this. */
const LONGEST_LINE = 1024 * 1024;
/** The end of a line that was cut. It makes the line garbled. */
const CUT = Buffer.from("…");

async function* blocksBackward(file: OpenFile, blockBytes: number): AsyncGenerator<PlacedLine[]> {
  let end = (await file.stat()).size;
  /**
   * The parts of a line whose beginning has not been read yet, the last part first. They are joined once, after the
   * beginning has been read.
   */
  let rest: Buffer[] = [];
  let restBytes = 0;
  while (end > 0) {
    const length = Math.min(blockBytes, end);
    end -= length;
    const block = await file.readAt(end, length);
    // The text before the first newline may continue a line of the preceding block.
    const first = end === 0 ? 0 : block.indexOf(NEWLINE) + 1;
    if (end > 0 && first === 0) {
      restBytes += block.length;
      if (restBytes <= LONGEST_LINE) rest.push(block);
      else rest = [CUT];
      continue;
    }
    yield linesOf(Buffer.concat([block.subarray(first), ...rest.reverse()]), end + first);
    rest = [block.subarray(0, first)];
    restBytes = first;
  }
}

/**
 * The lines of a file from its end to its beginning, in batches, so that the newest lines of a long file are read first.
 * Leaves out empty lines. Yields nothing if the file does not exist.
 */
export async function* linesBackward(path: string, blockBytes = 65_536): AsyncGenerator<readonly PlacedLine[]> {
  let file: OpenFile;
  try {
    file = await open(path, FLAGS);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return;
    throw ioError("read", path, error);
  }
  try {
    yield* blocksBackward(file, blockBytes);
  } finally {
    await file.close();
  }
}
