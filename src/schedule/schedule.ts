import type { Cron } from "../cron/expression.ts";
import type { EntryId } from "../pipeline-id.ts";

/** A position in the schedule file; line and column count from 1. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** One entry: a tap, a target and a command, with its times. */
export interface Pipeline extends EntryId {
  readonly crons: readonly Cron[];
  /** IANA name known to this Node, as the user spells it; `undefined`: the machine's zone. */
  readonly timezone?: string | undefined;
  readonly note?: string | undefined;
  /** Arguments after `--tap T --target G`, such as `--tables a.b,c.d`. */
  readonly args: readonly string[];
  readonly place: Place;
}

/** How a run starts PipelineWise. */
export interface PipelinewiseCall {
  /** Program and leading arguments, as written: `["pipelinewise"]`. */
  readonly command: readonly string[];
  /** As written (`~` not yet resolved); `undefined` if the file does not set it. */
  readonly configDir?: string | undefined;
  /** Values may hold `${file:PATH}` or `${env:NAME}`, read at run time, never stored. */
  readonly env: Readonly<Record<string, string>>;
  /** As written (`~` not yet resolved). */
  readonly envFile?: string | undefined;
}

/** Settings for Apache Airflow. */
interface AirflowSettings {
  /** Directory, as written (`~` not yet resolved); `undefined`: ask Airflow. */
  readonly dags?: string | undefined;
}

/** Settings for Cronicle: its servers, and how to authenticate. */
export interface CronicleSettings {
  /** The primary, then each server that may take its place: `http://host:3012`, without a slash at the end. */
  readonly urls: readonly string[];
  /** Reference to the API key: `${env:NAME}` or `${file:PATH}`. The key itself is never stored. */
  readonly key: string;
  /** Id or title of the events' category. */
  readonly category: string;
  /** Server or server group that runs the pipelines. */
  readonly target: string;
}

/** A whole schedule file, checked, with every default filled in and every cron expression parsed. */
export interface Schedule {
  readonly name: string;
  /** The file that it was read from. The path is absolute. */
  readonly source: { readonly path: string; readonly bytes: Uint8Array };
  readonly pipelinewise: PipelinewiseCall;
  readonly airflow?: AirflowSettings | undefined;
  readonly cronicle?: CronicleSettings | undefined;
  readonly pipelines: readonly Pipeline[];
}
