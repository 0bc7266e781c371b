import { describe, expect, test } from "vitest";
import { parseEnvFile } from "../../src/run/process/env-file.ts";

describe("parseEnvFile reads dotenv's syntax:", () => {
  test.each([
    ["A=1", "1"],
    ["  A = 1  ", "1"],
    ["export A=1", "1"],
    ["A=", ""],
    ["A=a=b", "a=b"],
    ["A=two words # a comment", "two words"],
    ["A=ab#cd", "ab"],
    ["A='ab#cd'", "ab#cd"],
    ['A="ab # cd" # a comment', "ab # cd"],
    ["A=`it's`", "it's"],
    [String.raw`A="one\ntwo"`, "one\ntwo"],
    [String.raw`A='one\ntwo'`, String.raw`one\ntwo`],
    ["A='C:\\dir\\'", "C:\\dir\\"],
    ['A="one\ntwo"', "one\ntwo"],
    ["A=1\r\n", "1"],
    ["# a comment\n\n \t\nA=1\n", "1"],
    ["A=1\nA=2", "2"],
  ])("%j gives A the value %j", (text, value) => {
    expect([...parseEnvFile(text, "/f")]).toEqual([["A", value]]);
  });

  test("a value of several lines ends at its quote, and the next variable follows", () => {
    expect([...parseEnvFile('A="1\n2"\nB=3\n', "/f")]).toEqual([
      ["A", "1\n2"],
      ["B", "3"],
    ]);
  });
});

test.each(["KEY", "1A=b", "A B=c", 'A="open', "=x", 'A="b" c', "A-B=c"])(
  "parseEnvFile rejects %j with its line number and does not show it",
  (line) => {
    expect(() => parseEnvFile(`OK="1\n2"\n${line}\n`, "/f")).toThrow("/f:3: this line is not KEY=VALUE");
    expect(() => parseEnvFile("A B=hunter2\n", "/f")).not.toThrow(/hunter2/);
  },
);
