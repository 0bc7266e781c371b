import fc from "fast-check";
import { expect, test } from "vitest";
import { parseRunArguments } from "../../src/cli/run-arguments.ts";
import { wrapperCommand } from "../../src/command-line.ts";
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
      (entry, schedule, configDir) => {
        const call = { node: "/usr/bin/node", program: "/opt/p.cjs", schedule, configDir };
        const [, , run, ...words] = wrapperCommand(call, entry);
        expect(run).toBe("run");
        const request = parseRunArguments(words);
        expect({ ...request, command: request.command ?? DEFAULT_COMMAND }).toEqual({
          ...entry,
          schedule: schedule === DEFAULT_SCHEDULE_NAME ? undefined : schedule,
          configDir,
          file: undefined,
          scheduled: true,
          again: false,
          output: false,
          stopWithinSeconds: undefined,
          skipExitCode: undefined,
          tellMissed: false,
          dryRun: false,
          extraArgs: [],
        });
      },
    ),
    { seed: 3, numRuns: 500 },
  );
});

test("all arguments after -- are PipelineWise's, whatever they look like", () => {
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
  [[...pair, "--taps", "c"], "run does not know the option --taps"],
  [[...pair, "-x"], "run does not know the option -x"],
  [[...pair, "extra"], 'run does not know what to do with "extra"'],
  [[...pair, "--scheduled=yes"], '--scheduled does not take a value, but was given "yes"'],
  [[...pair, "--command", "stop_tap"], "only removes PipelineWise's pidfile"],
  [[...pair, "--", "--tap", "c"], "--tap after -- could name another pipeline"],
  [[...pair, "--", "--targ=c"], "--targ=c after -- could name another pipeline"],
  [[...pair, "--command", "status"], `--command: "status" does not need a pipeline's lock`],
  [[...pair, "--command", "import_config"], `does not need a pipeline's lock`],
  [[...pair, "--command", "run tap"], '--command: "run tap" is not the name of a PipelineWise command'],
  [[...pair, "--id", "A"], '--id: "A" is not a safe name'],
  [[...pair, "--schedule", "../x"], '--schedule: "../x" is not a safe name'],
  [[...pair, "--skip-exit-code", "0"], '--skip-exit-code: "0" is outside 1-255'],
  [[...pair, "--skip-exit-code", "256"], "outside 1-255"],
  [[...pair, "--skip-exit-code", "1e2"], "outside 1-255"],
  [[...pair, "--stop-within", "46"], '--stop-within: "46" is outside 2-45'],
  [[...pair, "--stop-within", "1"], "outside 2-45"],
  [[...pair, "--file", "x.yml", "--scheduled"], "--file and --scheduled exclude each other"],
])("%j is refused in plain words", (words, message) => {
  expect(() => parseRunArguments(words)).toThrow(UsageError);
  expect(() => parseRunArguments(words)).toThrow(message);
});

test("any other command of PipelineWise's may be run by hand, with its options behind --", () => {
  const request = parseRunArguments([...pair, "--command", "reset_state", "--", "--debug"]);
  expect(request).toMatchObject({ command: "reset_state", extraArgs: ["--debug"] });
});
