import type { FailureReason, OutcomeKind, RunRecord, SkipReason } from "../history/record.ts";
import { type EntryId, entryPath } from "../pipeline-id.ts";
import { SECOND_MS } from "../time-units.ts";
import { METRIC_PREFIX, type Metric, type Sample } from "./text-format.ts";

/** The state of one installed entry, as far as it is known. */
export interface EntryReading {
  readonly entry: EntryId;
  /** `undefined` if it never ran. */
  readonly lastRun: RunRecord | undefined;
  /** End of the newest run that succeeded; `undefined` if none is known. */
  readonly succeededAt: Date | undefined;
  /** By how many milliseconds it is late, 0 if it is not; `undefined` without `fresh_within`. */
  readonly lateMs: number | undefined;
  readonly isRunning: boolean;
  /** Whether a start waits for a place of a limit, or for the running run. */
  readonly isQueued: boolean;
  /** `undefined` if the entry has no times, or is paused without an end. */
  readonly nextDue: Date | undefined;
}

/** The state of a schedule as a whole. */
interface ScheduleReading {
  readonly name: string;
  /** Number of its entries that are missing in `Readings.entries`, because their state could not be read. */
  readonly unreadable: number;
}

/** Everything that the metrics show. */
export interface Readings {
  readonly version: string;
  readonly schedules: readonly ScheduleReading[];
  readonly entries: readonly EntryReading[];
  /** The runs and skips that ended in the last 24 hours. */
  readonly recent: readonly RunRecord[];
}

/** The outcomes of a run. Exactly one of them is the outcome of an entry's last run. */
const OUTCOMES = ["succeeded", "failed", "timed-out", "stopped", "lock-lost", "lost"] as const satisfies OutcomeKind[];

/** Every reason of a failure or a skip. The program does not compile until a new reason is added here. */
const REASONS: Readonly<Record<SkipReason | FailureReason, "failed" | "skipped">> = {
  state: "failed",
  hook: "failed",
  overlap: "skipped",
  external: "skipped",
  disabled: "skipped",
  "slot-done": "skipped",
  "not-due": "skipped",
  "too-late": "skipped",
  paused: "skipped",
  limit: "skipped",
};

/** The labels of all series that count runs. The list is fixed, so a kind that did not occur has the value 0. */
const KINDS: readonly { readonly outcome: string; readonly reason: string }[] = [
  ...OUTCOMES.map((outcome) => ({ outcome, reason: "" })),
  ...Object.entries(REASONS).map(([reason, outcome]) => ({ outcome, reason })),
];

/** Numbers of records, by entry and kind. */
function countRecords(records: readonly RunRecord[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const record of records) {
    const key = `${entryPath({ ...record, id: record.entry })} ${record.outcome} ${record.reason ?? ""}`;
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  return counts;
}

const seconds = (at: Date | string): number => new Date(at).getTime() / 1000;
const one = (value: number | undefined): readonly Omit<Sample, "labels">[] => (value === undefined ? [] : [{ value }]);

/** A sample of an entry. Its labels are those that it has in addition to the entry's labels. */
interface EntrySample {
  readonly labels?: Sample["labels"];
  readonly value: number;
}

/** A metric with samples for each entry. */
interface EntryMetric {
  readonly name: string;
  readonly help: string;
  readonly samples: (reading: EntryReading) => readonly EntrySample[];
}

const ENTRY_METRICS: readonly EntryMetric[] = [
  {
    name: "last_run_outcome",
    help: "1 for the outcome of the entry's last run, 0 for every other outcome. Absent before the first run.",
    samples: ({ lastRun }) =>
      lastRun === undefined
        ? []
        : OUTCOMES.map((outcome) => ({ labels: { outcome }, value: outcome === lastRun.outcome ? 1 : 0 })),
  },
  {
    name: "last_run_start_timestamp_seconds",
    help: "Start of the last run that has ended, as a Unix time.",
    samples: ({ lastRun }) => one(lastRun && seconds(lastRun.startedAt)),
  },
  {
    name: "last_run_duration_seconds",
    help: "Duration of the last run that has ended, with all of its attempts.",
    samples: ({ lastRun }) => one(lastRun && (Date.parse(lastRun.endedAt) - Date.parse(lastRun.startedAt)) / SECOND_MS),
  },
  {
    name: "last_success_timestamp_seconds",
    help: "End of the newest run that succeeded, as a Unix time. Absent if none is known.",
    samples: ({ succeededAt }) => one(succeededAt && seconds(succeededAt)),
  },
  {
    name: "late_seconds",
    help: "Time by which the entry is late, 0 if it is not late. Absent without `fresh_within`.",
    samples: ({ lateMs }) => one(lateMs === undefined ? undefined : lateMs / SECOND_MS),
  },
  {
    name: "running",
    help: "1 while a run of the entry holds its lock and does not wait for a place of a limit, else 0.",
    samples: ({ isRunning }) => one(Number(isRunning)),
  },
  {
    name: "queued",
    help: "1 while a start of the entry waits for a place of a limit or for the running run, else 0.",
    samples: ({ isQueued }) => one(Number(isQueued)),
  },
  {
    name: "next_due_timestamp_seconds",
    help: "Next time at which the entry is due, as a Unix time. Absent without times, and while it is paused without an end.",
    samples: ({ nextDue }) => one(nextDue && seconds(nextDue)),
  },
];

/** Every label value of an entry is in a schedule, so the number of series is bounded by the schedules. */
const labelsOf = ({ tap, target, command, id = "" }: EntryId) => ({ tap, target, command, entry: id });

/** Converts readings into metrics. */
export function toMetrics({ version, schedules, entries, recent }: Readings): readonly Metric[] {
  const counts = countRecords(recent);
  const ofEntries = ENTRY_METRICS.map(({ name, help, samples }) => ({
    name,
    help,
    samples: entries.flatMap((reading) =>
      samples(reading).map(({ labels, value }) => ({ labels: { ...labelsOf(reading.entry), ...labels }, value })),
    ),
  }));
  const all: readonly Metric[] = [
    ...ofEntries,
    {
      name: "recent_runs",
      help: "Runs and skips of the entry that ended in the last 24 hours, by outcome and reason.",
      samples: entries.flatMap(({ entry }) =>
        KINDS.map((kind) => ({
          labels: { ...labelsOf(entry), ...kind },
          value: counts.get(`${entryPath(entry)} ${kind.outcome} ${kind.reason}`) ?? 0,
        })),
      ),
    },
    {
      name: "unreadable_entries",
      help: "Entries of the schedule without series, because their state could not be read.",
      samples: schedules.map(({ name, unreadable }) => ({ labels: { schedule: name }, value: unreadable })),
    },
    {
      name: "build_info",
      help: "1, with the version of pipelinewise-sched and the name of the schedule as labels.",
      samples: schedules.map(({ name }) => ({ labels: { schedule: name, version }, value: 1 })),
    },
  ];
  return all.map((metric) => ({ ...metric, name: `${METRIC_PREFIX}${metric.name}` }));
}
