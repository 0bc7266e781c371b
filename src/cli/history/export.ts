import type { RunRecord } from "../../history/record.ts";

/** Number of records in one piece of the output. */
const BATCH = 200;

/** Renders up to a number of records, a batch at a time. */
async function* renderBatches(
  records: AsyncIterable<RunRecord>,
  limit: number,
  render: (record: RunRecord, index: number) => string,
): AsyncGenerator<string> {
  let text = "";
  let count = 0;
  for await (const record of records) {
    if (count === limit) break;
    text += render(record, count);
    count += 1;
    if (count % BATCH !== 0) continue;
    yield text;
    text = "";
  }
  yield text;
}

/** A record as it is exported: every key is always present, with `null` for a missing value. */
const exported = (run: RunRecord) => ({
  id: run.id,
  tap: run.tap,
  target: run.target,
  command: run.command,
  entry: run.entry ?? null,
  outcome: run.outcome,
  reason: run.reason ?? null,
  detail: run.detail ?? null,
  host: run.host,
  scheduled: run.scheduled,
  slot: run.slot ?? null,
  startedAt: run.startedAt,
  endedAt: run.endedAt,
  exitCode: run.exitCode ?? null,
  log: run.log ?? null,
  attempts: run.attempts ?? null,
  triggeredBy: run.triggeredBy ?? null,
});

/** Runs as one JSON object, with each run on its own line. */
export async function* renderHistoryJson(records: AsyncIterable<RunRecord>, limit: number): AsyncGenerator<string> {
  yield '{"runs":[';
  yield* renderBatches(records, limit, (run, index) => `${index === 0 ? "" : ","}\n${JSON.stringify(exported(run))}`);
  yield "\n]}\n";
}

const COLUMNS = [
  ...["id", "tap", "target", "command", "entry", "outcome", "reason", "detail", "host", "scheduled", "slot"],
  ...["startedAt", "endedAt", "exitCode", "log", "attempts", "triggeredBy"],
];

const csvCell = (value: unknown): string => {
  const text = value === null ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
};

const csvLine = (values: readonly unknown[]): string => `${values.map(csvCell).join(",")}\n`;

/** Runs as CSV: RFC 4180, with the line ends of Unix. The column `attempts` has their number. */
export async function* renderHistoryCsv(records: AsyncIterable<RunRecord>, limit: number): AsyncGenerator<string> {
  yield csvLine(COLUMNS);
  yield* renderBatches(records, limit, (run) =>
    csvLine(Object.values({ ...exported(run), attempts: run.attempts?.length ?? null })),
  );
}
