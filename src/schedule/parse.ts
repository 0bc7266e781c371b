import { findZone } from "../cron/zone-names.ts";
import { DEFAULT_COMMAND, DEFAULT_SCHEDULE_NAME, type EntryCommand, isFastSync } from "../pipeline-id.ts";
import { type Limits, type OverlapPolicy, type Policies, RETRY_OUTCOMES, type RetryPolicy } from "../policies.ts";
import { HOUR_MS, MINUTE_MS } from "../time-units.ts";
import { checkAfter } from "./after-rules.ts";
import { toAlertRules } from "./alert-schema.ts";
import { type Diagnostic, type Path, type PlacedDiagnostic, placeDiagnostics } from "./diagnostic.ts";
import { toHooks } from "./hook-schema.ts";
import { checkLimits } from "./limit-rules.ts";
import { toRetention } from "./retention-schema.ts";
import { checkRules } from "./rules.ts";
import type {
  CronicleSettings,
  DagSettings,
  Pipeline,
  PipelinewiseCall,
  Schedule,
  SourcePosition,
} from "./schedule.ts";
import { ScheduleFile } from "./schema.ts";
import { parseYaml } from "./yaml-syntax.ts";
import { readYamlTree, type YamlValue } from "./yaml-tree.ts";
import { fromZodIssue } from "./zod-issues.ts";

/** The result of checking a schedule file. */
export interface CheckedSchedule {
  /** `undefined` if one of the diagnostics is an error. */
  readonly schedule: Schedule | undefined;
  /** Sorted by position. */
  readonly diagnostics: readonly PlacedDiagnostic[];
  /** Adds positions to other diagnostics of the schedule: each gets that of the deepest value that its path reaches. */
  readonly place: (diagnostics: readonly Diagnostic[]) => readonly PlacedDiagnostic[];
}

/**
 * Parses a schedule file into a `Schedule`, or into a diagnostic for each of its problems.
 *
 * @param source.file as the user named it, for the diagnostics; `path` and `bytes` go into the schedule
 */
export function parseSchedule(text: string, source: Schedule["source"] & { readonly file: string }): CheckedSchedule {
  const { document, diagnostics: syntaxErrors, positionAt } = parseYaml(text);
  const place = (diagnostics: readonly Diagnostic[]) =>
    placeDiagnostics(diagnostics, { file: source.file, positionAt });
  const failed = (diagnostics: readonly Diagnostic[]): CheckedSchedule => ({
    schedule: undefined,
    diagnostics: place(diagnostics),
    place: () => [],
  });
  if (document === undefined) return failed(syntaxErrors);
  const { root, diagnostics: treeErrors } = readYamlTree(document, text);
  if (root === undefined) return failed(treeErrors);
  const file = ScheduleFile.safeParse(root.value);
  const issues = file.success ? [] : file.error.issues.flatMap((issue) => fromZodIssue(issue, root));
  // A value that could not be read is not also reported as missing or of the wrong type.
  const unread = new Set(treeErrors.map(({ offset }) => offset));
  const others = [...issues, ...checkRules(root, positionAt), ...checkLimits(root), ...checkAfter(root)].filter(
    ({ offset }) => !unread.has(offset),
  );
  const diagnostics = [...treeErrors, ...others];
  const isValid = diagnostics.every(({ severity }) => severity === "warning");
  return {
    schedule: isValid && file.success ? toSchedule(file.data, { root, source, positionAt }) : undefined,
    diagnostics: place(diagnostics),
    place: (more) => place(more.map((diagnostic) => withOffset(diagnostic, root))),
  };
}

/** The deepest value that the path reaches. A single cron expression is not a list: `cron[0]` of it is `cron`. */
function findDeepest(root: YamlValue, path: Path): { readonly value: YamlValue; readonly path: Path } {
  let value = root;
  let depth = 0;
  for (const step of path) {
    const child = value.children.get(step);
    if (child === undefined) break;
    value = child;
    depth++;
  }
  return { value, path: path.slice(0, depth) };
}

/** Adds the offset of the value at the path, or of the same value in `defaults` if the problem is in that one. */
function withOffset(diagnostic: Diagnostic, root: YamlValue): Diagnostic {
  const [, , ...inPipeline] = diagnostic.path;
  const own = findDeepest(root, diagnostic.path);
  const isInherited = diagnostic.isInValue === true && own.path.length === 2;
  const { value, path } = isInherited ? findDeepest(root, ["defaults", ...inPipeline]) : own;
  return { ...diagnostic, offset: value.contentOffset ?? value.offset, path };
}

function toSchedule(
  file: ScheduleFile,
  {
    root,
    source: { path, bytes },
    positionAt,
  }: {
    readonly root: YamlValue;
    readonly source: Schedule["source"];
    readonly positionAt: (offset: number) => SourcePosition;
  },
): Schedule {
  const pipelines = root.children.get("pipelines");
  const spelling = unifySpelling();
  return {
    name: file.name ?? DEFAULT_SCHEDULE_NAME,
    source: { path, bytes },
    pipelinewise: toPipelinewiseCall(file.pipelinewise),
    airflow: file.airflow === undefined ? undefined : { dags: file.airflow.dags },
    systemd: file.systemd === undefined ? undefined : { user: file.systemd.user },
    cronicle: file.cronicle === undefined ? undefined : toCronicleSettings(file.cronicle),
    metrics: file.metrics,
    limits: file.limits === undefined ? undefined : toLimits(file.limits),
    retention: file.retention && toRetention(file.retention),
    alerts: file.alerts === undefined ? undefined : toAlertRules(file.alerts),
    pipelines: file.pipelines.map((pipeline, index) => ({
      ...toPipeline(pipeline),
      timezone: spelling(pipeline.timezone ?? file.timezone),
      policies: toPolicies(pipeline.command ?? DEFAULT_COMMAND, { ...file.defaults, ...pipeline }),
      airflow: toDagSettings(file.airflow, pipeline.airflow),
      position: positionAt(pipelines?.children.get(index)?.offset ?? 0),
    })),
  };
}

/** Gives all aliases of a zone the spelling that the file uses first: Europe/Kyiv and Europe/Kiev are one zone. */
function unifySpelling(): (timezone: string | undefined) => string | undefined {
  const first = new Map<string | undefined, string>();
  return (timezone) => {
    if (timezone === undefined) return undefined;
    const zone = findZone(timezone);
    const spelling = first.get(zone) ?? timezone;
    first.set(zone, spelling);
    return spelling;
  };
}

function toPipelinewiseCall(call: ScheduleFile["pipelinewise"]): PipelinewiseCall {
  return {
    command: call?.command ?? ["pipelinewise"],
    configDir: call?.config_dir,
    env: call?.env ?? {},
    envFile: call?.env_file,
  };
}

const toCronicleSettings = ({
  url,
  key,
  category,
  target,
}: NonNullable<ScheduleFile["cronicle"]>): CronicleSettings => ({
  urls: url,
  key,
  category: category ?? "pipelinewise",
  target,
});

/** A pipeline's settings override the schedule's one by one; tags are added to them. */
function toDagSettings(all: ScheduleFile["airflow"], own: WrittenPipeline["airflow"]): DagSettings | undefined {
  if (all === undefined && own === undefined) return undefined;
  return {
    defaultArgs: { ...all?.default_args, ...own?.default_args },
    tags: [...(all?.tags ?? []), ...(own?.tags ?? [])],
    isPausedUponCreation: own?.paused_upon_creation ?? all?.paused_upon_creation ?? false,
    hasOutlet: own?.outlets ?? all?.outlets ?? false,
  };
}

const DEFAULT_QUEUE_MS = 30 * MINUTE_MS;

const toLimits = ({ host, target, source, queue }: NonNullable<ScheduleFile["limits"]>): Limits => ({
  host,
  target: target ?? {},
  source: source ?? {},
  queueMs: queue ?? DEFAULT_QUEUE_MS,
});

type WrittenRetries = NonNullable<NonNullable<ScheduleFile["defaults"]>["retries"]>;
type WrittenPipeline = ScheduleFile["pipelines"][number];

/**
 * The policies of a pipeline; `undefined` if there are none.
 *
 * @param written the keys of `defaults`, overridden by the pipeline's own
 */
function toPolicies(
  command: EntryCommand,
  {
    timeout,
    on_overlap,
    retries,
    running_longer_than,
    fresh_within,
    catch_up,
    hooks,
    enabled,
    cron,
    alerts,
  }: NonNullable<ScheduleFile["defaults"]> & Pick<WrittenPipeline, "enabled" | "cron" | "alerts">,
): Policies | undefined {
  const policies: Policies = {
    enabled: enabled === false ? false : undefined,
    alerts: alerts === "off" ? false : undefined,
    timeoutMs: timeout,
    onOverlap: toOverlapPolicy(command, on_overlap),
    retries: retries && toRetryPolicy(retries),
    runningLongerThanMs: running_longer_than,
    freshWithinMs: cron === undefined ? undefined : fresh_within,
    catchUpMs: cron === undefined ? undefined : catch_up,
    hooks: hooks && toHooks(hooks),
  };
  return Object.values(policies).some((policy) => policy !== undefined) ? policies : undefined;
}

/** A default never makes `delay` longer than `max_delay`: it is then equal to the wait that the file sets. */
function toRetryPolicy({ max, delay, backoff, max_delay, on }: WrittenRetries): RetryPolicy | undefined {
  if (max === 0) return undefined;
  return {
    max,
    delayMs: delay ?? Math.min(MINUTE_MS, max_delay ?? MINUTE_MS),
    backoff: backoff ?? 2,
    maxDelayMs: max_delay ?? Math.max(30 * MINUTE_MS, delay ?? 0),
    on: on ?? RETRY_OUTCOMES,
  };
}

/** A sync is rare and replicates whole tables, so it waits unless the file says otherwise. */
function toOverlapPolicy(
  command: EntryCommand,
  written: NonNullable<ScheduleFile["defaults"]>["on_overlap"],
): OverlapPolicy | undefined {
  if (written === undefined) {
    return isFastSync(command) || command === "partial_sync_table" ? { waitMs: HOUR_MS } : undefined;
  }
  if (written === "skip") return undefined;
  return written === "replace" ? written : { waitMs: written.wait };
}

function toPipeline(pipeline: WrittenPipeline): Omit<Pipeline, "timezone" | "policies" | "airflow" | "position"> {
  const { tap, target, id, cron, after, source } = pipeline;
  return {
    tap,
    target,
    command: pipeline.command ?? DEFAULT_COMMAND,
    id,
    source,
    crons: cron === undefined || Array.isArray(cron) ? (cron ?? []) : [cron],
    after: after === undefined || Array.isArray(after) ? after : [after],
    note: pipeline.note === "" ? undefined : pipeline.note,
    args: pipelineArgs(pipeline),
  };
}

/** Translates the keys of an entry into PipelineWise's options. */
function pipelineArgs({
  tables,
  table,
  column,
  start_value,
  end_value,
  replication_method_only,
  check,
  force,
  extra_log,
  args: more = [],
}: WrittenPipeline): readonly string[] {
  const options: readonly (readonly [string, string | undefined])[] = [
    ["--tables", tables?.join(",")],
    ["--table", table],
    ["--column", column],
    ["--start_value", start_value],
    ["--end_value", end_value],
    ["--replication_method_only", replication_method_only],
    ["--check", check],
  ];
  const args = options.flatMap(([option, value]) => (value === undefined ? [] : [option, value]));
  return [...args, ...(force === true ? ["--force"] : []), ...(extra_log === true ? ["--extra_log"] : []), ...more];
}
