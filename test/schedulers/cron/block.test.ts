import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { BlockMark } from "../../../src/schedulers/cron/block.ts";
import {
  findBlocks,
  fromCrontabText,
  removeBlock,
  replaceBlock,
  toCrontabText,
} from "../../../src/schedulers/cron/block.ts";

const MARK: BlockMark = { name: "warehouse", source: "/home/etl/schedule.yml", configDir: "/share/pipelinewise" };
const BEGIN = '# BEGIN pipelinewise-sched warehouse source="/home/etl/schedule.yml" config-dir="/share/pipelinewise"';
const END = "# END pipelinewise-sched warehouse";

test("puts the block at the end of the crontab, between its markers", () => {
  expect(replaceBlock("MAILTO=etl\n0 1 * * * backup\n", MARK, ["# five", "*/5 * * * * x"])).toBe(
    `MAILTO=etl\n0 1 * * * backup\n${BEGIN}\n# five\n*/5 * * * * x\n${END}\n`,
  );
});

test("replaces the block in its place between other lines", () => {
  const before = `a\n${BEGIN}\nold\nold too\n${END}\nb\n`;
  expect(replaceBlock(before, MARK, ["new"])).toBe(`a\n${BEGIN}\nnew\n${END}\nb\n`);
  expect(removeBlock(before, "warehouse")).toBe("a\nb\n");
});

test("a block knows whose it is", () => {
  const odd = { name: "w", source: '/home/étl/a "b"\\\n.yml', configDir: "/😀" };
  expect(findBlocks(replaceBlock("", odd, ["x"]))).toEqual([
    { mark: odd, lines: ["x"], addedNewline: false, at: 1, start: 0, end: expect.any(Number) },
  ]);
  expect(replaceBlock("", odd, ["x"])).toMatch(/^[\n\x20-\x7e]*$/);
});

test("a block of another name is left alone", () => {
  const both = replaceBlock(replaceBlock("a\n", MARK, ["one"]), { ...MARK, name: "other" }, ["two"]);
  expect(removeBlock(both, "warehouse")).toBe(replaceBlock("a\n", { ...MARK, name: "other" }, ["two"]));
  expect(removeBlock(both, "third")).toBe(both);
});

test("a missing newline is added with the block and removed with it", () => {
  const after = replaceBlock("0 1 * * * backup", MARK, ["x"]);
  expect(after).toBe(`0 1 * * * backup\n${BEGIN} newline-added\nx\n${END}\n`);
  expect(removeBlock(after, "warehouse")).toBe("0 1 * * * backup");
  expect(removeBlock(`${after}later\n`, "warehouse")).toBe("0 1 * * * backup\nlater\n");
});

describe("refuses, naming the line,", () => {
  test.each([
    [
      "a block that never ends",
      `a\n${BEGIN}\nx\n`,
      "line 2 of the crontab: the block warehouse begins here and never ends",
    ],
    [
      "an end without a begin",
      `a\n${END}\n`,
      "line 2 of the crontab: the block warehouse ends here, but it did not begin",
    ],
    [
      "a block inside a block",
      `${BEGIN}\n${BEGIN.replace("warehouse", "other")}\n`,
      "line 2 of the crontab: the block other begins inside the block warehouse (line 1)",
    ],
    [
      "the end of another block",
      `${BEGIN}\n# END pipelinewise-sched other\n`,
      "line 2 of the crontab: the block other ends here, but it did not begin (the open block is warehouse, line 1)",
    ],
    [
      "a duplicate block",
      `${BEGIN}\n${END}\n${BEGIN}\n${END}\n`,
      "line 3 of the crontab: duplicate block warehouse (first one at line 1)",
    ],
    [
      "a marker with a word changed",
      `${BEGIN.replace("source", "from")}\n${END}\n`,
      "line 1 of the crontab: this marker of a pipelinewise-sched block was edited",
    ],
    [
      "a marker with a blank more",
      ` ${BEGIN}\n${END}\n`,
      "line 1 of the crontab: this marker of a pipelinewise-sched block was edited",
    ],
    [
      "a marker that was cut",
      `${BEGIN.slice(0, 40)}\n${END}\n`,
      "line 1 of the crontab: this marker of a pipelinewise-sched block was edited",
    ],
    [
      "a marker in capitals",
      `${BEGIN.toUpperCase()}\n`,
      "line 1 of the crontab: this marker of a pipelinewise-sched block was edited",
    ],
    ["a line that ends in a carriage return", "a\nb\r\n", "line 2 of the crontab ends in a carriage return"],
    [
      "a line that crontab -l shows with \\r at its end",
      "a\nb\\r\n",
      "line 2 of the crontab ends in a carriage return",
    ],
    ["a control byte", "a\nb\x1b[1m\n", "line 2 of the crontab contains the control byte 0x1b"],
    ["a NUL", "a\x00\n", "line 1 of the crontab contains the control byte 0x00"],
    ["a DEL", "a\x7f\n", "line 1 of the crontab contains the control byte 0x7f"],
  ])("%s", (_, text, message) => {
    expect(() => findBlocks(text)).toThrow(message);
    expect(() => replaceBlock(text, MARK, ["x"])).toThrow(message);
    expect(() => removeBlock(text, "warehouse")).toThrow(message);
  });
});

describe("law:", () => {
  /** Lines as people have them, some close to our markers, in any encoding. */
  const line = fc
    .oneof(
      fc.constantFrom(
        "",
        "MAILTO=a",
        "# BEGIN",
        "# END of mine",
        "#BEGIN pipelinewise",
        "0 0 * * * echo '# END pipelinewise-sched x'",
      ),
      fc
        .uint8Array({ maxLength: 30 })
        .map((bytes) =>
          Buffer.from(bytes.filter((byte) => byte === 9 || (byte > 31 && byte !== 127))).toString("latin1"),
        ),
    )
    .filter((text) => !text.endsWith("\\r"));
  const name = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,9}$/);
  const mark = fc.record({ name, source: fc.string({ unit: "binary" }), configDir: fc.string({ unit: "binary" }) });
  const entries = fc.array(fc.constantFrom("# a note", "*/5 * * * * node x run", "0 0 * * 6 node y run"), {
    maxLength: 4,
  });
  const crontab = fc
    .record({ lines: fc.array(line, { maxLength: 8 }), ends: fc.boolean() })
    .map(({ lines, ends }) => lines.join("\n") + (ends && lines.length > 0 ? "\n" : ""));
  const check = (property: fc.IProperty<[string, BlockMark, readonly string[]]>) =>
    fc.assert(property, { seed: 3, numRuns: 1000 });

  test("removing undoes installing", () => {
    check(fc.property(crontab, mark, entries, (text, m, e) => removeBlock(replaceBlock(text, m, e), m.name) === text));
  });

  test("installing twice is installing once", () => {
    check(
      fc.property(crontab, mark, entries, (text, m, e) => {
        const once = replaceBlock(text, m, e);
        expect(replaceBlock(once, m, e)).toBe(once);
      }),
    );
  });

  test("what was installed is found again, and what was there before the block stands in front of it", () => {
    check(
      fc.property(crontab, mark, entries, (text, m, e) => {
        const after = replaceBlock(text, m, e);
        expect(after.startsWith(text)).toBe(true);
        expect(findBlocks(after)).toMatchObject([{ mark: m, lines: e }]);
      }),
    );
  });

  test("several blocks come and go in any order without touching another line", () => {
    fc.assert(
      fc.property(
        crontab,
        fc.uniqueArray(name, { minLength: 2, maxLength: 4 }),
        fc.infiniteStream(fc.nat(9)),
        (text, names, picks) => {
          const whole = text === "" || text.endsWith("\n") ? text : `${text}\n`;
          let now = names.reduce((so, one) => replaceBlock(so, { ...MARK, name: one }, [one]), whole);
          const left = [...names];
          while (left.length > 0) {
            const [gone = ""] = left.splice((picks.next().value ?? 0) % left.length, 1);
            now = removeBlock(now, gone);
            expect(findBlocks(now).map((block) => block.mark.name)).toEqual(left);
          }
          expect(now).toBe(whole);
        },
      ),
      { seed: 3 },
    );
  });

  test("bytes go in and out unchanged", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme" }), (words) => fromCrontabText(toCrontabText(words)) === words),
      { seed: 3 },
    );
  });
});
