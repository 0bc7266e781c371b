import { constants } from "node:fs";
import { errorCode } from "../errors.ts";
import { type OpenFile, open } from "../open-file.ts";
import { storeFault } from "../store-fault.ts";

const NEWLINE = 0x0a;
const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;

/** One line, without its end. */
export interface PlacedLine {
  readonly text: string;
  /** Byte in the file at which it begins. */
  readonly offset: number;
}

/** The lines of one block of bytes, last first. @param offset where the block begins in the file */
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

async function* blocksBackward(file: OpenFile, blockBytes: number): AsyncGenerator<PlacedLine[]> {
  let end = (await file.stat()).size;
  let rest = Buffer.alloc(0);
  while (end > 0) {
    const length = Math.min(blockBytes, end);
    end -= length;
    const block = Buffer.concat([await file.readAt(end, length), rest]);
    // What stands before the first newline may have begun in the block before.
    const first = end === 0 ? 0 : block.indexOf(NEWLINE) + 1;
    if (end > 0 && first === 0) {
      rest = block;
      continue;
    }
    rest = block.subarray(0, first);
    yield linesOf(block.subarray(first), end + first);
  }
}

/**
 * The lines of a file from its end to its beginning, in handfuls, so that the newest of a million are read at once.
 * Empty lines are left out. Nothing when there is no such file.
 */
export async function* linesBackward(path: string, blockBytes = 65_536): AsyncGenerator<readonly PlacedLine[]> {
  let file: OpenFile;
  try {
    file = await open(path, FLAGS);
  } catch (error) {
    if (errorCode(error) === "ENOENT") return;
    throw storeFault("read", path, error);
  }
  try {
    yield* blocksBackward(file, blockBytes);
  } finally {
    await file.close();
  }
}
