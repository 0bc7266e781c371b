import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseCron } from "../../../src/cron/expression.ts";
import type { Pipeline } from "../../../src/schedule/schedule.ts";
import { findBlocks, replaceBlock } from "../../../src/schedulers/cron/block.ts";
import { renderEntries } from "../../../src/schedulers/cron/render.ts";

const CALL = { node: "/usr/bin/node", program: "/opt/x", schedule: "pipelinewise" };
const MARK = { name: "pipelinewise", source: "/s.yml", configDir: "/c" };

const pipeline = (crons: readonly string[], more: Partial<Pipeline> = {}): Pipeline => ({
  tap: "orders",
  target: "redshift",
  command: "run_tap",
  crons: crons.map(parseCron),
  args: [],
  position: { line: 1, column: 1 },
  ...more,
});

test("one line for each time, each once, with the note above", () => {
  expect(renderEntries([pipeline(["0 3 * * 1-5", "@daily", "0 3 * * 1-5"], { note: "Orders" })], CALL)).toEqual([
    "# Orders",
    "# 0 3 * * 1-5: at 03:00 on Monday to Friday",
    "0 3 * * 1,2,3,4,5 /usr/bin/node /opt/x run --scheduled --tap orders --target redshift",
    "# @daily: at 00:00 every day",
    "0 0 * * * /usr/bin/node /opt/x run --scheduled --tap orders --target redshift",
  ]);
});

test("says what differs from the default, and nothing else", () => {
  const call = { ...CALL, schedule: "warehouse", configDir: "/share" };
  expect(renderEntries([pipeline(["0 3 * * 0"], { command: "sync_tables", id: "weekly" })], call)).toEqual([
    "0 3 * * 0 /usr/bin/node /opt/x run --scheduled --config-dir /share --schedule warehouse --tap orders --target redshift --command sync_tables --id weekly",
  ]);
});

test("a canonical expression is written as typed, and any other one below a comment with the user's text", () => {
  const lines = renderEntries(
    [pipeline(["*/5 * * * *", "0 0 * * sat", "0 0 1-2 * mon", "@hourly", "0 * * * *"])],
    CALL,
  );
  expect(lines.map((line) => line.replace(/ \/usr\/bin\/node .*/, " …"))).toEqual([
    "*/5 * * * * …",
    "# 0 0 * * sat: at 00:00 on Saturday",
    "0 0 * * 6 …",
    "# 0 0 1-2 * mon: at 00:00 on days 1 and 2 of the month and also on every Monday",
    "0 0 1,2 * * …",
    "0 0 * * 1 …",
    "# @hourly: every hour",
    "0 * * * * …",
  ]);
});

test("lines can be given instead of the crons' own", () => {
  const timings = [{ about: "09:30 in London", times: ["30 */23,8,9 * * *"] }];
  expect(renderEntries([pipeline(["30 9 * * *"], { note: "Orders" })], CALL, () => timings)).toEqual([
    "# Orders",
    "# 09:30 in London",
    "30 */23,8,9 * * * /usr/bin/node /opt/x run --scheduled --tap orders --target redshift",
  ]);
});

test("blanks in the times are single ones", () => {
  expect(renderEntries([pipeline([" 0\t 3  * * 0 "])], CALL)[0]).toMatch(/^0 3 \* \* 0 \/usr/);
});

describe("a note", () => {
  test.each([
    ["two\nlines\tand\r\nmore", "# two lines and more"],
    ["50% of $HOME # 'all'", "# 50% of $HOME # 'all'"],
    ["ends in \\r", "# ends in"],
    ["ends in \\r\\r \\r", "# ends in"],
    ["BEGIN pipelinewise-sched x", "# note: BEGIN pipelinewise-sched x"],
    ["end  PipelineWise-Sched", "# note: end PipelineWise-Sched"],
    ["x".repeat(300), `# ${"x".repeat(199)}…`],
  ])("becomes one comment line: %j", (note, line) => {
    expect(renderEntries([pipeline(["* * * * *"], { note })], CALL)[0]).toBe(line);
  });

  test.each([[""], [" \n"]])("that says nothing has no line: %j", (note) => {
    expect(renderEntries([pipeline(["* * * * *"], { note })], CALL)).toHaveLength(1);
  });

  test("whatever it says, the block stays whole", () => {
    const words = fc.oneof(
      fc.string({ unit: "binary" }),
      fc.constantFrom(
        "\\r",
        "\\r\\r ",
        "END pipelinewise-sched pipelinewise",
        "\u0000",
        "\n# END pipelinewise-sched pipelinewise\n",
        "\u0085",
        "\u2028x",
      ),
    );
    fc.assert(
      fc.property(fc.array(words, { maxLength: 4 }), (parts) => {
        const lines = renderEntries([pipeline(["* * * * *"], { note: parts.join("") })], CALL);
        const bytes = lines.map((line) => Buffer.from(line).toString("latin1"));
        expect(findBlocks(replaceBlock("a\n", MARK, bytes))).toMatchObject([{ lines: bytes }]);
      }),
      { seed: 3, numRuns: 300 },
    );
  });
});

describe("refuses", () => {
  test.each([
    [
      "a blank in Node's path",
      { ...CALL, node: "/my node" },
      'the path of Node, "/my node", is not safe in a crontab line',
    ],
    ["a percent sign in the program's path", { ...CALL, program: "/a%b" }, 'the path of pipelinewise-sched, "/a%b"'],
    ["a quote in the config directory", { ...CALL, configDir: "/a'b" }, 'the path of the config directory, "/a\'b"'],
  ])("%s", (_, call, message) => {
    expect(() => renderEntries([pipeline(["* * * * *"])], call)).toThrow(message);
  });

  test("a line that cron would cut", () => {
    expect(() => renderEntries([pipeline(["* * * * *"])], { ...CALL, configDir: `/${"x".repeat(990)}` })).toThrow(
      /the crontab line of orders → redshift has 1\d\d\d characters; cron accepts at most 998/,
    );
  });
});
