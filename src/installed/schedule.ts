import type { ZoneTable } from "../cron/zone-table.ts";
import type { EntryId, FastSyncName } from "../pipeline-id.ts";

/** One entry as a run needs it: no YAML is read at a tick. */
export interface CompiledEntry extends EntryId {
  readonly crons: readonly string[];
  readonly timezone?: string | undefined;
  /** Since when it has had these times, ISO 8601 UTC: nothing before is due. Absent: it always had them. */
  readonly since?: string | undefined;
  readonly note?: string | undefined;
  readonly args: readonly string[];
}

/** `.sched/schedules/<name>.json`: what the schedule means, the same for all hosts. */
export interface CompiledSchedule {
  readonly format: 1;
  readonly name: string;
  readonly source: { readonly path: string; readonly digest: string };
  readonly configDir: string;
  readonly env: Readonly<Record<string, string>>;
  /** Absolute. */
  readonly envFile?: string | undefined;
  readonly entries: readonly CompiledEntry[];
}

/** `.sched/schedules/<name>.<host>.json`: what the install on one host resolved. */
export interface HostSchedule {
  readonly format: 1;
  readonly name: string;
  readonly host: string;
  readonly user: string;
  /** ISO 8601 UTC. */
  readonly installedAt: string;
  /** SHA-256 (hex) of the meaning's text at that time: lines older than the meaning are told so. */
  readonly meaningDigest: string;
  /** Program absolute, then its leading words. */
  readonly command: readonly string[];
  /** What PipelineWise here calls its fast sync; absent where the schedule has none, so nobody asked. */
  readonly fastSync?: FastSyncName | undefined;
  readonly node: string;
  readonly program: string;
  /** Value of PIPELINEWISE_HOME at install; cron gives a run no environment of the user's. */
  readonly pipelinewiseHome?: string | undefined;
  /** IANA name of the machine's zone at install. */
  readonly machineZone: string;
  /** Absent in what an older version installed: zones are then looked up at each start. */
  readonly zones?: ZoneRecord | undefined;
  /** Entries, as `entryPath` names them, whose lines start them also when nothing is due. */
  readonly loose?: readonly string[] | undefined;
  /** Lines in the crontab. */
  readonly lines: readonly string[];
  /** Asked for by --compile-only: starts that we know nothing of need what is stored. */
  readonly compileOnly?: boolean | undefined;
  /** The other schedulers that this host's install has put it on, by the word behind `--on`. */
  readonly on?: Readonly<Record<string, OnScheduler>> | undefined;
}

/** What an install kept of another scheduler. */
export interface OnScheduler {
  /** Where it was put, so that an uninstall needs no schedule file. No secrets. */
  readonly place: Readonly<Record<string, string>>;
  /** Of what it was told (`startsDigest`): what stands there is older when that has changed since. */
  readonly digest: string;
}

/** What the zones of a schedule do, as its install found it. */
export interface ZoneRecord {
  /** Version of the zone data that it was found in, such as "2025b". */
  readonly data: string;
  /** Until when the tables and the lines hold, ISO 8601 UTC. */
  readonly until: string;
  /** What /etc/localtime was (`localtimeMark`): as long as it is that, the machine's zone is `machineZone`. */
  readonly localtime: string;
  /** By IANA name: every zone of the schedule, and the machine's. */
  readonly tables: Readonly<Record<string, ZoneTable>>;
}
