import type { Cron } from "../cron/expression.ts";
import type { EntryId } from "../pipeline-id.ts";

/** Where something stands in the schedule file; both count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** One tap into one target by one command, with its times. */
export interface Pipeline extends EntryId {
  readonly crons: readonly Cron[];
  /** IANA name known to this Node, as the user spells it; `undefined`: the machine's own zone. */
  readonly timezone?: string | undefined;
  readonly note?: string | undefined;
  /** Words behind `--tap T --target G`, such as `--tables a.b,c.d`. */
  readonly args: readonly string[];
  readonly place: Place;
}

/** How PipelineWise is called. */
export interface PipelinewiseCall {
  /** Program and leading words, as written: `["pipelinewise"]`. */
  readonly command: readonly string[];
  /** As written (`~` not yet resolved); `undefined` when the file does not say. */
  readonly configDir?: string | undefined;
  /** Values may hold `${file:PATH}` or `${env:NAME}`, read at run time, never stored. */
  readonly env: Readonly<Record<string, string>>;
  /** As written (`~` not yet resolved). */
  readonly envFile?: string | undefined;
}

/** Where Apache Airflow looks for its DAG files. */
interface AirflowSettings {
  /** Folder, as written (`~` not yet resolved); `undefined`: Airflow itself is asked. */
  readonly dags?: string | undefined;
}

/** Which Cronicle the schedule is for, and how it is spoken to. */
export interface CronicleSettings {
  /** The primary, then each server that may take its place: `http://host:3012`, without a slash at the end. */
  readonly urls: readonly string[];
  /** Where the API key is: `${env:NAME}` or `${file:PATH}`. The key itself stands in no file of ours. */
  readonly key: string;
  /** Id or title of the category that the events stand in. */
  readonly category: string;
  /** Server or server group that runs the pipelines. */
  readonly target: string;
}

/** A whole schedule file, checked; every default filled, every cron parsed. */
export interface Schedule {
  readonly name: string;
  /** What it was read from. The path is absolute. */
  readonly source: { readonly path: string; readonly bytes: Uint8Array };
  readonly pipelinewise: PipelinewiseCall;
  readonly airflow?: AirflowSettings | undefined;
  readonly cronicle?: CronicleSettings | undefined;
  readonly pipelines: readonly Pipeline[];
}
