import { findZone } from "../cron/zone-names.ts";
import { DEFAULT_COMMAND, DEFAULT_SCHEDULE_NAME } from "../pipeline-id.ts";
import { type Finding, type Problem, toProblems } from "./problem.ts";
import { ruleFindings } from "./rules.ts";
import type { CronicleSettings, Pipeline, PipelinewiseCall, Place, Schedule } from "./schedule.ts";
import { ScheduleFile } from "./schema.ts";
import { shapeFindings } from "./schema-problems.ts";
import { readSyntax } from "./yaml-syntax.ts";
import { readWritten, type Written } from "./yaml-tree.ts";

/** The result of checking a schedule file. */
export interface CheckedSchedule {
  /** `undefined` when one of the problems is an error. */
  readonly schedule: Schedule | undefined;
  /** In the order of their places. */
  readonly problems: readonly Problem[];
  /** Turns warnings about the schedule into problems with places, each at the deepest value that its path reaches. */
  readonly warn: (doubts: readonly Omit<Finding, "at">[]) => readonly Problem[];
}

/**
 * Parses a schedule file into a `Schedule`, or into all of its problems.
 *
 * @param source.file as the user named it, for the problems; `path` and `bytes` go into the schedule
 */
export function parseSchedule(text: string, source: Schedule["source"] & { readonly file: string }): CheckedSchedule {
  const { document, findings: slips, placeAt } = readSyntax(text);
  const checked = (findings: readonly Finding[], schedule?: Schedule, root?: Written): CheckedSchedule => ({
    schedule: findings.some(({ severity }) => severity !== "warning") ? undefined : schedule,
    problems: toProblems(findings, source.file, placeAt),
    warn: (doubts) =>
      root === undefined
        ? []
        : toProblems(
            doubts.map((doubt) => locate(doubt, root)),
            source.file,
            placeAt,
          ),
  });
  if (document === undefined) return checked(slips);
  const { root, findings } = readWritten(document, text);
  if (root === undefined) return checked(findings);
  const file = ScheduleFile.safeParse(root.value);
  const issues = file.success ? [] : file.error.issues.flatMap((issue) => shapeFindings(issue, root));
  const schedule = file.success ? meaning(file.data, root, source, placeAt) : undefined;
  // A value that could not be read is not also reported as missing or of the wrong type.
  const broken = new Set(findings.map(({ at }) => at));
  const more = [...issues, ...ruleFindings(root, placeAt)].filter(({ at }) => !broken.has(at));
  return checked([...findings, ...more], schedule, root);
}

/** Finds the place of a warning. A single cron expression is not a list: `cron[0]` of it is `cron`. */
function locate(doubt: Omit<Finding, "at">, root: Written): Finding {
  const { path, message, hint, severity = "warning" } = doubt;
  let written = root;
  let depth = 0;
  for (const step of path) {
    const child = written.children.get(step);
    if (child === undefined) break;
    written = child;
    depth++;
  }
  return { at: written.textAt ?? written.at, path: path.slice(0, depth), message, hint, severity };
}

function meaning(
  file: ScheduleFile,
  root: Written,
  { path, bytes }: Schedule["source"],
  placeAt: (offset: number) => Place,
): Schedule {
  const written = root.children.get("pipelines");
  const spelling = oneSpelling();
  return {
    name: file.name ?? DEFAULT_SCHEDULE_NAME,
    source: { path, bytes },
    pipelinewise: callMeaning(file.pipelinewise),
    airflow: file.airflow === undefined ? undefined : { dags: file.airflow.dags },
    cronicle: file.cronicle === undefined ? undefined : cronicleMeaning(file.cronicle),
    pipelines: file.pipelines.map((pipeline, index) =>
      pipelineMeaning(
        pipeline,
        spelling(pipeline.timezone ?? file.timezone),
        placeAt(written?.children.get(index)?.at ?? 0),
      ),
    ),
  };
}

/** Europe/Kyiv and Europe/Kiev are one zone: all pipelines get the spelling that the file uses first. */
function oneSpelling(): (timezone: string | undefined) => string | undefined {
  const first = new Map<string | undefined, string>();
  return (timezone) => {
    if (timezone === undefined) return undefined;
    const zone = findZone(timezone);
    const spelling = first.get(zone) ?? timezone;
    first.set(zone, spelling);
    return spelling;
  };
}

function callMeaning(call: ScheduleFile["pipelinewise"]): PipelinewiseCall {
  return {
    command: call?.command ?? ["pipelinewise"],
    configDir: call?.config_dir,
    env: call?.env ?? {},
    envFile: call?.env_file,
  };
}

const cronicleMeaning = ({ url, key, category, target }: NonNullable<ScheduleFile["cronicle"]>): CronicleSettings => ({
  urls: url,
  key,
  category: category ?? "pipelinewise",
  target,
});

type WrittenPipeline = ScheduleFile["pipelines"][number];

function pipelineMeaning(pipeline: WrittenPipeline, timezone: string | undefined, place: Place): Pipeline {
  const { tap, target, id, cron } = pipeline;
  return {
    tap,
    target,
    command: pipeline.command ?? DEFAULT_COMMAND,
    id,
    crons: Array.isArray(cron) ? cron : [cron],
    timezone,
    note: pipeline.note === "" ? undefined : pipeline.note,
    args: pipelineArgs(pipeline),
    place,
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
  const words = options.flatMap(([option, value]) => (value === undefined ? [] : [option, value]));
  return [...words, ...(force === true ? ["--force"] : []), ...(extra_log === true ? ["--extra_log"] : [])];
}
