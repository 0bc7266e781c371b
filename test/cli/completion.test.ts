import { writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { main } from "../../src/cli/main.ts";
import { scheduleFile } from "../../src/storage/paths.ts";
import { anEntry, sandbox } from "../support/sandbox.ts";

function installed() {
  const box = sandbox();
  box.install([anEntry(), anEntry({ tap: "orders" }), anEntry({ tap: "orders", target: "snowflake" })]);
  box.install([anEntry({ tap: "weekly", target: "bigquery" })], { name: "reports" });
  return box;
}

/** The candidates for the last of the arguments, without their descriptions. */
async function candidates(typed: readonly string[], { host } = installed()): Promise<readonly string[]> {
  expect(await main(["complete", "--", ...typed], host)).toBe(0);
  expect(host.err()).toBe("");
  return host.out() === "" ? [] : host.out().trimEnd().replaceAll(/\t.*/g, "").split("\n");
}

test.each([
  { typed: ["run", "--tap", ""], found: ["microserv_1", "orders", "weekly"] },
  { typed: ["run", "--target", "snowflake", "--tap", ""], found: ["orders"] },
  { typed: ["run", "--tap=orders", "--target", ""], found: ["redshift", "snowflake"] },
  { typed: ["run", "--tap", "orders", "--target="], found: ["--target=redshift", "--target=snowflake"] },
  { typed: ["run", "--tap", "=", "orders", "--target", "="], found: ["redshift", "snowflake"] },
  { typed: ["state", "restore", "--target", "bigquery", "--tap", ""], found: ["weekly"] },
  { typed: ["tend", "--schedule", ""], found: ["pipelinewise", "reports"] },
  { typed: ["uninstall", "--name", ""], found: ["pipelinewise", "reports"] },
  { typed: ["run", "--config-dir", "/missing", "--tap", ""], found: [] },
  { typed: ["install", "--on", ""], found: ["cron", "airflow", "systemd", "cronicle"] },
  { typed: ["completion", ""], found: ["bash", "zsh", "fish"] },
  { typed: ["completion", "bash", ""], found: [] },
  { typed: ["validate", ""], found: [":files"] },
  { typed: ["validate", "--strict", ""], found: [":files"] },
  { typed: ["validate", "schedule.yml", ""], found: [] },
  { typed: ["run", "--file", ""], found: [":files"] },
  { typed: ["prune", "--config-dir", ""], found: [":directories"] },
  { typed: ["export", "--node="], found: [":files"] },
  { typed: ["history", "--limit", ""], found: [] },
  { typed: ["alerts", ""], found: ["test", "send", "help"] },
  { typed: ["help", "alerts", ""], found: ["test", "send", "help"] },
  { typed: ["alerts", "te"], found: ["test", "send", "help"] },
  { typed: ["alerts", "send", "-"], found: ["--name", "--config-dir", "--help"] },
  { typed: ["run", "--", "--"], found: [] },
  { typed: ["unknown", ""], found: [] },
  { typed: ["run", "--unknown="], found: [] },
])("after $typed the candidates are $found", async ({ typed, found }) => {
  expect(await candidates(typed)).toEqual(found);
});

test.each([[[""]], [["val"]], [["help", ""]], [[]]])("after %j the candidates are all commands", async (typed) => {
  const found = await candidates(typed);
  expect(found).toContain("validate");
  expect(found).toContain("completion");
  expect(found).not.toContain("complete");
});

test("a candidate is followed by a tab and its description", async () => {
  const { host } = installed();
  await main(["complete", "--", "validate", "--"], host);
  expect(host.out()).toContain("--strict\ttreat warnings as errors\n");
});

test("a stored schedule that cannot be read does not hide the ids of the others", async () => {
  const box = installed();
  writeFileSync(scheduleFile(box.paths, "pipelinewise"), "garbled");
  expect(await candidates(["run", "--tap", ""], box)).toEqual(["weekly"]);
});

test("an id of config.json that is not a connector id is not a candidate", async () => {
  const box = installed();
  const taps = [{ id: "billing" }, { id: "$(touch x)" }];
  writeFileSync(`${box.paths.configDir}/config.json`, JSON.stringify({ targets: [{ id: "redshift", taps }] }));
  const found = await candidates(["run", "--tap", ""], box);
  expect(found).toContain("billing");
  expect(found).not.toContain("$(touch x)");
});

test("completion names the shells that it knows if it does not know the given one", async () => {
  const { host } = installed();
  expect(await main(["completion", "tcsh"], host)).toBe(64);
  expect(host.err()).toContain("Allowed choices are bash, zsh, fish");
});
