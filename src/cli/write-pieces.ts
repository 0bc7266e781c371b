import type { TextSink } from "../host.ts";

/** Written at once: a line each would be a system call each. */
const CHUNK_LENGTH = 65_536;

/**
 * Writes a long text piece by piece, no faster than the reader takes it, so that it is never in memory as a whole.
 * A reader that has gone (`preview | head`) ends it, and that is no error.
 */
export async function writePieces(pieces: Iterable<string>, sink: TextSink): Promise<void> {
  let gone = false;
  let goOn = () => {};
  for (const event of ["error", "close"] as const) {
    sink.once?.(event, () => {
      gone = true;
      goOn();
    });
  }
  let chunk = "";
  for (const piece of pieces) {
    chunk += piece;
    if (chunk.length < CHUNK_LENGTH) continue;
    if (sink.write(chunk) === false && sink.once !== undefined) {
      await new Promise<void>((resolve) => {
        goOn = resolve;
        sink.once?.("drain", resolve);
      });
    }
    if (gone) return;
    chunk = "";
  }
  if (chunk !== "") sink.write(chunk);
}
