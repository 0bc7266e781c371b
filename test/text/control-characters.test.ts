import { expect, test } from "vitest";
import { paintFor } from "../../src/text/colors.ts";
import { removeEscapeSequences, showControlCharacters } from "../../src/text/control-characters.ts";

test.each([
  ["an escape sequence", "a\u001b[31mb", "a\\u001b[31mb"],
  ["a window title", "\u001b]0;x\u0007", "\\u001b]0;x\\u0007"],
  ["C1", "\u009b31m\u0085", "\\u009b31m\\u0085"],
  ["NUL, backspace and DEL", "\0\b\u007f", "\\u0000\\u0008\\u007f"],
  ["a carriage return", "fine\rbad\r\n", "fine\\u000dbad\\u000d\n"],
  ["a change of direction", "\u202eabc\u2066\u200f", "\\u202eabc\\u2066\\u200f"],
  ["line ends, tabs and letters of all kinds", "ä\t→ 日本 👩‍👧\n", "ä\t→ 日本 👩‍👧\n"],
])("%s is shown", (_, text, shown) => {
  expect(showControlCharacters(text, true)).toBe(shown);
  expect(showControlCharacters(text, false)).toBe(shown);
});

test("our own styles are kept on a terminal, and no others", () => {
  const { strong, faint, warning } = paintFor({ stdout: { write: () => true, isTTY: true }, env: {} });
  const text = strong(`a${faint("b")}${warning("c")}`);
  expect(text).toContain("\u001b");
  expect(showControlCharacters(text, true)).toBe(text);
  expect(showControlCharacters(text, false)).not.toContain("\u001b");
  expect(showControlCharacters("\u001b[8m\u001b[2J", true)).toBe("\\u001b[8m\\u001b[2J");
});

test("JSON keeps its meaning", () => {
  const value = { tap: "a\u001b[31m\u009b\u202e\u2028\u007f" };
  expect(JSON.parse(showControlCharacters(JSON.stringify(value), true))).toEqual(value);
});

test.each([
  ["\u001b]0;a title\u0007x", "x"],
  ["\u001b]8;;http://h/\u001b\\x\u001b]8;;\u001b\\", "x"],
  ["\u009d2;t\u009cx", "x"],
  ["\u001bPq#0\u001b\\x", "x"],
  ["\u001b[1;31mx\u001b[0m\u009b2K", "x"],
  ["\u001b(Bx\u001bc", "x"],
  ["\u001b]0;never ends\nx", "\nx"],
])("the sequences of %j are removed", (text, rest) => {
  expect(removeEscapeSequences(text)).toBe(rest);
});
