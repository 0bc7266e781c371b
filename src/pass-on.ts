import type { TextSink } from "./host.ts";

/**
 * Gives a reader what it takes, at its pace; one that has gone (`preview | head`) gets nothing more, and that is no
 * error.
 *
 * @returns hands over one chunk, and resolves when the reader can take the next; `false` when it has gone
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
