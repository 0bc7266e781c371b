import fc from "fast-check";
import { expect, test } from "vitest";
import { parseRunArguments } from "../../src/cli/run-arguments.ts";
import { timesDigest, wrapperCommand } from "../../src/command-line.ts";
import { UsageError } from "../../src/errors.ts";
import { DEFAULT_COMMAND, DEFAULT_SCHEDULE_NAME, ENTRY_COMMANDS } from "../../src/pipeline-id.ts";

const connector = fc.stringMatching(/^[A-Za-z0-9_][A-Za-z0-9_.-]{0,20}$/);
const name = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,20}$/);

test("run reads back the request that wrapperCommand wrote", () => {
  fc.assert(
    fc.property(
      fc.record({
        tap: connector,
        target: connector,
        command: fc.constantFrom(...ENTRY_COMMANDS),
        id: fc.option(name, { nil: undefined }),
      }),
      name,
      fc.option(fc.constantFrom("/srv/pw", "/a/b=c", "/-x"), { nil: undefined }),
      fc.option(fc.constantFrom({ zone: undefined }, { zone: "Asia/Tokyo" }), { nil: undefined }),
      (entry, schedule, configDir, checkTimes) => {
        const call = { node: "/usr/bin/node", program: "/opt/p.cjs", schedule, configDir, checkTimes };
        const [, , run, ...words] = wrapperCommand(call, { ...entry, crons: [{ text: "@daily" }] });
        expect(run).toBe("run");
        const request = parseRunArguments(words);
        expect({ ...request, command: request.command ?? DEFAULT_COMMAND }).toEqual({
          ...entry,
          schedule: schedule === DEFAULT_SCHEDULE_NAME ? undefined : schedule,
          configDir,
          file: undefined,
          scheduled: true,
          times: checkTimes === undefined ? undefined : timesDigest(["@daily"], checkTimes.zone),
          rerun: false,
          output: false,
          killAfterSeconds: undefined,
          skipExitCode: undefined,
          recordMissed: false,
          dryRun: false,
          extraArgs: [],
        });
      },
    ),
    { seed: 3, numRuns: 500 },
  );
});

test("all arguments after -- are passed to PipelineWise unchanged", () => {
  const words = ["--tap", "a", "--target=b", "--", "--scheduled", "c", "--", "-h"];
  expect(parseRunArguments(words)).toMatchObject({
    tap: "a",
    target: "b",
    extraArgs: ["--scheduled", "c", "--", "-h"],
  });
});

const pair = ["--tap", "a", "--target", "b"];

test.each([
  [[], "--tap is missing"],
  [["--tap", "a"], "--target is missing"],
  [["--tap", "--target", "b"], "--tap needs a value"],
  [["--target", "b", "--tap"], "--tap needs a value"],
  [["--tap=", "--target", "b"], "--tap needs a value"],
  [["--tap", "a;b", "--target", "b"], '--tap: "a;b" is not a safe word'],
  [[...pair, "--tap", "c"], "--tap is given twice"],
  [[...pair, "--times", "0 5 * * *"], '--times: "0 5 * * *" is not a digest of 8 hexadecimal digits'],
  [[...pair, "--taps", "c"], "run does not know the option --taps; did you mean --tap?"],
  [["--tap", "a", "--traget", "b"], "run does not know the option --traget; did you mean --target?"],
  [[...pair, "-x"], "run does not know the option -x"],
  [[...pair, "extra"], 'run does not know what to do with "extra"'],
  [[...pair, "--scheduled=yes"], '--scheduled does not take a value, but was given "yes"'],
  [[...pair, "--command", "stop_tap"], "only removes PipelineWise's pidfile"],
  [[...pair, "--", "--tap", "c"], "--tap after -- could choose another pipeline or command"],
  [[...pair, "--", "--extra_log", "--tap=c"], "--tap=c after -- could choose another pipeline or command"],
  [[...pair, "--", "--targ=c"], "--targ=c after -- could choose another pipeline or command"],
  [[...pair, "--", "--ta", "c"], "--ta after -- could choose another pipeline or command"],
  [[...pair, "--", "sync_tables"], "sync_tables after -- could choose another pipeline or command"],
  [[...pair, "--", "--command=sync_tables"], "--command=sync_tables after -- could choose"],
  [[...pair, "--command", "status"], `--command: "status" does not need a pipeline's lock`],
  [[...pair, "--command", "import_config"], `concerns all pipelines`],
  [[...pair, "--command", "run tap"], '--command: "run tap" is not the name of a PipelineWise command'],
  [[...pair, "--id", "A"], '--id: "A" is not a safe name'],
  [[...pair, "--schedule", "../x"], '--schedule: "../x" is not a safe name'],
  [[...pair, "--skip-exit-code", "1"], '--skip-exit-code: "1" is outside 2-255'],
  [[...pair, "--skip-exit-code", "256"], "outside 2-255"],
  [[...pair, "--skip-exit-code", "1e2"], "outside 2-255"],
  [[...pair, "--kill-after", "46"], '--kill-after: "46" is outside 2-45'],
  [[...pair, "--kill-after", "1"], "outside 2-45"],
  [[...pair, "--file", "x.yml", "--scheduled"], "--file and --scheduled exclude each other"],
])("%j is refused with a clear message", (words, message) => {
  expect(() => parseRunArguments(words)).toThrow(UsageError);
  expect(() => parseRunArguments(words)).toThrow(message);
});

test("values after -- that equal a command or contain the name of an option are passed on", () => {
  const words = ["--table", "status", "--tables", "a.b", "--start_value", "tap", "--column=target", "--taps", "c"];
  expect(parseRunArguments([...pair, "--", ...words]).extraArgs).toEqual(words);
});

test("any other command of PipelineWise can be run by hand, with its options after --", () => {
  const request = parseRunArguments([...pair, "--command", "reset_state", "--", "--debug"]);
  expect(request).toMatchObject({ command: "reset_state", extraArgs: ["--debug"] });
});
