import { PassThrough } from "node:stream";
import { text } from "node:stream/consumers";
import { expect, test } from "vitest";
import { writePieces } from "../../src/system/output-stream.ts";

const LINE = `${"x".repeat(999)}\n`;

test("every piece arrives, in order", async () => {
  const sink = new PassThrough();
  const read = text(sink);
  const pieces = Array.from({ length: 500 }, (_, index) => `${index} ${LINE}`);
  await writePieces(pieces, sink);
  sink.end();
  expect(await read).toBe(pieces.join(""));
});

test("a slow reader is waited for, and one that goes away ends the writing", async () => {
  const sink = new PassThrough({ highWaterMark: 1000 });
  let taken = 0;
  function* endless(): Generator<string> {
    for (;;) {
      taken++;
      yield LINE;
    }
  }
  const writing = writePieces(endless(), sink);
  // Nobody has read: one chunk has been written, and no more.
  expect(taken).toBe(66);
  sink.destroy();
  await writing;
  expect(taken).toBe(66);
});

test("a reader that knows no pace is given all", async () => {
  let written = "";
  await writePieces(["a", LINE.repeat(70), "b"], { write: (piece) => (written += piece) });
  expect(written).toBe(`a${LINE.repeat(70)}b`);
});
