import type { FoundRun } from "../../control/find-run.ts";
import { EXIT, SchedError } from "../../errors.ts";
import { renderOutcome } from "../../history/record.ts";
import type { Host } from "../../host.ts";
import { entryLabel } from "../../pipeline-id.ts";
import type { StatePaths } from "../../storage/paths.ts";
import { renderDuration, renderInstant } from "../../text/format-time.ts";
import { attemptLog, hasLog, logsOf, openLog, type WriteLog, writeRest } from "./files.ts";
import { followRun } from "./follow.ts";
import { findPipelinewiseLogs, readDigest, renderDigest } from "./pipelinewise.ts";

interface ShowContext {
  readonly paths: StatePaths;
  readonly host: Host;
  readonly write: WriteLog;
  /** Whether PipelineWise's own logs are shown too. */
  readonly pipelinewise: boolean;
}

/** Such as `orders → dwh: run 0mwwv4l6f7zkvq on host etl-1 started 2026-11-26 01:17:24Z, ended after 3 min: failed`. */
function describeRun({ id, entry, host, startedAt, record }: FoundRun): string {
  const begin = `${entryLabel(entry)}: run ${id} on host ${host} started ${renderInstant(startedAt)}`;
  if (record === undefined) return `${begin} and is running`;
  const took = renderDuration(Date.parse(record.endedAt) - startedAt.getTime());
  const detail = record.detail === undefined ? "" : `: ${record.detail}`;
  return `${begin}, ended after ${took}: ${renderOutcome(record)}${detail}`;
}

/** Writes a line that names a file, as tail(1) does. @returns `false` if the reader has gone */
const writeHeading = (path: string, write: WriteLog): Promise<boolean> => write(Buffer.from(`==> ${path} <==\n`));

/** Writes whole logs. @returns `false` if the reader has gone */
async function writeLogs(paths: readonly string[], write: WriteLog, { headings }: { readonly headings: boolean }) {
  for (const path of paths) {
    const file = await openLog(path);
    if (file === undefined) continue;
    try {
      if (headings && !(await writeHeading(path, write))) return false;
      if ((await writeRest(file, 0, write)) === undefined) return false;
    } finally {
      await file.close();
    }
  }
  return true;
}

/** Shows the log of a run as it is now. @throws SchedError if it has none */
export async function showLog(run: FoundRun, context: ShowContext): Promise<void> {
  const { paths, host, write, pipelinewise } = context;
  host.stderr.write(`${describeRun(run)}\n`);
  const logs = await logsOf(paths, run);
  const existing = [];
  for (const log of logs) if (await hasLog(log)) existing.push(log);
  if (existing.length === 0) throw noLog(run, logs);
  for (const log of logs) if (!existing.includes(log)) host.stderr.write(`${log} has been removed\n`);
  const headings = logs.length > 1 || pipelinewise;
  if (!headings) host.stderr.write(`${existing.join()}\n`);
  if (await writeLogs(existing, write, { headings })) await showPipelinewise(run, existing, context);
}

function noLog({ id, entry, record }: FoundRun, [log]: readonly string[]): SchedError {
  const run = `the run ${id} of ${entryLabel(entry)}`;
  const exitCode = EXIT.noInput;
  if (record === undefined) {
    return new SchedError(`${run} has no log yet, because it has not started its pipeline`, {
      exitCode,
      hint: "Wait for it with --follow.",
    });
  }
  if (log === undefined) {
    return new SchedError(`${run} has no log, because it started no pipeline`, {
      exitCode,
      hint: "Show the reason: pipelinewise-sched history --wide",
    });
  }
  return new SchedError(`the log of ${run.slice(4)} has been removed: ${log}`, {
    exitCode,
    hint: "The key `retention` and `prune` remove old logs. The record of the run stays: pipelinewise-sched history --wide",
  });
}

/** Shows the log of a running run until the run has ended, and then its outcome. */
export async function followLog(run: FoundRun, context: ShowContext): Promise<void> {
  const { paths, host, write } = context;
  const first = attemptLog(paths, run, 1);
  const isEarly = !(await hasLog(first));
  host.stderr.write(
    `${describeRun(run)}\n${first}${isEarly ? " does not exist yet: the pipeline has not started" : ""}\n`,
  );
  const { isAbandoned, run: ended } = await followRun(run, {
    paths,
    host,
    write,
    heading: (path) => writeHeading(path, write),
  });
  if (isAbandoned) return;
  await showPipelinewise(run, await logsOf(paths, ended ?? run), context);
  const text =
    ended === undefined ? `${entryLabel(run.entry)}: run ${run.id} ended without a record` : describeRun(ended);
  host.stderr.write(`${text}\n`);
}

/** Shows PipelineWise's own logs if they are wanted and, on a terminal, the rows per table that they contain. */
async function showPipelinewise(run: FoundRun, runLogs: readonly string[], context: ShowContext): Promise<void> {
  const { paths, host, write, pipelinewise } = context;
  const isTerminal = host.stdout.isTTY === true;
  if (!pipelinewise && !isTerminal) return;
  const own = await findPipelinewiseLogs(paths, run.entry, runLogs);
  if (pipelinewise) {
    if (own.length === 0)
      host.stderr.write("the log of this run does not name a log of PipelineWise that still exists\n");
    if (!(await writeLogs(own, write, { headings: true }))) return;
  }
  if (!isTerminal) return;
  const digest = renderDigest(await readDigest(own));
  if (digest !== "") host.stdout.write(`\n${digest}`);
}
