import { PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { standardStream } from "../../src/host.ts";
import { writeWithBackpressure } from "../../src/system/output-stream.ts";

/** A stream that behaves like process.stdout, whose writes fail when the test asks for it. */
function terminal() {
  const stream = new PassThrough({ highWaterMark: 10, autoDestroy: false });
  return { stream, sink: (onError: (error: Error) => void) => standardStream(stream as never, onError) };
}

test("text is written with visible control characters, and a pipeline's bytes as they are", () => {
  const { stream, sink } = terminal();
  const { write } = sink(() => {});
  write("a\u001b[31m\n");
  expect(String(stream.read())).toBe("a\\u001b[31m\n");
  write(Buffer.from("a\u001b[31m\r\0"));
  expect(String(stream.read())).toBe("a\u001b[31m\r\0");
});

test("an error of the stream is reported and not thrown", () => {
  const errors: string[] = [];
  const { stream, sink } = terminal();
  sink((error) => errors.push(error.message));
  stream.emit("error", new Error("EIO"));
  expect(errors).toEqual(["EIO"]);
});

test("output after an error is discarded at once", async () => {
  const { stream, sink } = terminal();
  const passOn = writeWithBackpressure(sink(() => {}));
  const blocked = passOn("x".repeat(100));
  stream.emit("error", new Error("EIO"));
  expect(await blocked).toBe(false);
  expect(await passOn("more")).toBe(false);
  // A copy that begins after the error does not wait for a `drain` that never comes.
  const later = sink(() => {});
  stream.emit("error", new Error("EIO"));
  expect(await writeWithBackpressure(later)("x".repeat(100))).toBe(true);
});
