import { StoreError } from "../../errors.ts";
import type { FoundFile } from "../../system/find-file.ts";
import { diffLines } from "../../text/diff.ts";
import type { Mark, TakeOver } from "../owner-mark.ts";
import type { PlannedChange } from "../scheduler.ts";
import { numberedId } from "./dag.ts";
import { type InstalledDags, readDagFile } from "./dag-file.ts";

/** More DAGs than this are not listed one by one. */
const MOST_DAGS = 10;

/** Checks the installed file. @throws StoreError if the file is not owned by this schedule */
export function assertOurs(
  path: string,
  found: FoundFile,
  mark: Mark,
  { replace }: Pick<TakeOver, "replace">,
): InstalledDags | undefined {
  if (found.kind === "absent") return undefined;
  const installed = found.kind === "file" ? readDagFile(found.text) : undefined;
  const hint = "Give this schedule another `name`, or move that file to another directory.";
  if (installed === undefined) throw new StoreError(`${path} was not written by pipelinewise-sched`, { hint });
  const differing = [
    ["schedule", installed.mark.schedule, mark.schedule],
    ["schedule file", installed.mark.source, mark.source],
    ["config directory", installed.mark.configDir, mark.configDir],
  ].find(([, theirs, ours]) => theirs !== ours);
  if (differing === undefined || replace) return installed;
  const [what, theirs, ours] = differing;
  throw new StoreError(`${path} belongs to the ${what} ${theirs} (here: ${ours})`, {
    hint: "Give this schedule another `name`, or take over the file with `install --replace`.",
  });
}

/** Plans the change of the file. @param text its new content */
export function planFile(path: string, found: FoundFile, text: string, count: number): PlannedChange {
  const what = `DAG file ${path}`;
  if (found.kind !== "file") {
    return { kind: "created", what, differences: [`${count} DAG${count === 1 ? "" : "s"}`] };
  }
  if (found.text === text) return { kind: "unchanged", what, differences: [] };
  return { kind: "changed", what, differences: diffLines(found.text, text) };
}

/** Commands that delete the history that Airflow keeps of removed DAGs. */
export function leftInAirflow(dags: InstalledDags["dags"], { schedule }: Pick<Mark, "schedule">): readonly string[] {
  if (dags.size === 0) return [];
  const commands = [...dags].slice(0, MOST_DAGS).flatMap(([id, { crons }]) => deletions(id, crons.length));
  const more = dags.size - MOST_DAGS;
  return [
    [
      "Airflow keeps the history of removed DAGs. To delete that too:",
      ...commands.map((command) => `  ${command}`),
      ...(more > 0 ? [`  and the same for ${more} more DAGs whose ids also begin with ${schedule}.`] : []),
    ].join("\n"),
  ];
}

/** The commands for one DAG. In Airflow 2 each cron expression has its own DAG. */
function deletions(id: string, crons: number): readonly string[] {
  const command = `airflow dags delete -y ${id}`;
  if (crons < 2) return [command];
  const numbers = Array.from({ length: crons }, (_, index) => index + 1);
  return [
    `${command}  # Airflow 3`,
    `for n in ${numbers.join(" ")}; do airflow dags delete -y ${numberedId(id, "$n")}; done  # Airflow 2`,
  ];
}
