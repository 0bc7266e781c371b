import type { TextSink } from "../host.ts";

/**
 * Writes to a reader at its pace. A reader that has gone (`preview | head`) gets nothing more, which is not an error.
 *
 * @returns a function that writes one chunk and resolves when the reader can take the next; `false` when it has gone
 */
export function passOnTo(sink: TextSink): (chunk: string | Uint8Array) => Promise<boolean> {
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
