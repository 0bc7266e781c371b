import type { TextSink } from "../host.ts";
import { passOnTo } from "../pass-on.ts";

/** Written at once: a line each would be a system call each. */
const CHUNK_LENGTH = 65_536;

/**
 * Writes a long text piece by piece, no faster than the reader takes it, so that it is never in memory as a whole.
 * A reader that has gone (`preview | head`) ends it.
 */
export async function writePieces(pieces: Iterable<string>, sink: TextSink): Promise<void> {
  const passOn = passOnTo(sink);
  let chunk = "";
  for (const piece of pieces) {
    chunk += piece;
    if (chunk.length < CHUNK_LENGTH) continue;
    if (!(await passOn(chunk))) return;
    chunk = "";
  }
  if (chunk !== "") await passOn(chunk);
}
