import * as z from "zod/mini";
import type { Cron } from "../cron/expression.ts";
import { CONNECTOR_ID, connectorIdError, ENTRY_COMMANDS, NAME, nameError } from "../pipeline-id.ts";
import { alerts } from "./alert-schema.ts";
import { policies } from "./policy-schema.ts";
import { retention } from "./retention-schema.ts";
import { duration, limit, listOf, text } from "./schema-parts.ts";
import {
  parseArgument,
  parseCheckName,
  parseCronText,
  parseDefaultArg,
  parseEnvName,
  parseEnvValue,
  parseIdentifier,
  parseMetricsPath,
  parseNote,
  parsePath,
  parsePrintable,
  parseProgram,
  parseSecretReference,
  parseServerName,
  parseServerUrl,
  parseSyncValue,
  parseTableName,
  parseTag,
  parseTitle,
  parseUserName,
  parseZone,
} from "./values.ts";

const REPLICATION_METHODS = ["full_table", "incremental", "log_based"] as const;

const connectorId = (description: string) =>
  text((id) => parseIdentifier(id, connectorIdError(id)), { description, pattern: CONNECTOR_ID.source });
const name = (description: string, more: object = {}) =>
  text((word) => parseIdentifier(word, nameError(word)), { description, pattern: NAME.source, ...more });
const timezone = (description: string) => text(parseZone, { description, examples: ["Europe/London"] });
const cron = text<Cron>(parseCronText, {
  description: "Five fields as in crontab(5), minute hour day month weekday, or a macro such as @daily. In quotes.",
  examples: ["*/5 * * * *", "0 3 * * 1-5", "@daily"],
});

const pipelinewise = z
  .strictObject({
    command: z.optional(
      z
        .union([
          text((program) => [parseProgram(program)], { description: "A program's name or path." }),
          listOf(text(parseArgument, { description: "One argument." }), "A program and its arguments."),
        ])
        .check(
          z.meta({
            description:
              "Command that starts PipelineWise: a program, or a list of a program and its arguments. Default: pipelinewise, as found on the PATH at install.",
          }),
        ),
    ),
    config_dir: z.optional(
      text(parsePath, {
        description:
          "PipelineWise's config directory; a relative path is resolved against this file's directory. Default: $PIPELINEWISE_CONFIG_DIRECTORY, else ~/.pipelinewise.",
      }),
    ),
    env: z.optional(
      z.record(text(parseEnvName, {}), text(parseEnvValue, {})).check(
        z.meta({
          description: `Environment of each run. Values may hold \${file:PATH} or \${env:NAME}, read at each run, never stored.`,
        }),
      ),
    ),
    env_file: z.optional(
      text(parsePath, {
        description:
          "File of variables in dotenv's syntax (mode 0600), read at each run: cron does not pass your environment to a run.",
      }),
    ),
  })
  .check(z.meta({ description: "How PipelineWise is called." }));

const argument = z.union([text(parsePrintable, {}), z.number(), z.boolean()]);

/** Settings of a DAG, for all pipelines or for one. */
const dagSettings = {
  default_args: z.optional(
    z.record(text(parseDefaultArg, {}), argument).check(
      z.meta({
        description:
          "Arguments of Airflow's operator: retries, retry_delay (seconds), owner, pool, queue, priority_weight and so on. Default: retries 0.",
        examples: [{ retries: 2, retry_delay: 300, owner: "data", pool: "pipelinewise" }],
      }),
    ),
  ),
  tags: z.optional(listOf(text(parseTag, {}), "More tags of the DAG.")),
  paused_upon_creation: z.optional(
    z.boolean().check(z.meta({ description: "Whether Airflow creates the DAG paused.", default: false })),
  ),
  outlets: z.optional(
    z.boolean().check(
      z.meta({
        description:
          "Whether a run that succeeds updates the asset (Airflow 2: dataset) pipelinewise://TARGET/TAP, so that another DAG can start after it.",
        default: false,
      }),
    ),
  ),
};

const pipelineAirflow = z
  .strictObject(dagSettings)
  .check(z.meta({ description: "For `--on airflow`: settings of this pipeline's DAG. They override the schedule's." }));

const predecessor = z.strictObject({
  tap: connectorId("The tap's id in PipelineWise."),
  target: connectorId("The target's id in PipelineWise."),
});

const pipeline = z
  .strictObject({
    tap: connectorId("The tap's id in PipelineWise."),
    target: connectorId("The target's id in PipelineWise."),
    cron: z.optional(
      z
        .union([cron, listOf(cron, "Several cron expressions; the pipeline runs at the times of each.")])
        .check(z.meta({ description: "Its times: a cron expression, or a list of them. Required without `after`." })),
    ),
    after: z.optional(
      z.union([predecessor, listOf(predecessor)]).check(
        z.meta({
          description:
            "Runs it after other pipelines of this file, when all of them have succeeded since its own last start; with or without `cron`.",
          examples: [{ tap: "orders", target: "redshift" }],
        }),
      ),
    ),
    note: z.optional(
      text(parseNote, { description: "A comment of one line, shown above the pipeline in the crontab." }),
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
        text(parseTableName, {}),
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
      text(parseCheckName, {
        description: "Only with `command: run_data_diff_checks`: the check to run. Default: all checks of the tap.",
      }),
    ),
    table: z.optional(text(parseTableName, { description: "Only with `command: partial_sync_table`: the table." })),
    column: z.optional(
      text(parseTableName, {
        description: "Only with `command: partial_sync_table`: the column to which start_value applies.",
      }),
    ),
    start_value: z.optional(
      text(parseSyncValue, { description: "Only with `command: partial_sync_table`: the first value to sync." }),
    ),
    end_value: z.optional(
      text(parseSyncValue, { description: "Only with `command: partial_sync_table`: the last value to sync." }),
    ),
    extra_log: z.optional(
      z.boolean().check(
        z.meta({
          description: "Adds PipelineWise's option --extra_log: the log also contains the connectors' output.",
          default: false,
        }),
      ),
    ),
    args: z.optional(
      listOf(
        text(parseArgument, {}),
        "More arguments for PipelineWise's command, after those of the keys above. They may not choose another tap, target or command.",
      ),
    ),
    timezone: z.optional(timezone("Time zone of this pipeline's cron expressions. Default: the schedule's.")),
    source: z.optional(name("The system from which the tap reads, by a name that `limits.source` limits.")),
    enabled: z.optional(
      z.boolean().check(
        z.meta({
          description:
            "false: the entry stays installed, but each of its starts is skipped as paused, as with the command `pause`.",
          default: true,
        }),
      ),
    ),
    alerts: z.optional(z.enum(["off"]).check(z.meta({ description: "off: no alert is sent about this entry." }))),
    ...policies,
    airflow: z.optional(pipelineAirflow),
  })
  .check(z.meta({ description: "One scheduled command of a pipeline (a tap and a target), with its times." }));

const defaults = z
  .strictObject(policies)
  .check(
    z.meta({ description: "Run policies of all pipelines. The same keys of a pipeline override them one by one." }),
  );

const limits = z
  .strictObject({
    host: z.optional(limit("Most pipelines that may run at once on each host.")),
    target: z.optional(
      z.record(connectorId("The target's id in PipelineWise."), limit("Most pipelines of this target.")).check(
        z.meta({
          description: "Most pipelines that may run at once in the cluster, by the id of their target.",
          examples: [{ redshift: 2 }],
        }),
      ),
    ),
    source: z.optional(
      z
        .record(name("A name that pipelines give in their key `source`."), limit("Most pipelines of this source."))
        .check(
          z.meta({
            description: "Most pipelines that may run at once in the cluster, by the name in their key `source`.",
            examples: [{ "orders-db": 1 }],
          }),
        ),
    ),
    queue: z.optional(
      duration(
        "Longest time that a start waits for a place while a limit is reached. Then it is skipped. Default: 30m.",
      ),
    ),
  })
  .check(z.meta({ description: "Limits of the pipelines that run at once. A start over a limit waits for a place." }));

const metrics = z
  .strictObject({
    file: text(parseMetricsPath, {
      pattern: "\\.prom$",
      description:
        "File that `tend` writes every five minutes, for the textfile collector of node_exporter: its name ends in .prom. A relative path is resolved against this file's directory.",
      examples: ["/var/lib/prometheus/node-exporter/pipelinewise.prom"],
    }),
  })
  .check(z.meta({ description: "Metrics for Prometheus." }));

const airflow = z
  .strictObject({
    dags: z.optional(
      text(parsePath, {
        description:
          "Airflow's DAGs folder; a relative path is resolved against this file's directory. Default: `airflow config` is asked.",
      }),
    ),
    ...dagSettings,
  })
  .check(z.meta({ description: "For `--on airflow`." }));

const cronicle = z
  .strictObject({
    url: z
      .union([
        text((url) => [parseServerUrl(url)], { description: "Base URL of Cronicle.", format: "uri" }),
        listOf(
          text(parseServerUrl, { format: "uri" }),
          "URLs of the primary server and of the servers that may replace it.",
        ),
      ])
      .check(z.meta({ description: "URL of Cronicle, or a list. The API key is sent to these URLs only." })),
    key: text(parseSecretReference, {
      description: `Reference to the API key: \${file:PATH} or \${env:NAME}, read at install, never stored.`,
      pattern: "^\\$\\{(file|env):[^}]+\\}$",
    }),
    category: z.optional(
      text(parseTitle, {
        description: "Category of the events: its id or title.",
        default: "pipelinewise",
      }),
    ),
    target: z.optional(
      text(parseServerName, {
        description:
          "Server or server group that runs the pipelines. Without it, a new event gets the group of all servers, and users may change that in Cronicle. The servers of a group must share PipelineWise's config directory; otherwise its state is lost.",
      }),
    ),
  })
  .check(z.meta({ description: "For `--on cronicle`." }));

const systemd = z
  .strictObject({
    user: z.optional(
      text(parseUserName, {
        description:
          "User who runs the pipelines of units that root installs. The config directory must belong to this user. Default: the user who installs.",
      }),
    ),
  })
  .check(z.meta({ description: "For `--on systemd`." }));

/** The schema of single keys; rules that span several keys are in `rules.ts`. */
export const ScheduleFile = z
  .strictObject({
    name: z.optional(name("Name of the schedule, and of its block in the crontab.", { default: "pipelinewise" })),
    timezone: z.optional(timezone("Time zone of the cron expressions. Default: the machine's.")),
    pipelinewise: z.optional(pipelinewise),
    defaults: z.optional(defaults),
    limits: z.optional(limits),
    retention: z.optional(retention),
    metrics: z.optional(metrics),
    alerts: z.optional(alerts),
    airflow: z.optional(airflow),
    cronicle: z.optional(cronicle),
    systemd: z.optional(systemd),
    pipelines: listOf(pipeline, "The entries: which pipeline runs when."),
  })
  .check(z.meta({ description: "Schedule file of pipelinewise-sched: when PipelineWise's pipelines run." }));

export type ScheduleFile = z.output<typeof ScheduleFile>;

/** The schema below a key or a list position; `undefined` if there is none. */
function schemaBelow(schema: z.core.$ZodType | undefined, step: unknown): z.core.$ZodType | undefined {
  const { def } = (schema as z.core.$ZodTypes | undefined)?._zod ?? {}; // Every schema of Zod is one of these.
  switch (def?.type) {
    case "optional":
      return schemaBelow(def.innerType, step);
    case "union":
      return def.options.map((option) => schemaBelow(option, step)).find((found) => found !== undefined);
    case "array":
      return def.element;
    case "record":
      return def.valueType;
    case "object":
      return def.shape[String(step)];
    default:
      return undefined;
  }
}

/** The keys of a mapping; none for other values. */
function keysOf(schema: z.core.$ZodType | undefined): readonly string[] {
  const { def } = (schema as z.core.$ZodTypes | undefined)?._zod ?? {}; // Every schema of Zod is one of these.
  if (def?.type === "optional") return keysOf(def.innerType);
  if (def?.type === "union") return def.options.flatMap(keysOf);
  return def?.type === "object" ? Object.keys(def.shape) : [];
}

/** The keys that are allowed in the mapping at this path. */
export const knownKeys = (path: readonly unknown[]): readonly string[] =>
  keysOf(path.reduce<z.core.$ZodType | undefined>(schemaBelow, ScheduleFile));
