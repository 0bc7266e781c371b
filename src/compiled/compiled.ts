import type { EntryId } from "../command/request.ts";

/** One entry as a run needs it: no cron is parsed and no YAML read at a tick. */
export interface CompiledEntry extends EntryId {
  readonly crons: readonly string[];
  readonly timezone?: string | undefined;
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
  readonly node: string;
  readonly program: string;
  /** Value of PIPELINEWISE_HOME at install; cron gives a run no environment of the user's. */
  readonly pipelinewiseHome?: string | undefined;
  /** IANA name of the machine's zone at install. */
  readonly machineZone: string;
  readonly lines: readonly string[];
}
