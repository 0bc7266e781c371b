const LINE_FEED = 0x0a;
const BRACE = 0x7b;

/** Blanks that JSON allows before an object. */
const BLANKS: readonly (number | undefined)[] = [0x20, 0x09, 0x0d, LINE_FEED];

const MARK = Buffer.from("> ");

/** Bytes after which a line is broken. Cronicle cuts the beginning off a line of 1 MiB, and the mark with it. */
const LONGEST_LINE = 512 * 1024;

/**
 * Makes a pipeline's JSON harmless to Cronicle, which would end the job at the line `{"complete": 1}`: puts `> ` before
 * the opening brace of each line that begins with one, and breaks very long lines. All other bytes stay the same.
 *
 * @returns a function that converts a stream, one chunk after the other
 */
export function markJsonLines(): (chunk: Buffer) => Buffer {
  // A line may begin in one chunk and have its brace in the next.
  let isAtStart = true;
  let lineLength = 0;
  return (chunk) => {
    const parts: Buffer[] = [];
    let done = 0;
    for (let at = 0; at < chunk.length; at++) {
      if (!isAtStart) {
        at = chunk.indexOf(LINE_FEED, at);
        if (at === -1) break;
        isAtStart = true;
      } else if (!BLANKS.includes(chunk[at])) {
        isAtStart = false;
        if (chunk[at] !== BRACE) continue;
        parts.push(chunk.subarray(done, at), MARK);
        done = at;
      }
    }
    const lastFeed = chunk.lastIndexOf(LINE_FEED);
    lineLength = lastFeed === -1 ? lineLength + chunk.length : chunk.length - lastFeed - 1;
    const isTooLong = lineLength > LONGEST_LINE;
    if (isTooLong) {
      isAtStart = true;
      lineLength = 0;
    }
    return Buffer.concat([...parts, chunk.subarray(done), Buffer.from(isTooLong ? "\n" : "")]);
  };
}
