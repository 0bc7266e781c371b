import fc from "fast-check";
import { expect, test } from "vitest";
import { markJsonLines } from "../../src/run/process/json-lines.ts";

/** Length beyond which Cronicle cuts the beginning off a line. */
const CUT = 1024 * 1024;

/** The lines that Cronicle's Shell Script plugin (0.9.106 and 0.9.129) takes for messages. */
const messages = (text: string): readonly string[] =>
  text
    .split("\n")
    .map((line) => line.slice(-CUT))
    .filter((line) => /^\s*\{.+\}\s*$/.test(line) && isJson(line));

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Converts a text that arrives in chunks. */
function convert(chunks: readonly Buffer[]): string {
  const mark = markJsonLines();
  return Buffer.concat(chunks.map(mark)).toString("latin1");
}

test.each([
  ["a message", '{"complete":1}\n', '> {"complete":1}\n'],
  ["one in the middle", 'a\n{"code":9}\nb\n', 'a\n> {"code":9}\nb\n'],
  ["one after blanks", '\n \t\r{"code":9}\r\n', '\n \t\r> {"code":9}\r\n'],
  ["two", '{"a":1}\n{"b":1}\n', '> {"a":1}\n> {"b":1}\n'],
  ["one that is not complete yet", '{"complete"', '> {"complete"'],
  ["a line with JSON at its end", 'state: {"a":1}\n', 'state: {"a":1}\n'],
  ["progress, an array and a text", '50%\n[{"a":1}]\n"{"\n', '50%\n[{"a":1}]\n"{"\n'],
  ["bytes that are not text", "\xff\xfe{}\n", "\xff\xfe{}\n"],
])("marks each line that begins with a brace, and nothing else: %s", (_case, text, marked) => {
  expect(convert([Buffer.from(text, "latin1")])).toBe(marked);
});

const lines = fc
  .array(fc.constantFrom("{", "}", '{"complete":1,"code":0}', " ", "\t", "\r", "\n", "\n", "> ", "a", "1", "\xff"))
  .map((pieces) => pieces.join(""));

test("leaves no message in a text, wherever it is cut, and adds only marks", () => {
  fc.assert(
    fc.property(lines, fc.array(fc.nat(60)), (text, cuts) => {
      const bounds = [0, ...cuts.filter((cut) => cut < text.length).sort((a, b) => a - b), text.length];
      const bytes = Buffer.from(text, "latin1");
      const marked = convert(bounds.slice(1).map((end, index) => bytes.subarray(bounds[index], end)));
      expect(marked).toBe(convert([bytes]));
      expect(messages(marked)).toEqual([]);
      const back = marked.replace(/^([ \t\r]*)> \{/gm, "$1{");
      expect(back).toBe(text.replace(/^([ \t\r]*)> \{/gm, "$1{"));
    }),
    { numRuns: 1_000 },
  );
});

test.each([
  ["the mark", ""],
  ["what is before the message", "seen: "],
])("a line that is so long that Cronicle cuts %s off contains no message", (_, before) => {
  const empty = '{"complete":1,"html":""}';
  const message = empty.replace('""', `"${"a".repeat(CUT - empty.length)}"`);
  const bytes = Buffer.from(`${before}${message}\n`);
  expect(messages(`> ${message}\n`)).toHaveLength(1);
  const chunks = Array.from({ length: 17 }, (_one, index) => bytes.subarray(index * 65_536, (index + 1) * 65_536));
  const marked = convert(chunks);
  expect(messages(marked)).toEqual([]);
  expect(Math.max(...marked.split("\n").map((line) => line.length))).toBeLessThan(CUT);
});
