import * as z from "zod/mini";
import { type Cron, parseCron } from "../cron/expression.ts";
import { CronFault } from "../cron/field.ts";
import { CONNECTOR_ID, connectorIdFault, ENTRY_COMMANDS, NAME, nameFault } from "../pipeline-id.ts";
import {
  checkName,
  commandWord,
  envName,
  envValue,
  knownZone,
  noteText,
  pathText,
  programText,
  secretReference,
  serverUrl,
  serverWord,
  syncValue,
  TextFault,
  tableName,
  titleText,
  wordText,
} from "./values.ts";

const REPLICATION_METHODS = ["full_table", "incremental", "log_based"] as const;

/** Details that a text's error passes on to the issue: the hint, and the offset in the text. */
export interface FaultDetail {
  readonly hint: string | undefined;
  readonly offset: number;
}

/** A string that `read` converts. Its errors become issues, so that all problems are shown together. */
function text<T>(read: (written: string) => T, meta: Readonly<Record<string, unknown>>) {
  const understood = z.transform((written: string, context: z.core.ParsePayload<unknown>): T => {
    try {
      return read(written);
    } catch (fault) {
      if (!(fault instanceof TextFault || fault instanceof CronFault)) throw fault;
      const params: FaultDetail = { hint: fault.hint, offset: fault.offset };
      context.issues.push({ code: "custom", input: written, message: fault.message, params: { ...params } });
      return z.NEVER;
    }
  });
  return z.pipe(z.string().check(z.meta(meta)), understood);
}

const listOf = <T extends z.core.SomeType>(item: T, description?: string) =>
  z.array(item).check(z.minLength(1), z.meta(description === undefined ? {} : { description }));

const connectorId = (description: string) =>
  text((id) => wordText(id, connectorIdFault(id)), { description, pattern: CONNECTOR_ID.source });
const name = (description: string, more: object = {}) =>
  text((word) => wordText(word, nameFault(word)), { description, pattern: NAME.source, ...more });
const timezone = (description: string) => text(knownZone, { description, examples: ["Europe/London"] });
const cron = text<Cron>(parseCron, {
  description: "Five fields as in crontab(5), minute hour day month weekday, or a macro such as @daily. In quotes.",
  examples: ["*/5 * * * *", "0 3 * * 1-5", "@daily"],
});

const pipelinewise = z
  .strictObject({
    command: z.optional(
      z
        .union([
          text((program) => [programText(program)], { description: "A program's name or path." }),
          listOf(text(commandWord, { description: "One argument." }), "A program and its arguments."),
        ])
        .check(
          z.meta({
            description:
              "Command that starts PipelineWise: a program, or a list of a program and its arguments. Default: pipelinewise, as found on the PATH at install.",
          }),
        ),
    ),
    config_dir: z.optional(
      text(pathText, {
        description:
          "PipelineWise's config directory; a relative path is resolved against this file's directory. Default: $PIPELINEWISE_CONFIG_DIRECTORY, else ~/.pipelinewise.",
      }),
    ),
    env: z.optional(
      z.record(text(envName, {}), text(envValue, {})).check(
        z.meta({
          description: `Environment of each run. Values may hold \${file:PATH} or \${env:NAME}, read at each run, never stored.`,
        }),
      ),
    ),
    env_file: z.optional(
      text(pathText, {
        description:
          "File of KEY=VALUE lines (mode 0600) that each run reads: cron does not pass your environment to a run.",
      }),
    ),
  })
  .check(z.meta({ description: "How PipelineWise is called." }));

const pipeline = z
  .strictObject({
    tap: connectorId("The tap's id in PipelineWise."),
    target: connectorId("The target's id in PipelineWise."),
    cron: z
      .union([cron, listOf(cron, "Several cron expressions; the pipeline runs at the times of each.")])
      .check(z.meta({ description: "When it runs: a cron expression, or a list of them." })),
    note: z.optional(
      text(noteText, { description: "A comment of one line, shown above the pipeline in the crontab." }),
    ),
    id: z.optional(name("Distinguishes entries that have the same tap, target and command.")),
    command: z.optional(
      z.enum(ENTRY_COMMANDS).check(
        z.meta({
          description:
            "PipelineWise's command. fast_sync and sync_tables are two names for one command: a run uses the name that the installed PipelineWise knows. run_data_diff_checks needs PipelineWise 0.78.",
          default: "run_tap",
        }),
      ),
    ),
    tables: z.optional(
      listOf(
        text(tableName, {}),
        "Only with `command: fast_sync` or `sync_tables`: the tables to sync, `schema.table`. Default: all.",
      ),
    ),
    replication_method_only: z.optional(
      z.enum(REPLICATION_METHODS).check(
        z.meta({
          description:
            "Only with `command: fast_sync` or `sync_tables`: sync only the tables that have this replication method.",
        }),
      ),
    ),
    force: z.optional(
      z.boolean().check(
        z.meta({
          description:
            "Only with `command: fast_sync`, `sync_tables` or `run_data_diff_checks`: adds PipelineWise's option --force.",
          default: false,
        }),
      ),
    ),
    check: z.optional(
      text(checkName, {
        description: "Only with `command: run_data_diff_checks`: the check to run. Default: all checks of the tap.",
      }),
    ),
    table: z.optional(text(tableName, { description: "Only with `command: partial_sync_table`: the table." })),
    column: z.optional(
      text(tableName, {
        description: "Only with `command: partial_sync_table`: the column to which start_value applies.",
      }),
    ),
    start_value: z.optional(
      text(syncValue, { description: "Only with `command: partial_sync_table`: the first value to sync." }),
    ),
    end_value: z.optional(
      text(syncValue, { description: "Only with `command: partial_sync_table`: the last value to sync." }),
    ),
    extra_log: z.optional(
      z.boolean().check(
        z.meta({
          description: "Adds PipelineWise's option --extra_log: the log also contains the connectors' output.",
          default: false,
        }),
      ),
    ),
    timezone: z.optional(timezone("Time zone of this pipeline's cron expressions. Default: the schedule's.")),
  })
  .check(z.meta({ description: "One scheduled command of a pipeline (a tap and a target), with its times." }));

const airflow = z
  .strictObject({
    dags: z.optional(
      text(pathText, {
        description:
          "Airflow's DAGs folder; a relative path is resolved against this file's directory. Default: `airflow config` is asked.",
      }),
    ),
  })
  .check(z.meta({ description: "For `--on airflow`." }));

const cronicle = z
  .strictObject({
    url: z
      .union([
        text((url) => [serverUrl(url)], { description: "Base URL of Cronicle.", format: "uri" }),
        listOf(
          text(serverUrl, { format: "uri" }),
          "URLs of the primary server and of the servers that may replace it.",
        ),
      ])
      .check(z.meta({ description: "URL of Cronicle, or a list. The API key is sent to these URLs only." })),
    key: text(secretReference, {
      description: `Reference to the API key: \${file:PATH} or \${env:NAME}, read at install, never stored.`,
      pattern: "^\\$\\{(file|env):[^}]+\\}$",
    }),
    category: z.optional(
      text(titleText, {
        description: "Category of the events: its id or title.",
        default: "pipelinewise",
      }),
    ),
    target: text(serverWord, {
      description:
        "Server or server group that runs the pipelines. The servers of a group must share PipelineWise's config directory; otherwise its state is lost.",
    }),
  })
  .check(z.meta({ description: "For `--on cronicle`." }));

/** The schema of single keys; rules that span several keys are in `rules.ts`. */
export const ScheduleFile = z
  .strictObject({
    name: z.optional(name("Name of the schedule, and of its block in the crontab.", { default: "pipelinewise" })),
    timezone: z.optional(timezone("Time zone of the cron expressions. Default: the machine's.")),
    pipelinewise: z.optional(pipelinewise),
    airflow: z.optional(airflow),
    cronicle: z.optional(cronicle),
    pipelines: listOf(pipeline, "The entries: which pipeline runs when."),
  })
  .check(z.meta({ description: "Schedule file of pipelinewise-sched: when PipelineWise's pipelines run." }));

export type ScheduleFile = z.output<typeof ScheduleFile>;

const KNOWN_KEYS: Readonly<Record<string, readonly string[]>> = {
  "": Object.keys(ScheduleFile.shape),
  pipelinewise: Object.keys(pipelinewise.shape),
  airflow: Object.keys(airflow.shape),
  cronicle: Object.keys(cronicle.shape),
  pipelines: Object.keys(pipeline.shape),
};

/** The keys that are allowed in the mapping at this path. */
export const knownKeys = (path: readonly unknown[]): readonly string[] => KNOWN_KEYS[String(path[0] ?? "")] ?? [];

const MISSING: Readonly<Record<string, string>> = {
  tap: "Add `tap: ID`, the tap's id in PipelineWise.",
  target: "Add `target: ID`, the target's id in PipelineWise.",
  cron: 'Add the times at which it runs: `cron: "0 * * * *"`.',
  pipelines: 'Add at least one entry: `pipelines: [{tap: my_tap, target: my_target, cron: "0 * * * *"}]`.',
  "cronicle.url": "Add `url: http://HOST:3012`, the URL of Cronicle.",
  "cronicle.key": `Add \`key: "\${file:PATH}"\`, the file that contains the API key.`,
  "cronicle.target": "Add `target: HOST`, the server or server group that runs the pipelines.",
};

/**
 * The hint for a missing key.
 *
 * @param path with the key at its end
 */
export function missingHint(path: readonly unknown[]): string | undefined {
  const key = String(path.at(-1) ?? "");
  return MISSING[`${String(path[0])}.${key}`] ?? MISSING[key];
}
