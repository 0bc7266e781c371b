import { writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { tempDirectory } from "../../test/support/host.ts";
import { runWell, SYSTEM_PATH } from "../../test/support/run-program.ts";
import { inCi } from "../rig/needs.ts";
import { runRuff } from "./install.ts";

const PROGRAM = resolve("bin/pipelinewise-sched.cjs");

/** Pipelines of every shape: several times, candidate times, settings, and notes with every kind of quote. */
const SCHEDULE = `name: shop
timezone: Europe/London
pipelines:
  - {tap: two, target: dwh, cron: ["0 1 * * *", "30 2 * * *"], note: 'say "hi" \\ and \\" end', timezone: UTC}
  - {tap: plain, target: dwh, cron: "0 5 * * *", airflow: {default_args: {retries: 2, owner: 'a "b"'}, outlets: true}}
  - {tap: candidates, target: dwh, cron: "30 1 * * *", note: "it's"}
  - {tap: surplus, target: dwh, cron: "0 4 */2 * 1", note: 'both '' and " é 😀'}
`;

const ruff = await runRuff("--version").catch((error: unknown) => ({ reason: String(error) }));

test("ruff format changes nothing in a DAG file, and ruff check finds no fault", async (context) => {
  if (typeof ruff !== "string") {
    if (inCi) throw new Error(ruff.reason);
    return context.skip(ruff.reason);
  }
  const directory = tempDirectory();
  writeFileSync(join(directory, "schedule.yml"), SCHEDULE);
  const where = [
    "--node",
    "/n",
    "--program",
    "/p",
    "--config-dir",
    "/srv/pw",
    "--output",
    directory,
    join(directory, "schedule.yml"),
  ];
  await runWell([process.execPath, PROGRAM, "export", "--on", "airflow", ...where], { env: { PATH: SYSTEM_PATH } });
  const file = join(directory, "pipelinewise_sched_shop.py");
  expect(await runRuff("format", "--isolated", "--diff", file)).toBe("");
  expect(await runRuff("check", "--isolated", file)).toContain("All checks passed!");
});
