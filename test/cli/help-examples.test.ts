import { expect, test } from "vitest";
import { commandNames, helpOf, readHelps } from "../support/helps.ts";

/** The arguments of the examples at the end of a help text, without those after `--`, which are PipelineWise's. */
const examplesIn = (help: string): readonly string[] =>
  (help.split(/^Examples?:\n/m)[1] ?? "")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.replace(/^ {2}pipelinewise-sched /, "").replace(/ -- .*/, ""));

const OPTION = /(?<=\s)--[a-z-]+/g;

test("the help of each command ends with one or two examples of this command, whose options exist", async () => {
  for (const [name, help] of await readHelps()) {
    const [options = ""] = help.split(/^Examples?:$/m);
    const known = options.match(OPTION) ?? [];
    const examples = examplesIn(help);
    expect(examples.length, name).toBeGreaterThan(0);
    expect(examples.length, name).toBeLessThan(3);
    for (const example of examples) {
      expect(`${example} `).toMatch(new RegExp(`^${name} `));
      for (const option of example.match(OPTION) ?? []) expect(known, example).toContain(option);
    }
  }
});

test.each([[[]], [["alerts"]], [["state"]]])("the help of %j ends with examples of commands", async (words) => {
  const names = await commandNames();
  const examples = examplesIn(await helpOf(...words));
  expect(examples.length).toBeGreaterThan(0);
  for (const example of examples) expect(names.some((name) => `${example} `.startsWith(`${name} `))).toBe(true);
});

test("no line of a help is wider than a terminal of 80 columns", async () => {
  for (const words of [[], ["alerts"], ["state"], ...(await commandNames()).map((name) => name.split(" "))]) {
    const lines = (await helpOf(...words)).split("\n");
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
  }
});
