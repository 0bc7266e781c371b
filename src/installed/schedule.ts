import type { ZoneTable } from "../cron/zone-table.ts";
import type { EntryId, FastSyncName, PipelineId } from "../pipeline-id.ts";
import type { Limits, Policies } from "../policies.ts";

/** One entry as a run needs it: a scheduled start reads no YAML. */
export interface StoredEntry extends EntryId {
  readonly crons: readonly string[];
  /** The pipelines after which it runs; absent: none. */
  readonly after?: readonly PipelineId[] | undefined;
  readonly timezone?: string | undefined;
  /** Since when it has had these times, ISO 8601 UTC: no earlier time is due. Absent: always. */
  readonly since?: string | undefined;
  readonly note?: string | undefined;
  readonly args: readonly string[];
  /** Name of the system from which the tap reads. Absent: no limit of a source applies. */
  readonly source?: string | undefined;
  /** Absent: none. */
  readonly policies?: Policies | undefined;
}

/** Where `tend` writes the metrics. */
interface MetricsFile {
  /** Absolute. */
  readonly file: string;
}

/** The stored schedule, `.sched/schedules/<name>.json`, the same for all hosts. */
export interface StoredSchedule {
  readonly format: 1;
  readonly name: string;
  readonly source: { readonly path: string; readonly digest: string };
  readonly configDir: string;
  readonly env: Readonly<Record<string, string>>;
  /** Absolute. */
  readonly envFile?: string | undefined;
  /** Absent: none. */
  readonly limits?: Limits | undefined;
  /** Absent: `tend` writes no metrics. */
  readonly metrics?: MetricsFile | undefined;
  /** How long files are kept, not yet decoded: `retentionOf` reads it. Absent: nothing is removed by itself. */
  readonly retention?: unknown;
  /** The alert rules, not yet decoded: `alertRulesOf` reads them. Absent: none. */
  readonly alerts?: unknown;
  readonly entries: readonly StoredEntry[];
}

/** The stored install of one host, `.sched/schedules/<name>.<host>.json`. */
export interface StoredInstall {
  readonly format: 1;
  readonly name: string;
  readonly host: string;
  readonly user: string;
  /** Identity of the machine (`machineFingerprint`), so that it is recognised when its name changes. */
  readonly machine?: string | undefined;
  /** ISO 8601 UTC. */
  readonly installedAt: string;
  /** SHA-256 (hex) of the stored schedule's text at that time; a difference means that the lines are outdated. */
  readonly meaningDigest: string;
  /** Absolute path of the program, then its leading arguments. */
  readonly command: readonly string[];
  /** PipelineWise's name of its fast sync command; absent if the schedule has none. */
  readonly fastSync?: FastSyncName | undefined;
  /** Absolute path of each program that a hook names without its directory; absent if there are none. */
  readonly hookPrograms?: Readonly<Record<string, string>> | undefined;
  readonly node: string;
  readonly program: string;
  /** Value of PIPELINEWISE_HOME at install; cron does not pass the user's environment to a run. */
  readonly pipelinewiseHome?: string | undefined;
  /** IANA name of the machine's zone at install. */
  readonly machineZone: string;
  /** Absent if an older version installed the schedule: zones are then looked up at each start. */
  readonly zones?: ZoneRecord | undefined;
  /** Entries, as `entryPath` names them, whose lines start them also when nothing is due. */
  readonly loose?: readonly string[] | undefined;
  /** Lines in the crontab. */
  readonly lines: readonly string[];
  /** Set by --compile-only: starts that this program does not know need the stored files. */
  readonly compileOnly?: boolean | undefined;
  /** The other schedulers on which this host has installed it, by the argument of `--on`. */
  readonly on?: Readonly<Record<string, OnScheduler>> | undefined;
}

/** The schedulers on which a host has installed a schedule, by the argument of `--on`. */
export const schedulersOf = ({ lines, on }: Pick<StoredInstall, "lines" | "on">): readonly string[] => [
  ...(lines.length > 0 ? ["cron"] : []),
  ...Object.keys(on ?? {}),
];

/** The part of a stored install that belongs to another scheduler than cron. */
export interface OnScheduler {
  /** Location of the installation, so that an uninstall needs no schedule file. Contains no secrets. */
  readonly place: Readonly<Record<string, string>>;
  /** Digest of what was installed (`startsDigest`); it differs if the installation is outdated. */
  readonly digest: string;
  /**
   * Digests (`contentDigest`) of what `install` wrote, by name of file or unit or by id of event: `status` compares
   * them with what is there. Absent if an older version installed it.
   */
  readonly written?: Readonly<Record<string, string>> | undefined;
}

/** The zones of a schedule, as `install` found them. */
export interface ZoneRecord {
  /** Version of the zone data that it was found in, such as "2025b". */
  readonly data: string;
  /** Until when the tables and the lines hold, ISO 8601 UTC. */
  readonly until: string;
  /** Identity of /etc/localtime (`localtimeFingerprint`): while it is the same, the machine's zone is `machineZone`. */
  readonly localtime: string;
  /** By IANA name: every zone of the schedule, and the machine's. */
  readonly tables: Readonly<Record<string, ZoneTable>>;
}
