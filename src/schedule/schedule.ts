import type { AlertRule } from "../alert-rules.ts";
import type { Cron } from "../cron/expression.ts";
import type { EntryId, PipelineId } from "../pipeline-id.ts";
import type { Limits, Policies, Retention } from "../policies.ts";

/** A position in the schedule file; line and column count from 1. */
export interface SourcePosition {
  readonly line: number;
  readonly column: number;
}

/** Settings of a pipeline's DAG in Airflow. */
export interface DagSettings {
  /** Arguments of the operator, by name. */
  readonly defaultArgs: Readonly<Record<string, string | number | boolean>>;
  readonly tags: readonly string[];
  readonly isPausedUponCreation: boolean;
  /** Whether a run that succeeds updates the pipeline's asset. */
  readonly hasOutlet: boolean;
}

/** One entry: a tap, a target and a command, with its times. */
export interface Pipeline extends EntryId {
  /** None if it only runs after other pipelines. */
  readonly crons: readonly Cron[];
  /** The pipelines after which it runs, when all of them have succeeded; `undefined` if it runs at its times only. */
  readonly after?: readonly PipelineId[] | undefined;
  /** IANA name known to this Node, as the user spells it; `undefined`: the machine's zone. */
  readonly timezone?: string | undefined;
  readonly note?: string | undefined;
  /** Arguments after `--tap T --target G`, such as `--tables a.b,c.d`. */
  readonly args: readonly string[];
  /** Name of the system from which the tap reads; `undefined`: no limit of a source applies. */
  readonly source?: string | undefined;
  /** `undefined`: none. */
  readonly policies?: Policies | undefined;
  /** `undefined`: Airflow's defaults. */
  readonly airflow?: DagSettings | undefined;
  readonly position: SourcePosition;
}

/** Whether a scheduler starts it. An entry without times only runs after other pipelines. */
export const hasTimes = ({ crons }: { readonly crons: readonly unknown[] }): boolean => crons.length > 0;

/** The command line and the environment with which a run starts PipelineWise. */
export interface PipelinewiseCall {
  /** Program and leading arguments, as written: `["pipelinewise"]`. */
  readonly command: readonly string[];
  /** As written (`~` not yet resolved); `undefined` if the file does not set it. */
  readonly configDir?: string | undefined;
  /** Values may contain `${file:PATH}` or `${env:NAME}`: a run reads those, and they are never stored. */
  readonly env: Readonly<Record<string, string>>;
  /** As written (`~` not yet resolved). */
  readonly envFile?: string | undefined;
}

/** Settings for Apache Airflow. */
interface AirflowSettings {
  /** Directory, as written (`~` not yet resolved); `undefined`: ask Airflow. */
  readonly dags?: string | undefined;
}

/** Settings for systemd. */
interface SystemdSettings {
  /** User who runs the pipelines of units that root installs; `undefined`: the user who installs. */
  readonly user?: string | undefined;
}

/** Settings for Cronicle: its servers, and how to authenticate. */
export interface CronicleSettings {
  /** The primary, then each server that may replace it: `http://host:3012`, without a slash at the end. */
  readonly urls: readonly string[];
  /** Reference to the API key: `${env:NAME}` or `${file:PATH}`. The key itself is never stored. */
  readonly key: string;
  /** Id or title of the events' category. */
  readonly category: string;
  /** Server or server group that runs the pipelines; `undefined`: chosen in Cronicle. */
  readonly target?: string | undefined;
}

/** A checked schedule file, with every default filled in and every cron expression parsed. */
export interface Schedule {
  readonly name: string;
  /** The file from which it was read. The path is absolute. */
  readonly source: { readonly path: string; readonly bytes: Uint8Array };
  readonly pipelinewise: PipelinewiseCall;
  readonly airflow?: AirflowSettings | undefined;
  readonly cronicle?: CronicleSettings | undefined;
  readonly systemd?: SystemdSettings | undefined;
  /** `undefined`: no limits. */
  readonly limits?: Limits | undefined;
  /** `undefined`: nothing is removed by itself. */
  readonly retention?: Retention | undefined;
  /** Its file, as written (`~` not yet resolved); `undefined`: no metrics are written. */
  readonly metrics?: { readonly file: string } | undefined;
  /** `undefined`: no alerts. */
  readonly alerts?: readonly AlertRule[] | undefined;
  readonly pipelines: readonly Pipeline[];
}
