import { describe, expect, test } from "vitest";
import { runMain } from "../../src/cli/run-command.ts";
import { findRefusal } from "../../src/run/records/refused.ts";
import { anEntry, PAIR_WORDS, sandbox } from "../support/sandbox.ts";

const PAIR = { tap: "microserv_1", target: "redshift" };
const LOG = "time=2026-11-23 10:50:48 logger_name=pipelinewise.cli.pipelinewise";
const RUNNING = `${LOG} log_level=ERROR message=Another instance of the tap is already running.`;
const NOT_ENABLED = `${LOG} log_level=INFO message=Tap The slow tap is not enabled.`;
const TRACEBACK = "Traceback (most recent call last):\n  File …\n";
const NO_TAP = `${TRACEBACK}Exception: Cannot find microserv_1 tap in redshift target`;
const NO_TARGET = `${TRACEBACK}Exception: Cannot find redshift target`;

describe("findRefusal", () => {
  test.each([
    [RUNNING, { kind: "skip", reason: "external" }],
    ["Another instance of the tap is already running.", { kind: "skip", reason: "external" }],
    [NOT_ENABLED, { kind: "skip", reason: "disabled" }],
    [`first line\nTap orders is not enabled.`, { kind: "skip", reason: "disabled" }],
    [NO_TAP, { kind: "unknown" }],
    [NO_TARGET, { kind: "unknown" }],
    // By hand, stdout and stderr arrive in any order.
    [`${NO_TAP}\n${LOG} log_level=INFO message=something`, { kind: "unknown" }],
  ])("%j", (text, refusal) => {
    expect(findRefusal(1, `${text}\n`, PAIR)).toMatchObject(refusal);
    expect(findRefusal(2, `${text}\n`, PAIR)).toBeUndefined();
  });

  test.each([
    `${RUNNING}\nand more`,
    `${NOT_ENABLED}\nand more`,
    "log_level=ERROR message=The source says: Tap water is not enabled.",
    `${TRACEBACK}Exception: Cannot find another tap in redshift target`,
    `${TRACEBACK}ValueError: Exception: Cannot find redshift target`,
    "",
  ])("finds nothing in %j", (text) => {
    expect(findRefusal(1, `${text}\n`, PAIR)).toBeUndefined();
  });

  test("finds nothing if the output cannot be read", () => {
    expect(findRefusal(1, undefined, PAIR)).toBeUndefined();
  });
});

test.each([
  ["external", RUNNING, "another instance is running"],
  ["disabled", NOT_ENABLED, "the tap is not enabled"],
])("a start that PipelineWise refuses is skipped (%s)", async (reason, line, says) => {
  const { host, records, install } = sandbox(`echo "${line}"; exit 1`);
  install();
  expect(await runMain(PAIR_WORDS, host)).toBe(75);
  expect(host.err()).toContain(`skipped (${reason}): microserv_1 → redshift was refused by PipelineWise`);
  expect(host.err()).toContain(says);
  expect(await runMain([...PAIR_WORDS, "--scheduled", "--skip-exit-code", "99"], host)).toBe(99);
  expect(await records()).toMatchObject([
    { outcome: "skipped", reason, exitCode: 99 },
    { outcome: "skipped", reason, exitCode: 75 },
  ]);
});

test("a pipeline that PipelineWise does not know is a failed run that names `import`", async () => {
  const { host, records, install } = sandbox(`printf '%s\\n' "${NO_TAP}" >&2; exit 1`);
  install([anEntry()]);
  expect(await runMain([...PAIR_WORDS, "--scheduled"], host)).toBe(1);
  const remark =
    "PipelineWise does not know the tap microserv_1 in the target redshift. Correct the id, or add it to the PipelineWise project and run `pipelinewise import`";
  expect(host.err()).toContain(`microserv_1 → redshift failed with exit code 1 after 0 s; ${remark}\n`);
  expect(await records()).toMatchObject([{ outcome: "failed", exitCode: 1, detail: remark }]);
});
