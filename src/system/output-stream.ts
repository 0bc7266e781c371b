import type { TextSink } from "../host.ts";

/**
 * Writes to a reader, no faster than it reads. A reader that has gone (`preview | head`) gets nothing more; that is not an
 * error.
 *
 * @returns a function that writes one chunk and resolves when the reader can take the next; `false` if it has gone
 */
export function writeWithBackpressure(sink: TextSink): (chunk: string | Uint8Array) => Promise<boolean> {
  let gone = false;
  let goOn = () => {};
  for (const event of ["error", "close"] as const) {
    sink.once?.(event, () => {
      gone = true;
      goOn();
    });
  }
  return async (chunk) => {
    if (gone || sink.write(chunk) !== false || sink.once === undefined) return !gone;
    await new Promise<void>((resolve) => {
      goOn = resolve;
      sink.once?.("drain", resolve);
    });
    return !gone;
  };
}

/** Length of one write. A write for each line would be a system call for each line. */
const CHUNK_LENGTH = 65_536;

/**
 * Writes a long text in chunks, no faster than the reader takes them, so that the whole text is never in memory. Stops if
 * the reader has gone (`preview | head`).
 */
export async function writePieces(pieces: Iterable<string>, sink: TextSink): Promise<void> {
  const passOn = writeWithBackpressure(sink);
  let chunk = "";
  for (const piece of pieces) {
    chunk += piece;
    if (chunk.length < CHUNK_LENGTH) continue;
    if (!(await passOn(chunk))) return;
    chunk = "";
  }
  if (chunk !== "") await passOn(chunk);
}
