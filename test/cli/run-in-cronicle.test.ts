import { expect, test } from "vitest";
import { runMain } from "../../src/cli/run-command.ts";
import type { Host } from "../../src/host.ts";
import { PAIR_WORDS, sandbox } from "../support/sandbox.ts";

const SCHEDULED = [...PAIR_WORDS, "--scheduled", "--output"];

/** A job of Cronicle's Shell Script plugin. `json` is the plugin's parameter, as Cronicle exports it. */
const inCronicle = (host: Host, json: string): Host => ({
  ...host,
  env: { ...host.env, CRONICLE: "0.9.106", JOB_ID: "jmgw0001", JSON: json },
});

test.each([
  ["by hand", PAIR_WORDS],
  ["scheduled", SCHEDULED],
])("Cronicle gets no message from a pipeline, and the log has the pipeline's lines unchanged: %s", async (_, words) => {
  const script = String.raw`printf '{"comp'; sleep 0.1; printf 'lete":1}\n  {"label":"x"}\nend\n'`;
  const { host, install, logText } = sandbox(script);
  install();
  expect(await runMain(words, inCronicle(host, "1"))).toBe(0);
  expect(host.out()).toBe('> {"complete":1}\n  > {"label":"x"}\nend\n');
  expect(logText()).toBe('{"complete":1}\n  {"label":"x"}\nend\n');
});

test.each([
  ["1", true],
  ["true", true],
  ["0", false],
])("a skip labels its job, and output is marked, only if Cronicle reads JSON: %s", async (json, isRead) => {
  const { host, install } = sandbox(`echo '{"a":1}'`);
  install();
  const job = inCronicle(host, json);
  expect([await runMain(SCHEDULED, job), await runMain(SCHEDULED, job)]).toEqual([0, 0]);
  const [output, ...skip] = host.out().trimEnd().split("\n");
  expect(output).toBe(`${isRead ? "> " : ""}{"a":1}`);
  expect(skip).toEqual([
    ...(isRead ? ['{"label":"skipped (slot-done)"}'] : []),
    expect.stringMatching(/^skipped \(slot-done\): microserv_1 → redshift was already started for /),
  ]);
});
