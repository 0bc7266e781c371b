import { describe, expect, test } from "vitest";
import { maskValues } from "../../src/text/mask.ts";

const SECRET = `p@ss w/o'rd"\\n\n é😀`;

describe("a secret is masked", () => {
  test.each([
    ["as it is", SECRET],
    ["in JSON", JSON.stringify(SECRET).slice(1, -1)],
    ["in JSON in JSON", JSON.stringify(JSON.stringify(SECRET)).slice(3, -3)],
    ["in ASCII JSON", String.raw`p@ss w/o'rd\"\\n\n \u00e9\ud83d\ude00`],
    ["in PHP's JSON", String.raw`p@ss w\/o'rd\"\\n\n é😀`],
    ["in a URL", encodeURIComponent(SECRET)],
    ["in a form", encodeURIComponent(SECRET).replaceAll("%20", "+")],
    ["as Python quotes URLs", "p%40ss%20w/o%27rd%22%5Cn%0A%20%c3%a9%f0%9f%98%80"],
    ["in Python's representation", String.raw`p@ss w/o\'rd"\\n\n é😀`],
    ["in Python's ASCII representation", String.raw`p@ss w/o\'rd"\\n\n \xe9\U0001f600`],
    ["in Python's bytes", String.raw`p@ss w/o\'rd"\\n\n \xc3\xa9\xf0\x9f\x98\x80`],
  ])("%s", (_, written) => {
    expect(maskValues(`password=${written}; end`, [SECRET])).toBe("password=***; end");
  });

  test("wherever it occurs, and the longest of several", () => {
    expect(maskValues("abcdef abcd xabcdx", ["abcd", "abcdef"])).toBe("*** *** x***x");
  });

  test("a private key also line by line", () => {
    const [one, two] = ["MIIEvQIBADANBgkq", "hkiG9w0BAQEFAASC"];
    const key = `-----BEGIN PRIVATE KEY-----\n${one}\n${two}\n-----END PRIVATE KEY-----\n`;
    expect(maskValues(`key ${key.trim()}\n${two}\n${JSON.stringify(key)}`, [key])).toBe('key ***\n***\n"***\\n"');
  });
});

test("a value of less than four characters is left alone, and so is everything else", () => {
  expect(maskValues("abc (abc) a.c", ["abc", "", " b "])).toBe("abc (abc) a.c");
  expect(maskValues("axcd", ["a.cd"])).toBe("axcd");
  expect(maskValues("text", [])).toBe("text");
});

test("many backslashes and a long text are masked quickly", () => {
  const text = "\\".repeat(65_536);
  const value = `a${"\\".repeat(1_000)}"'${"\\".repeat(1_000)}z`;
  expect(maskValues(text, [value, `${'\\"'.repeat(30)}x`])).toBe(text);
});
